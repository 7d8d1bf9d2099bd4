/**
 * Cluster: a name that is called, and this process's live set of nodes for it.
 *
 *     endpoints (all that discovery knows) ──subset──▶ nodes (those this process talks to) ──candidates──▶ pick
 *
 * Every answer of discovery is a whole set; `reconcile` replaces the array of nodes and keeps the node of every endpoint that
 * stays, with all that is known of it (undici's BalancedPool forgets all weights when one upstream is added). Knowledge,
 * connections and trials exist for the subset alone: an endpoint outside of it costs its address.
 *
 * Picking is O(1) and allocates nothing; what it chooses from is worked out when something moves.
 */
import type { Cancellation } from '../core/cancellation.ts';
import type { Clock, Millis } from '../core/clock.ts';
import { endpointKey, type Endpoint, type EndpointKey, type RefreshReason, type Resolution } from '../core/endpoint.ts';
import type { Emit } from '../core/events.ts';
import type { BalancerKnobs, OutlierKnobs, SubsetKnobs, Switchable } from '../core/policy.ts';
import type { Random } from '../core/random.ts';
import { chooseCandidates, noCandidates, type Candidates } from './candidates.ts';
import { Ejection } from './ejection.ts';
import { FirstAnswer } from './first-answer.ts';
import { FleetLatency } from './fleet-latency.ts';
import { FleetTally } from './matched.ts';
import { pickerFor } from './kinds.ts';
import { Node, trialDueAt, type NodeContext } from './node.ts';
import type { PickRequest } from './picker.ts';
import { rendezvous } from './rendezvous.ts';
import { describe, type EndpointSnapshot } from './snapshot.ts';
import { Tombstones } from './tombstones.ts';

/** The knobs of a service's policy that concern the balancer. */
export interface ClusterKnobs {
  readonly subset: Switchable<SubsetKnobs>;
  readonly balancer: BalancerKnobs;
  readonly outlier: Switchable<OutlierKnobs>;
  /** Attempts in flight to one endpoint; beyond, it is full. */
  readonly maxPerEndpoint: number;
}

export interface ClusterDeps {
  readonly service: string;
  /** Of this client, and different from that of its peers: it decides which endpoints are in the subset. */
  readonly identity: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly knobs: () => ClusterKnobs;
  readonly emit: Emit;
  /** An endpoint left the set, or the subset: no attempt goes there any more. */
  readonly retire: (endpoint: Endpoint) => void;
  /** Asks discovery for a fresh answer. */
  readonly refresh: (reason: RefreshReason) => void;
}

/**
 * Answers that were cut short only ever add. Were each to show other endpoints of a set that changes, the sum would grow
 * without end; with this many known, they add no more.
 */
const MOST_MERGED = 16_384;

export class Cluster {
  readonly service: string;
  readonly #deps: ClusterDeps;
  readonly #firstAnswer: FirstAnswer;
  readonly #ejection: Ejection;
  readonly #context: NodeContext;
  /** All that discovery knows. */
  #endpoints: ReadonlyMap<EndpointKey, Endpoint> = new Map();
  /** The subset. */
  #nodes: readonly Node[] = [];
  #candidates: Candidates = noCandidates;
  readonly #gone = new Tombstones();
  /** What nodes and candidates were worked out with. */
  #applied: ClusterKnobs;

  constructor(deps: ClusterDeps) {
    const { service, clock, random, knobs, emit } = deps;
    this.service = service;
    this.#deps = deps;
    this.#applied = knobs();
    this.#firstAnswer = new FirstAnswer(service, clock);
    const outlier = () => knobs().outlier;
    const moved = (now: Millis) => this.#choose(now);
    this.#ejection = new Ejection({ service, random, knobs: outlier, emit, moved, ejected: () => this.#ejected() });
    const fleet = { fleet: new FleetLatency(), tally: new FleetTally() };
    const picker = pickerFor<Node>(this.#applied.balancer.type, random);
    this.#context = { clock, ...fleet, balancer: () => knobs().balancer, outlier, judge: this.#ejection, picker };
  }

  /** Whether discovery has ever answered. */
  get resolved(): boolean {
    return this.#firstAnswer.given;
  }

  /** Endpoints in the subset. */
  get size(): number {
    return this.#nodes.length;
  }

  /** Endpoints that discovery knows. */
  get total(): number {
    return this.#endpoints.size;
  }

  /** So many are ejected that the least bad of them are used as well. */
  get panic(): boolean {
    return this.#candidates.panic;
  }

  /** Those of the subset. */
  get endpoints(): readonly Endpoint[] {
    return this.#nodes.map((node) => node.endpoint);
  }

  /** Discovery answered. An answer that was cut short adds and changes, and removes nothing. */
  reconcile(resolution: Resolution): void {
    // One that was cut short to nothing says nothing at all.
    if (!resolution.complete && resolution.endpoints.length === 0) return;
    const before = this.#endpoints;
    const after = resolution.complete ? new Map<EndpointKey, Endpoint>() : new Map(before);
    const answered = new Set<EndpointKey>();
    for (const endpoint of resolution.endpoints) {
      const key = endpointKey(endpoint);
      // The same address twice in one answer: the more important mention counts.
      if (answered.has(key) && after.get(key)!.priority <= endpoint.priority) continue;
      if (!resolution.complete && after.size >= MOST_MERGED && !after.has(key)) continue;
      answered.add(key);
      after.set(key, endpoint);
    }
    const added = [...after.keys()].filter((key) => !before.has(key));
    const removed = [...before.keys()].filter((key) => !after.has(key));
    const first = !this.resolved;
    this.#endpoints = after;
    this.#resubset();
    this.#firstAnswer.give();
    if (!first && added.length === 0 && removed.length === 0) return;
    this.#deps.emit('endpoints.changed', { service: this.service, added, removed, total: after.size, source: resolution.source });
  }

  /** Discovery failed. Matters only before the first answer: whoever waits in vain is told why. */
  failed(error: Error): void {
    this.#firstAnswer.failed(error);
  }

  /** The first answer is there. Rejects with the cancellation's reason, or with DISCOVERY_FAILED after a while (first-answer.ts). */
  ready(cancellation: Cancellation): Promise<void> {
    return this.#firstAnswer.wait(cancellation);
  }

  refresh(reason: RefreshReason): void {
    this.#deps.refresh(reason);
  }

  /** Where the next attempt of this call should go; undefined where there is no endpoint at all. */
  pick(request: PickRequest): Node | undefined {
    const { clock } = this.#deps;
    const { tried } = request;
    const knobs = this.#deps.knobs();
    const now = clock.now();
    if (knobs.subset !== this.#applied.subset || knobs.outlier !== this.#applied.outlier) this.#apply(knobs, now);
    const candidates = this.#candidates;
    if (now >= candidates.trialAt) {
      // A first attempt is the one to risk: if it fails, there is a retry. A retry goes there only when it was everywhere else.
      const trial = tried.size === 0 || tried.size >= candidates.nodes.length ? dueForTrial(candidates, tried, now) : undefined;
      if (trial !== undefined) return trial;
    }
    const picked = this.#context.picker.pick(request, knobs.maxPerEndpoint, now);
    if (picked === undefined) this.#deps.refresh('none-available');
    return picked;
  }

  /** What is known of each endpoint of the subset, as plain data. */
  snapshot(): EndpointSnapshot[] {
    const { outlier } = this.#deps.knobs();
    return this.#nodes.map((node) => describe(node, this.#context.picker, outlier, this.#deps.clock));
  }

  /** The policy changed. */
  #apply(knobs: ClusterKnobs, now: Millis): void {
    const { subset, outlier } = this.#applied;
    this.#applied = knobs;
    if (knobs.outlier === 'off' && outlier !== 'off') this.#ejection.clear(now);
    if (knobs.subset !== subset) this.#resubset();
    else this.#choose(now);
  }

  /** Nodes for the endpoints of the subset: kept, made, and let go. */
  #resubset(): void {
    const now = this.#deps.clock.now();
    const known = new Map<EndpointKey, Node>();
    for (const node of this.#nodes) known.set(node.key, node);
    this.#nodes = this.#subset().map((endpoint) => {
      const key = endpointKey(endpoint);
      const present = known.get(key);
      const stays = present !== undefined && present.endpoint.generation === endpoint.generation;
      const node = stays ? present : this.#gone.recall(endpoint, now);
      if (stays) known.delete(key);
      if (node === undefined) return new Node(endpoint, this.#context);
      node.endpoint = endpoint;
      return node;
    });
    this.#ejection.reconcile(this.#nodes);
    this.#choose(now);
    for (const node of known.values()) {
      this.#ejection.left(node, now);
      this.#gone.bury(node, now);
      this.#deps.retire(node.endpoint);
    }
  }

  /** Of each priority, so that there are as many backups as there are endpoints to back up. */
  #subset(): readonly Endpoint[] {
    const { subset } = this.#deps.knobs();
    const all = [...this.#endpoints.values()];
    if (subset === 'off' || subset.strategy === 'off') return all;
    const priorities = [...new Set(all.map((endpoint) => endpoint.priority))].sort((a, b) => a - b);
    return priorities.flatMap((priority) => {
      const group = all.filter((endpoint) => endpoint.priority === priority);
      return rendezvous(group, subset.size, this.#deps.identity);
    });
  }

  #choose(now: Millis): void {
    const panicked = this.panic;
    this.#candidates = chooseCandidates(this.#nodes, this.#deps.knobs().outlier, now);
    this.#context.picker.use(this.#candidates.nodes, now);
    if (this.panic === panicked) return;
    const { service, emit } = this.#deps;
    emit('balancer.panic', { service, active: this.panic, ejected: this.#ejection.count, total: this.#nodes.length });
  }

  #ejected(): void {
    const { outlier } = this.#deps.knobs();
    if (outlier !== 'off' && outlier.mode === 'enforce') this.#deps.refresh('ejection');
  }
}

function dueForTrial(candidates: Candidates, tried: ReadonlySet<EndpointKey>, now: Millis): Node | undefined {
  return candidates.ejected.find((node) => now >= trialDueAt(node.ejection) && !tried.has(node.key));
}
