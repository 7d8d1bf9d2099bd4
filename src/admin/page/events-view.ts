/**
 * What was decided, the newest first. What concerns a whole service or an endpoint's place in it is also said aloud, seldom; the rest would
 * never let anybody speak who reads with his ears.
 */
import type { LoggedEvent } from '../event-log.ts';
import { byId, element, Keyed } from './dom.ts';
import * as format from './format.ts';
import type { Tone } from './model.ts';

const SHOWN = 120;
/** Announcements come no closer than this. */
const APART = 5_000;

const tones: Readonly<Record<string, Tone>> = {
  'endpoint.ejected': 'bad', 'endpoint.unhealthy': 'bad', 'circuit.opened': 'bad', 'balancer.panic': 'bad', 'policy.rejected': 'bad', 'discovery.failed': 'bad', 'schedule.rolled-back': 'bad', 'version.empty': 'bad',
  'endpoint.returned': 'good', 'endpoint.healthy': 'good', 'circuit.closed': 'good', 'policy.loaded': 'good',
  'retry.suppressed': 'warn', 'call.shed': 'warn', 'call.fallback': 'warn', 'schedule.held': 'warn', 'endpoint.ejection.limited': 'warn', 'discovery.truncated': 'warn', 'discovery.virtual': 'warn',
};
const ALOUD = new Set(['endpoint.ejected', 'circuit.opened', 'circuit.closed', 'balancer.panic', 'policy.rejected', 'policy.loaded', 'schedule.rolled-back']);

export class EventsView {
  readonly #list = new Keyed<LoggedEvent, { readonly root: HTMLLIElement }>(byId('events'), itemOf, () => {});
  readonly #said = byId('announcements');
  #events: LoggedEvent[] = [];
  #saidAt = 0;

  /** `fresh`: it happened just now. */
  add(logged: LoggedEvent, fresh: boolean, now: number): void {
    // After a restart of the process they count from 1 again.
    if (this.#events.some(({ id, at }) => id === logged.id && at === logged.at)) return;
    this.#events = [logged, ...this.#events].slice(0, SHOWN);
    if (!fresh || !ALOUD.has(logged.name) || now - this.#saidAt < APART) return;
    this.#saidAt = now;
    this.#said.textContent = `${logged.name} ${textOf(logged)}`;
  }

  show(): void {
    this.#list.show(this.#events.map((logged) => [`${logged.at} ${logged.id}`, logged]));
  }
}

function itemOf(logged: LoggedEvent): { root: HTMLLIElement } {
  const at = new Date(logged.at);
  const pill = element('span', { class: 'pill', 'data-tone': tones[logged.name] ?? 'idle' }, logged.name);
  const skipped = logged.skipped === undefined ? undefined : element('span', { class: 'more' }, ` and ${format.whole(logged.skipped)} more before it`);
  return { root: element('li', {}, element('time', { datetime: at.toISOString() }, format.clockTime(logged.at)), element('div', { class: 'what' }, pill, ' ', textOf(logged), skipped)) };
}

function textOf({ event }: LoggedEvent): string {
  const { service, endpoint, route, enforced, ...others } = event;
  const whom = [service, typeof route === 'string' ? `route ${route}` : undefined, endpoint].filter((each) => typeof each === 'string').join(' ');
  const facts = Object.entries(others).filter(([, value]) => value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0)).map(([name, value]) => `${name} ${valueText(name, value)}`);
  return [whom, facts.join(', '), enforced === false ? '(only observed)' : ''].filter((part) => part !== '').join(' · ');
}

function valueText(name: string, value: unknown): string {
  if (typeof value === 'number' && /rate$/i.test(name)) return format.share(value);
  if (typeof value === 'number' && /^(duration|after|delay|openFor|age)$/.test(name)) return format.milliseconds(value);
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  return Array.isArray(value) ? value.map(String).join(' ') : JSON.stringify(value);
}
