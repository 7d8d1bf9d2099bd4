/** A cluster in virtual time with everything it says written down. */
import type { Endpoint, RefreshReason } from '../../src/core/endpoint.ts';
import type { Emit, MeshEventMap, MeshEventName } from '../../src/core/events.ts';
import type { Probe } from '../../src/core/health.ts';
import type { OutcomeKind } from '../../src/core/outcome.ts';
import { defaultServicePolicy } from '../../src/core/policy.ts';
import { seededRandom, type Random } from '../../src/core/random.ts';
import { noZones } from '../../src/core/zones.ts';
import type { Stalls } from '../../src/core/stalls.ts';
import { Cluster, type ClusterKnobs } from '../../src/balancer/cluster.ts';
import type { Position } from '../../src/balancer/position.ts';
import type { Node, Ticket } from '../../src/balancer/node.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

export const noneTried: ReadonlySet<string> = new Set();

export const defaultKnobs = {
  ...defaultServicePolicy,
  zones: noZones,
  maxPerEndpoint: defaultServicePolicy.connection.maxPerEndpoint,
} satisfies ClusterKnobs;

/** Its estimate is a number that a test can foresee. */
export const peakEwma = { ...defaultServicePolicy.balancer, type: 'peak-ewma' } as const;

export const outlierKnobs = defaultServicePolicy.outlier;

export function endpointAt(number: number, more: Partial<Endpoint> = {}): Endpoint {
  return { host: `10.0.${number >> 8}.${number & 255}`, port: 80, weight: 1, priority: 0, ...more };
}

export function endpoints(count: number, more: Partial<Endpoint> = {}): Endpoint[] {
  return Array.from({ length: count }, (_, number) => endpointAt(number, more));
}

type Said = { [Name in MeshEventName]: { name: Name; event: MeshEventMap[Name] } }[MeshEventName];

export class SmallCluster {
  readonly clock: VirtualClock;
  readonly said: Said[] = [];
  readonly retired: string[] = [];
  readonly refreshed: RefreshReason[] = [];
  readonly cluster: Cluster;
  knobs: ClusterKnobs;

  constructor(options: { knobs?: Partial<ClusterKnobs>; endpoints?: readonly Endpoint[]; seed?: number; identity?: string; clock?: VirtualClock; stalls?: Stalls; position?: () => Position; probe?: Probe; random?: Random } = {}) {
    this.clock = options.clock ?? new VirtualClock(1_000_000);
    this.knobs = { ...defaultKnobs, ...options.knobs };
    const emit: Emit = (name, event) => void this.said.push({ name, event } as Said);
    this.cluster = new Cluster({
      service: 'reviews',
      identity: options.identity ?? 'client-1',
      ...(options.position === undefined ? {} : { position: options.position }),
      clock: this.clock,
      stalls: options.stalls,
      random: options.random ?? seededRandom(options.seed ?? 1),
      knobs: () => this.knobs,
      emit,
      ...(options.probe === undefined ? {} : { probe: options.probe }),
      retire: (endpoint) => void this.retired.push(endpoint.host),
      refresh: (reason) => void this.refreshed.push(reason),
    });
    if (options.endpoints !== undefined) this.resolve(options.endpoints);
  }

  resolve(found: readonly Endpoint[], complete = true): void {
    this.cluster.reconcile({ endpoints: found, complete, source: 'a test' });
  }

  events<Name extends MeshEventName>(name: Name): MeshEventMap[Name][] {
    return this.said.filter((one) => one.name === name).map((one) => one.event as MeshEventMap[Name]);
  }

  pick(tried: ReadonlySet<string> = noneTried): Node {
    const node = this.cluster.pick({ tried });
    if (node === undefined) throw new Error('nothing was picked');
    return node;
  }

  /** The node of an endpoint, found by picking with all others tried; does not work while it is ejected. */
  node(host: string): Node {
    const others = new Set(this.cluster.snapshot().map((one) => one.endpoint).filter((key) => key !== `${host}:80`));
    const node = this.pick(others);
    if (node.endpoint.host !== host) throw new Error(`${host} cannot be picked`);
    return node;
  }

  state(host: string) {
    return this.cluster.snapshot().find((one) => one.endpoint === `${host}:80`)!;
  }

  /** One attempt at this node that ends at once. */
  attempt(node: Node, kind: OutcomeKind): Ticket {
    const ticket = node.begin();
    ticket.settle({ kind });
    ticket.release();
    return ticket;
  }

  attempts(node: Node, kind: OutcomeKind, count: number): void {
    for (let number = 0; number < count; number += 1) this.attempt(node, kind);
  }

  /** One attempt that finds no connection to this node. */
  unreachable(node: Node): void {
    const ticket = node.begin();
    ticket.settle({ kind: 'failure', unreachable: true });
    ticket.release();
  }

  /** All others do well and this one does not, until it is ejected. Returns its node. */
  eject(host: string, knownNode?: Node): Node {
    const node = knownNode ?? this.node(host);
    for (const other of this.cluster.endpoints) {
      if (other.host !== host && this.state(other.host).state === 'available') this.attempts(this.node(other.host), 'success', 20);
    }
    for (let tries = 0; tries < 50 && node.ejection.kind === 'available'; tries += 1) this.attempt(node, 'failure');
    return node;
  }
}
