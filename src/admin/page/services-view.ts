/**
 * The table of services: a row each, and one more for each version. The name is a button that shows its endpoints.
 */
import type { GroupFacts } from '../frame.ts';
import { byId, element, Keyed, mark, say } from './dom.ts';
import * as format from './format.ts';
import { successTone, type KnownService, type Model, type Tone } from './model.ts';
import { Meter, Pill, Sparkline } from './pieces.ts';

interface Shown {
  readonly name: string;
  readonly service: KnownService;
  readonly groups: readonly GroupFacts[];
  readonly counts: { readonly all: number; readonly available: number };
  readonly selected: boolean;
  /** By their clock. */
  readonly now: number;
}

export class ServicesView {
  readonly #rows: Keyed<Shown, ServiceRow>;

  constructor(select: (service: string) => void) {
    this.#rows = new Keyed<Shown, ServiceRow>(byId('service-rows'), ({ name }) => new ServiceRow(name, select), (row, shown) => row.show(shown));
  }

  show(model: Model, selected: string, now: number): void {
    const shown = [...model.services].sort(([one], [other]) => (one < other ? -1 : 1)).map(([name, service]): [string, Shown] => {
      const groups = model.groupsOf(name);
      const counts = groups.map(({ id }) => model.countsOf(id)).reduce((sum, each) => ({ all: sum.all + each.all, available: sum.available + each.available }), { all: 0, available: 0 });
      return [name, { name, service, groups, counts, selected: name === selected, now }];
    });
    this.#rows.show(shown);
    byId('no-services').hidden = shown.length > 0;
  }
}

class ServiceRow {
  readonly root: HTMLTableRowElement;
  readonly #button: HTMLButtonElement;
  readonly #routes = element('small', { class: 'muted' });
  readonly #rate = element('span');
  readonly #rates = new Sparkline();
  readonly #success = element('span');
  readonly #p50 = element('td', { class: 'number' });
  readonly #p99 = element('span');
  readonly #slowest = new Sparkline();
  readonly #inFlight = element('span');
  readonly #load = new Meter();
  readonly #endpoints = element('span');
  readonly #available = new Meter();
  readonly #circuit = new Pill();
  readonly #budget = element('td', { class: 'number' });
  readonly #discovery = new Pill();

  constructor(name: string, select: (service: string) => void) {
    this.#button = element('button', { type: 'button' }, name);
    this.#button.addEventListener('click', () => select(name));
    this.root = element('tr', {},
      element('th', { scope: 'row' }, element('div', { class: 'with' }, this.#button, this.#routes)),
      element('td', { class: 'number' }, element('div', { class: 'with' }, this.#rates.root, this.#rate)),
      element('td', { class: 'number' }, this.#success),
      this.#p50,
      element('td', { class: 'number' }, element('div', { class: 'with' }, this.#slowest.root, this.#p99)),
      element('td', {}, element('div', { class: 'with' }, this.#load.root, this.#inFlight)),
      element('td', {}, element('div', { class: 'with' }, this.#available.root, this.#endpoints)),
      element('td', {}, this.#circuit.root),
      this.#budget,
      element('td', {}, this.#discovery.root),
    );
  }

  show({ service: { facts, rates, slowest }, groups, counts, selected, now }: Shown): void {
    mark(this.root, 'class', selected ? 'selected' : '');
    mark(this.#button, 'aria-pressed', undefined);
    mark(this.#button, 'aria-current', selected ? 'true' : undefined);
    say(this.#routes, facts.routes.map(([, weights]) => weights).filter((weights) => weights !== null).slice(-1).map(weightsText).join(''));
    say(this.#rate, format.rate(facts.rate));
    this.#rates.show(rates);
    say(this.#success, format.share(facts.success));
    mark(this.#success, 'class', `tone-${successTone(facts.success)}`);
    say(this.#p50, format.milliseconds(facts.p50));
    say(this.#p99, format.milliseconds(facts.p99));
    this.#slowest.show(slowest);
    const { inFlight, queued, limit } = facts;
    say(this.#inFlight, `${inFlight}${limit === null ? '' : ` of ${format.whole(limit)}`}${queued > 0 ? `, ${queued} wait` : ''}${facts.throttled > 0 ? `, ${format.share(facts.throttled)} throttled` : ''}`);
    this.#load.show(limit === null || limit === 0 ? 0 : inFlight / limit, queued > 0 ? 'warn' : 'plain');
    const known = groups.reduce((sum, group) => sum + group.known, 0);
    say(this.#endpoints, `${counts.available} of ${counts.all}${known > counts.all ? `, ${format.whole(known)} known` : ''}${groups.some(({ panic }) => panic) ? ', panic' : ''}`);
    this.#available.show(counts.all === 0 ? 0 : counts.available / counts.all, counts.available === counts.all ? 'good' : counts.available * 2 < counts.all ? 'bad' : 'warn');
    this.#circuit.show(...circuitOf(groups, now));
    say(this.#budget, String(facts.budget));
    this.#discovery.show(...discoveryOf(groups, now));
  }
}

function weightsText(weights: Readonly<Record<string, number>>): string {
  return Object.entries(weights).map(([version, weight]) => `${version} ${weight}`).join(' : ');
}

const worse: readonly string[] = ['closed', 'half-open', 'open'];

function circuitOf(groups: readonly GroupFacts[], now: number): [string, Tone] {
  const [worst] = [...groups].sort((one, other) => worse.indexOf(other.circuit) - worse.indexOf(one.circuit));
  if (worst === undefined || worst.circuit === 'closed') return ['closed', 'good'];
  const where = groups.length > 1 && worst.version !== null ? `${worst.version} ` : '';
  const until = worst.circuit === 'open' && worst.retryAt !== null && worst.retryAt > now ? `, ${format.age(worst.retryAt - now)}` : '';
  return [`${where}${worst.circuit}${worst.circuitEnforced ? '' : ' (observed)'}${until}`, worst.circuit === 'open' ? 'bad' : 'warn'];
}

const tones: Readonly<Record<string, Tone>> = { fresh: 'good', stale: 'warn', 'unconfirmed-empty': 'warn', empty: 'bad', never: 'warn' };

/** The one that is oldest. */
function discoveryOf(groups: readonly GroupFacts[], now: number): [string, Tone] {
  const [oldest] = [...groups].sort((one, other) => (one.answeredAt ?? 0) - (other.answeredAt ?? 0));
  if (oldest === undefined) return ['–', 'idle'];
  // What the policy lists does not age.
  if (oldest.source.startsWith('endpoints ')) return ['fixed', 'idle'];
  const age = oldest.answeredAt === null ? '' : ` · ${format.age(now - oldest.answeredAt)} ago`;
  return [`${oldest.discovery}${age}`, tones[oldest.discovery] ?? 'idle'];
}
