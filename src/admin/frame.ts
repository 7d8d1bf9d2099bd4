/**
 * Frames: what the live page is told, once in full and from then on only what differs from the frame before.
 *
 * An endpoint is one row, a flat list whose values are rounded to what can be seen, so that a row changes when there is something to see. Rows
 * are compared as the text that would be sent. A frame of a thousand endpoints is some 80 kB; what changes in a second is mostly a fraction.
 */
import type { ObservedEndpoint, ObservedGroup, ObservedMesh, ObservedService } from './port.ts';
import type { TrafficRecord } from './traffic.ts';

/** `[key, zone, weight, priority, state, pending, load, latency, measured, succeeded, failed, overloaded, health, why, until]` */
export type Row = readonly [
  endpoint: string, zone: string, weight: number, priority: number, state: string, pending: number, load: number, latency: number, measured: 0 | 1,
  succeeded: number, failed: number, overloaded: number, health: string, why: string, until: number,
];

/** What there is to say of a group beside its endpoints. */
export interface GroupFacts {
  /** `reviews`, or `reviews/v2`. */
  readonly id: string;
  readonly service: string;
  readonly version: string | null;
  readonly circuit: string;
  readonly circuitEnforced: boolean;
  /** Epoch milliseconds. */
  readonly retryAt: number | null;
  readonly circuitFailures: readonly [failures: number, requests: number];
  readonly panic: boolean;
  readonly discovery: string;
  readonly source: string;
  /** Epoch milliseconds of the last good answer, to the second. */
  readonly answeredAt: number | null;
  readonly lastError: string | null;
  readonly known: number;
  readonly used: number;
  readonly strategy: string;
}

export interface ServiceFacts {
  readonly name: string;
  readonly rate: number;
  readonly success: number | null;
  readonly p50: number | null;
  readonly p99: number | null;
  readonly inFlight: number;
  readonly queued: number;
  /** null: nothing limits it. */
  readonly limit: number | null;
  readonly budget: number;
  /** Share of the calls that the throttle does not send, of the tier of which it sends least. */
  readonly throttled: number;
  readonly routes: readonly (readonly [name: string, weights: Readonly<Record<string, number>> | null])[];
}

export interface Frame {
  /** Everything, and not only what changed. */
  readonly full: boolean;
  readonly at: number;
  readonly service: string;
  readonly instance: string;
  readonly phase: string;
  readonly calls: number;
  readonly policy: Omit<ObservedMesh['policy'], 'age'> & { readonly since: number };
  /** Milliseconds until the next one, about. */
  readonly every: number;
  readonly services: readonly ServiceFacts[];
  readonly groups: readonly GroupFacts[];
  readonly rows: Readonly<Record<string, readonly Row[]>>;
  /** Names of services, ids of groups, and rows by group. */
  readonly gone: { readonly services: readonly string[]; readonly groups: readonly string[]; readonly rows: Readonly<Record<string, readonly string[]>> };
}

type Head = Omit<Frame, 'full' | 'services' | 'groups' | 'rows' | 'gone'>;

/** What was said last. */
export class Frames {
  #head: Head | undefined;
  #headText = '';
  #services = new Map<string, Said<ServiceFacts>>();
  #groups = new Map<string, Said<GroupFacts>>();
  #rows = new Map<string, Map<string, Said<Row>>>();

  /** What is, and remembers it; only what differs from before, and undefined where nothing does. */
  next(mesh: ObservedMesh, traffic: TrafficRecord, about: { readonly wall: number; readonly phase: string; readonly every: number }): Frame | undefined {
    const { services, policy, ...rest } = mesh;
    const { age, ...facts } = policy;
    this.#head = { at: Math.round(about.wall), service: rest.service, instance: rest.instance, calls: rest.calls, phase: about.phase, every: about.every, policy: { ...facts, since: second(about.wall - age) } };
    const headText = JSON.stringify({ ...this.#head, at: 0 });
    let moved = headText !== this.#headText;
    this.#headText = headText;
    const groups = services.flatMap((service) => groupsOf(service, about.wall));
    const changed = {
      services: changes(this.#services, services.map((service) => [service.name, serviceFacts(service, traffic)])),
      groups: changes(this.#groups, groups.map(({ facts: each }) => [each.id, each])),
    };
    const rows = noKeys<readonly Row[]>();
    const goneRows = noKeys<readonly string[]>();
    for (const { facts: { id }, endpoints } of groups) {
      let said = this.#rows.get(id);
      if (said === undefined) this.#rows.set(id, (said = new Map<string, Said<Row>>()));
      const change = changes(said, endpoints.map((endpoint) => [endpoint.endpoint, row(endpoint)]));
      if (change.changed.length > 0) rows[id] = change.changed;
      if (change.gone.length > 0) goneRows[id] = change.gone;
      moved ||= change.changed.length + change.gone.length > 0;
    }
    for (const id of changed.groups.gone) this.#rows.delete(id);
    for (const { changed: some, gone } of Object.values(changed)) moved ||= some.length + gone.length > 0;
    if (!moved) return undefined;
    return { ...this.#head, full: false, services: changed.services.changed, groups: changed.groups.changed, rows, gone: { services: changed.services.gone, groups: changed.groups.gone, rows: goneRows } };
  }

  /** All that was said, for whoever was not there. */
  full(): Frame | undefined {
    if (this.#head === undefined) return undefined;
    const rows = noKeys<readonly Row[]>();
    for (const [id, said] of this.#rows) rows[id] = [...said.values()].map(({ value }) => value);
    return { ...this.#head, full: true, services: valuesOf(this.#services), groups: valuesOf(this.#groups), rows, gone: { services: [], groups: [], rows: {} } };
  }
}

/** Services are called what policies and requests say: `__proto__`, too. */
function noKeys<Value>(): Record<string, Value> {
  return Object.create(null) as Record<string, Value>;
}

interface Said<Value> {
  readonly value: Value;
  readonly text: string;
}

function changes<Value>(said: Map<string, Said<Value>>, present: readonly (readonly [string, Value])[]): { changed: Value[]; gone: string[] } {
  const changed: Value[] = [];
  for (const [key, value] of present) {
    const text = JSON.stringify(value);
    if (said.get(key)?.text === text) continue;
    said.set(key, { value, text });
    changed.push(value);
  }
  if (said.size === present.length) return { changed, gone: [] };
  const keys = new Set(present.map(([key]) => key));
  const gone = [...said.keys()].filter((key) => !keys.has(key));
  for (const key of gone) said.delete(key);
  return { changed, gone };
}

function valuesOf<Value>(said: ReadonlyMap<string, Said<Value>>): Value[] {
  return [...said.values()].map(({ value }) => value);
}

function serviceFacts({ name, calls, budget, throttle, routes }: ObservedService, traffic: TrafficRecord): ServiceFacts {
  const { rate, success, p50, p99 } = traffic.of(name);
  return {
    name, rate: digits(rate), success: success === undefined ? null : Math.round(success * 10_000) / 10_000, p50: p50 === undefined ? null : digits(p50), p99: p99 === undefined ? null : digits(p99),
    inFlight: calls.inFlight, queued: calls.queued, limit: Number.isFinite(calls.limit) ? Math.floor(calls.limit) : null,
    budget: Math.floor(budget), throttled: digits(Math.max(0, ...Object.values(throttle.rejection))),
    routes: routes.map((route) => [route.name, route.weights ?? null]),
  };
}

function groupsOf(service: ObservedService, wall: number): { facts: GroupFacts; endpoints: readonly ObservedEndpoint[] }[] {
  const versions = service.versions.map((version) => ({ facts: groupFacts(version, service.name, version.name, wall), endpoints: version.endpoints }));
  // Where all calls go to versions the service as a whole is not even looked for.
  const unused = service.discovery.state === 'never' && service.discovery.lastError === undefined && service.endpoints.length === 0 && versions.length > 0;
  return unused ? versions : [{ facts: groupFacts(service, service.name, null, wall), endpoints: service.endpoints }, ...versions];
}

function groupFacts({ circuit, panic, discovery, subset }: ObservedGroup, service: string, version: string | null, wall: number): GroupFacts {
  return {
    id: version === null ? service : `${service}/${version}`, service, version,
    circuit: circuit.state, circuitEnforced: circuit.enforced, retryAt: circuit.retryAt === undefined ? null : second(circuit.retryAt), circuitFailures: [circuit.failures, circuit.requests],
    panic: inPanic(panic), discovery: discovery.state, source: discovery.source, answeredAt: discovery.age === undefined ? null : second(wall - discovery.age), lastError: discovery.lastError ?? null,
    known: subset.total, used: subset.size, strategy: subset.strategy,
  };
}

/** `observed`: nothing is done, but something would be. */
export function inPanic(panic: boolean | string): boolean {
  return panic !== false && panic !== 'observed';
}

function row({ endpoint, zone, weight, priority, state, pending, load, latency, measured, totals, health, ejection }: ObservedEndpoint): Row {
  const why = ejection?.why ?? health?.why ?? '';
  return [
    endpoint, zone ?? '', weight, priority, state, pending, digits(load), digits(latency), measured ? 1 : 0,
    totals.success, totals.failure, totals.overload, health?.state ?? '', why, ejection === undefined ? 0 : second(ejection.until),
  ];
}

/** Three digits; the load of an endpoint that cannot be used may be infinite, which JSON cannot say. */
function digits(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(3)) : -1;
}

function second(instant: number): number {
  return Math.round(instant / 1000) * 1000;
}
