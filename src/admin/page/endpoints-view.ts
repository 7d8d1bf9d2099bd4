/**
 * The table of one service's endpoints: sorted, filtered, and a page at a time, so that a thousand of them cost no more than fifty.
 */
import { byId, element, Keyed, mark, say } from './dom.ts';
import * as format from './format.ts';
import { toneOf, type KnownEndpoint, type Model } from './model.ts';
import { Meter, Pill, Sparkline } from './pieces.ts';

const PER_PAGE = 50;

interface Column {
  readonly title: string;
  readonly number?: true;
  /** Undefined: it cannot be sorted by. */
  readonly by?: (endpoint: KnownEndpoint) => number | string;
}

/** In trouble first. */
const order: Readonly<Record<string, number>> = { bad: 0, warn: 1, good: 2, idle: 3 };

const columns: readonly Column[] = [
  { title: 'State', by: (endpoint) => order[toneOf(endpoint)]! },
  { title: 'Endpoint', by: ({ key }) => key },
  { title: 'Version', by: ({ group }) => group },
  { title: 'Zone', by: ({ zone }) => zone },
  { title: 'Load', by: ({ load }) => (load < 0 ? Infinity : load) },
  { title: 'In flight', number: true, by: ({ pending }) => pending },
  { title: 'Latency', number: true, by: ({ latency }) => latency },
  { title: 'Attempts/s', number: true, by: ({ rate }) => rate },
  { title: 'Failed/s', number: true, by: ({ failures }) => failures },
  { title: 'Failed in all', number: true, by: ({ failed }) => failed },
  { title: 'Why' },
];

const VERSION = columns.findIndex(({ title }) => title === 'Version');
const ZONE = columns.findIndex(({ title }) => title === 'Zone');

/** Columns that are only there where there is something in them. */
interface Columns {
  readonly versions: boolean;
  readonly zones: boolean;
}

interface Shown extends Columns {
  readonly endpoint: KnownEndpoint;
  /** The highest of them all. */
  readonly heaviest: number;
  readonly now: number;
}

export class EndpointsView {
  readonly #rows = new Keyed<Shown, EndpointRow>(byId('endpoint-rows'), () => new EndpointRow(), (row, shown) => row.show(shown));
  readonly #heads: readonly HTMLTableCellElement[];
  readonly #filter = byId<HTMLInputElement>('filter');
  readonly #troubled = byId<HTMLInputElement>('troubled');
  readonly #previous = byId<HTMLButtonElement>('previous');
  readonly #next = byId<HTMLButtonElement>('next');
  #sorted = { column: 0, down: false };
  #page = 0;

  constructor(changed: () => void) {
    this.#heads = columns.map(({ title, number, by }, column) => {
      if (by === undefined) return element('th', { scope: 'col' }, title);
      const button = element('button', { type: 'button' }, title);
      button.addEventListener('click', () => {
        this.#sorted = { column, down: this.#sorted.column === column ? !this.#sorted.down : number === true };
        this.#page = 0;
        changed();
      });
      return element('th', { scope: 'col', class: number === true ? 'number' : '' }, button);
    });
    byId('endpoint-head').append(...this.#heads);
    const anew = (): void => {
      this.#page = 0;
      changed();
    };
    this.#filter.addEventListener('input', anew);
    this.#troubled.addEventListener('change', anew);
    this.#previous.addEventListener('click', () => {
      this.#page -= 1;
      changed();
    });
    this.#next.addEventListener('click', () => {
      this.#page += 1;
      changed();
    });
  }

  show(model: Model, service: string, now: number): void {
    const all = model.endpointsOf(service);
    const wanted = this.#filter.value.trim().toLowerCase();
    const found = all.filter((endpoint) => (wanted === '' || `${endpoint.key} ${endpoint.zone} ${endpoint.group} ${endpoint.why}`.toLowerCase().includes(wanted)) && (!this.#troubled.checked || toneOf(endpoint) !== 'good'));
    const { column, down } = this.#sorted;
    const by = columns[column]!.by!;
    const sorted = found.map((endpoint) => [by(endpoint), endpoint] as const).sort(([one, first], [other, second]) => (one === other ? collator.compare(first.key, second.key) : (one < other ? -1 : 1) * (down ? -1 : 1)));
    this.#page = Math.max(0, Math.min(this.#page, Math.ceil(sorted.length / PER_PAGE) - 1));
    const from = this.#page * PER_PAGE;
    const shown: Columns = { versions: all.some(({ group }) => group.includes('/')), zones: all.some(({ zone }) => zone !== '') };
    this.#heads[VERSION]!.hidden = !shown.versions;
    this.#heads[ZONE]!.hidden = !shown.zones;
    const heaviest = Math.max(1e-9, ...all.map(({ load }) => load));
    this.#rows.show(sorted.slice(from, from + PER_PAGE).map(([, endpoint]) => [`${endpoint.group} ${endpoint.key}`, { endpoint, heaviest, now, ...shown }]));
    for (const [index, head] of this.#heads.entries()) mark(head, 'aria-sort', index !== column ? undefined : down ? 'descending' : 'ascending');
    say(byId('endpoints-title'), service === '' ? 'Endpoints' : `Endpoints of ${service}`);
    say(byId('range'), sorted.length === 0 ? '' : `${from + 1}–${Math.min(from + PER_PAGE, sorted.length)} of ${format.whole(sorted.length)}`);
    this.#previous.disabled = this.#page === 0;
    this.#next.disabled = from + PER_PAGE >= sorted.length;
    byId('no-endpoints').hidden = sorted.length > 0;
    say(byId('no-endpoints'), all.length > 0 ? 'None of them.' : 'No endpoint.');
  }
}

const collator = new Intl.Collator('en', { numeric: true });

class EndpointRow {
  readonly #state = new Pill();
  readonly #key = element('th', { scope: 'row' });
  readonly #version = element('td');
  readonly #zone = element('td');
  readonly #load = element('span');
  readonly #meter = new Meter();
  readonly #pending = element('td', { class: 'number' });
  readonly #latency = element('span');
  readonly #latencies = new Sparkline();
  readonly #rate = element('td', { class: 'number' });
  readonly #failures = element('td', { class: 'number' });
  readonly #failed = element('td', { class: 'number' });
  readonly #why = element('td', { class: 'why' });
  readonly root = element('tr', {},
    element('td', {}, this.#state.root), this.#key, this.#version, this.#zone,
    element('td', {}, element('div', { class: 'with' }, this.#meter.root, this.#load)), this.#pending,
    element('td', { class: 'number' }, element('div', { class: 'with' }, this.#latencies.root, this.#latency)),
    this.#rate, this.#failures, this.#failed, this.#why,
  );

  show({ endpoint, heaviest, now, versions, zones }: Shown): void {
    const { group, key, zone, state, pending, load, latency, measured, rate, failures, failed, health, why, until, latencies } = endpoint;
    const tone = toneOf(endpoint);
    const left = state === 'ejected' && until > now ? ` ${format.age(until - now)}` : '';
    this.#state.show(state === 'available' && health === 'unhealthy' ? 'unhealthy' : `${state}${left}`, tone);
    say(this.#key, key);
    say(this.#version, group.includes('/') ? group.slice(group.indexOf('/') + 1) : '–');
    say(this.#zone, zone === '' ? '–' : zone);
    this.#version.hidden = !versions;
    this.#zone.hidden = !zones;
    say(this.#load, load < 0 ? '∞' : load.toPrecision(3));
    this.#meter.show(load < 0 ? 1 : load / heaviest, tone === 'good' ? 'plain' : tone);
    say(this.#pending, String(pending));
    say(this.#latency, `${measured ? '' : '≈ '}${format.milliseconds(latency)}`);
    this.#latencies.show(latencies);
    say(this.#rate, format.rate(rate));
    say(this.#failures, failures === 0 ? '0' : format.rate(failures));
    mark(this.#failures, 'class', failures > 0 ? 'number tone-bad' : 'number');
    say(this.#failed, format.whole(failed));
    say(this.#why, why);
  }
}
