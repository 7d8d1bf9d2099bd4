/**
 * What the page knows: the frames (../frame.ts) put together, and what they were over the last minutes. Nothing here touches the document.
 */
import type { Frame, GroupFacts, Row, ServiceFacts } from '../frame.ts';

export type Tone = 'good' | 'warn' | 'bad' | 'idle';

/** Points of a sparkline. */
const REMEMBERED = 60;

/** The last values, the newest last. */
export class History {
  readonly values: number[] = [];

  push(value: number): void {
    this.values.push(value);
    if (this.values.length > REMEMBERED) this.values.shift();
  }
}

export interface KnownEndpoint {
  readonly group: string;
  readonly key: string;
  readonly zone: string;
  readonly weight: number;
  readonly state: string;
  readonly pending: number;
  readonly load: number;
  readonly latency: number;
  readonly measured: boolean;
  /** Since the process knows it. */
  readonly succeeded: number;
  readonly failed: number;
  readonly health: string;
  readonly why: string;
  /** Epoch milliseconds; 0: it is not ejected. */
  readonly until: number;
  /** Attempts per second that ended since the frame before, and those of them that failed. */
  rate: number;
  failures: number;
  readonly latencies: History;
}

export interface KnownService {
  facts: ServiceFacts;
  readonly rates: History;
  readonly slowest: History;
}

export type Head = Pick<Frame, 'service' | 'instance' | 'phase' | 'calls' | 'policy'>;

export class Model {
  head: Head | undefined;
  readonly services = new Map<string, KnownService>();
  readonly groups = new Map<string, GroupFacts>();
  readonly endpoints = new Map<string, Map<string, KnownEndpoint>>();
  readonly rates = new History();
  /** Their clock less ours. */
  skew = 0;
  #at = 0;

  apply(frame: Frame, now: number): void {
    const seconds = frame.full ? 0 : (frame.at - this.#at) / 1000;
    this.#at = frame.at;
    this.skew = frame.at - now;
    this.head = frame;
    if (frame.full) this.#forgetAllBut(frame);
    for (const name of frame.gone.services) this.services.delete(name);
    for (const id of frame.gone.groups) {
      this.groups.delete(id);
      this.endpoints.delete(id);
    }
    for (const [id, keys] of Object.entries(frame.gone.rows)) for (const key of keys) this.endpoints.get(id)?.delete(key);
    for (const facts of frame.services) {
      const known = this.services.get(facts.name);
      if (known === undefined) this.services.set(facts.name, { facts, rates: new History(), slowest: new History() });
      else known.facts = facts;
    }
    for (const facts of frame.groups) this.groups.set(facts.id, facts);
    // Who is not in a frame did nothing since the one before.
    for (const group of this.endpoints.values()) for (const endpoint of group.values()) endpoint.rate = endpoint.failures = 0;
    for (const [id, rows] of Object.entries(frame.rows)) {
      let group = this.endpoints.get(id);
      if (group === undefined) this.endpoints.set(id, (group = new Map<string, KnownEndpoint>()));
      for (const row of rows) group.set(row[0], endpointOf(id, row, group.get(row[0]), seconds));
    }
    this.#remember();
  }

  /** Of all services together. */
  totals(): { rate: number; success: number | null; slowest: number | null; available: number; known: number; out: number; open: number } {
    const sums = { rate: 0, succeeded: 0, slowest: -1, available: 0, known: 0, out: 0, open: 0 };
    for (const { facts } of this.services.values()) {
      sums.rate += facts.rate;
      sums.succeeded += facts.rate * (facts.success ?? 0);
      if (facts.p99 !== null) sums.slowest = Math.max(sums.slowest, facts.p99);
    }
    for (const group of this.groups.values()) {
      const counts = this.countsOf(group.id);
      sums.known += counts.all;
      sums.available += counts.available;
      sums.out += counts.all - counts.available;
      if (group.circuit !== 'closed') sums.open += 1;
    }
    const { rate, succeeded, slowest, ...others } = sums;
    return { rate, success: rate === 0 ? null : succeeded / rate, slowest: slowest < 0 ? null : slowest, ...others };
  }

  groupsOf(service: string): GroupFacts[] {
    return [...this.groups.values()].filter((group) => group.service === service);
  }

  /** Of those that this process talks to. */
  countsOf(id: string): { all: number; available: number } {
    const endpoints = [...(this.endpoints.get(id)?.values() ?? [])];
    return { all: endpoints.length, available: endpoints.filter((endpoint) => toneOf(endpoint) === 'good').length };
  }

  endpointsOf(service: string): KnownEndpoint[] {
    return this.groupsOf(service).flatMap(({ id }) => [...(this.endpoints.get(id)?.values() ?? [])]);
  }

  #forgetAllBut(frame: Frame): void {
    const services = new Set(frame.services.map(({ name }) => name));
    for (const name of this.services.keys()) if (!services.has(name)) this.services.delete(name);
    this.groups.clear();
    for (const [id, group] of this.endpoints) {
      const keys = new Set((frame.rows[id] ?? []).map(([key]) => key));
      for (const key of group.keys()) if (!keys.has(key)) group.delete(key);
      if (group.size === 0) this.endpoints.delete(id);
    }
  }

  #remember(): void {
    this.rates.push(this.totals().rate);
    for (const { facts, rates, slowest } of this.services.values()) {
      rates.push(facts.rate);
      slowest.push(facts.p99 ?? 0);
    }
    for (const group of this.endpoints.values()) for (const { latencies, latency } of group.values()) latencies.push(Math.max(0, latency));
  }
}

function endpointOf(group: string, row: Row, before: KnownEndpoint | undefined, seconds: number): KnownEndpoint {
  const [key, zone, weight, , state, pending, load, latency, measured, succeeded, failed, overloaded, health, why, until] = row;
  const bad = failed + overloaded;
  const per = before === undefined || seconds <= 0 ? 0 : 1 / seconds;
  return {
    group, key, zone, weight, state, pending, load, latency, measured: measured === 1, succeeded, failed: bad, health, why, until,
    rate: Math.max(0, succeeded + bad - (before?.succeeded ?? 0) - (before?.failed ?? 0)) * per,
    failures: Math.max(0, bad - (before?.failed ?? 0)) * per,
    latencies: before?.latencies ?? new History(),
  };
}

export function toneOf({ state, health }: Pick<KnownEndpoint, 'state' | 'health'>): Tone {
  if (state === 'ejected' || health === 'unhealthy') return 'bad';
  return state === 'trial' ? 'warn' : 'good';
}

export function successTone(success: number | null): Tone {
  if (success === null) return 'idle';
  return success < 0.95 ? 'bad' : success < 0.99 ? 'warn' : 'good';
}
