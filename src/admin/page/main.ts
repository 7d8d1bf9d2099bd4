/**
 * The live page. It listens to `events` beside it, keeps what it is told (model.ts), and shows it once per frame of the screen at most, and
 * only while somebody can see it.
 */
import type { LoggedEvent } from '../event-log.ts';
import type { Frame } from '../frame.ts';
import { byId, element, Keyed, mark, say } from './dom.ts';
import { EndpointsView } from './endpoints-view.ts';
import { EventsView } from './events-view.ts';
import * as format from './format.ts';
import { Graph } from './graph.ts';
import { Model, successTone, type History, type Tone } from './model.ts';
import { Sparkline } from './pieces.ts';
import { ServicesView } from './services-view.ts';

const model = new Model();
const services = new ServicesView(select);
const graph = new Graph(byId('graph'), byId('graph-more'), select);
const endpoints = new EndpointsView(schedule);
const events = new EventsView();
const pause = byId<HTMLButtonElement>('pause');
const connection = byId('connection');
let scheduled = false;
let paused = false;

interface Fact {
  readonly label: string;
  readonly value: string;
  readonly tone?: Tone;
}

interface Tile {
  readonly label: string;
  readonly value: string;
  readonly unit: string;
  readonly tone: Tone;
  readonly history?: History;
}

const facts = new Keyed<Fact, { root: HTMLElement; value: HTMLElement }>(byId('facts'), ({ label }) => {
  const value = element('dd');
  return { root: element('div', {}, element('dt', {}, label), value), value };
}, ({ value }, fact) => {
  say(value, fact.value);
  mark(value, 'class', fact.tone === undefined ? '' : `tone-${fact.tone}`);
});

const tiles = new Keyed<Tile, { root: HTMLElement; value: HTMLElement; unit: HTMLElement; spark: Sparkline | undefined }>(byId('tiles'), ({ label, history }) => {
  const [value, unit] = [element('span'), element('small')];
  const spark = history === undefined ? undefined : new Sparkline();
  return { root: element('div', { class: 'tile' }, element('div', { class: 'label' }, label), element('div', { class: 'value' }, value, ' ', unit), spark?.root), value, unit, spark };
}, ({ root, value, unit, spark }, tile) => {
  say(value, tile.value);
  say(unit, tile.unit);
  mark(root, 'data-tone', tile.tone);
  if (tile.history !== undefined) spark?.show(tile.history);
});

function select(service: string): void {
  location.hash = encodeURIComponent(service);
}

/** That of the address, where it is there; else the first. */
function selected(): string {
  let named = '';
  try {
    named = decodeURIComponent(location.hash.slice(1));
  } catch {
    // Somebody wrote the address himself.
  }
  return model.services.has(named) ? named : ([...model.services.keys()].sort()[0] ?? '');
}

function schedule(): void {
  if (scheduled || document.hidden) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    show();
  });
}

function show(): void {
  const { head } = model;
  if (head === undefined) return;
  const now = Date.now() + model.skew;
  const service = selected();
  document.title = `${head.service} · inmesh`;
  say(byId('service'), head.service);
  say(byId('instance'), head.instance);
  const { generation, valid, source, since, error } = head.policy;
  facts.show([
    { label: 'policy', value: `generation ${generation}, ${age(now, since)}` },
    { label: 'from', value: source },
    ...(valid ? [] : [{ label: 'rejected', value: (error ?? '').slice(0, 200), tone: 'bad' as const }]),
    ...(head.phase === 'open' ? [] : [{ label: 'client', value: head.phase, tone: 'warn' as const }]),
  ].map((fact) => [fact.label, fact]));
  const totals = model.totals();
  tiles.show([
    { label: 'Calls', value: format.rate(totals.rate), unit: '/s', tone: 'idle', history: model.rates } as const,
    { label: 'Success', value: format.share(totals.success), unit: '', tone: successTone(totals.success) } as const,
    { label: 'Slowest p99', value: format.milliseconds(totals.slowest), unit: '', tone: 'idle' } as const,
    { label: 'In flight', value: format.whole(head.calls), unit: 'calls', tone: 'idle' } as const,
    { label: 'Endpoints', value: format.whole(totals.available), unit: `of ${format.whole(totals.known)}`, tone: 'idle' } as const,
    { label: 'Out of use', value: format.whole(totals.out), unit: totals.out === 1 ? 'endpoint' : 'endpoints', tone: totals.out > 0 ? 'bad' : 'idle' } as const,
    { label: 'Circuits not closed', value: String(totals.open), unit: '', tone: totals.open > 0 ? 'bad' : 'idle' } as const,
  ].map((tile) => [tile.label, tile]));
  graph.show(model, service);
  services.show(model, service, now);
  endpoints.show(model, service, now);
  events.show();
}

function age(now: number, since: number): string {
  return `${format.age(now - since)} old`;
}

function connect(): void {
  const source = new EventSource('events');
  source.addEventListener('open', () => status('live', 'good'));
  source.addEventListener('error', () => status(source.readyState === EventSource.CLOSED ? 'gone' : 'reconnecting', 'warn'));
  source.addEventListener('full', () => {
    status('too many look already', 'warn');
    source.close();
  });
  source.addEventListener('state', (message) => {
    model.apply(JSON.parse(message.data as string) as Frame, Date.now());
    if (!paused) schedule();
  });
  source.addEventListener('mesh', (message) => {
    const logged = JSON.parse(message.data as string) as LoggedEvent;
    const now = Date.now();
    events.add(logged, Math.abs(now + model.skew - logged.at) < 5000, now);
    if (!paused) schedule();
  });
}

function status(text: string, tone: Tone): void {
  say(connection, text);
  mark(connection, 'data-tone', tone);
}

pause.addEventListener('click', () => {
  paused = !paused;
  mark(pause, 'aria-pressed', String(paused));
  if (!paused) schedule();
});
addEventListener('hashchange', schedule);
document.addEventListener('visibilitychange', schedule);
// Ages go on where nothing else does.
setInterval(() => {
  if (!paused) schedule();
}, 1000);
connect();
