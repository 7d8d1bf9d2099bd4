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
import type { Endpoint, EndpointKey, RefreshReason, Resolution } from '../core/endpoint.ts';
import { mostEjected } from '../core/ejection-limit.ts';
import { MeshError } from '../core/errors.ts';
import type { Emit, SubsetReason } from '../core/events.ts';
import type { Probe } from '../core/health.ts';
import type { BalancerKnobs } from '../core/balancer-policy.ts';
import { defaultServicePolicy, type HealthCheckKnobs, type LocalityKnobs, type OutlierKnobs, type SlowStartKnobs, type SubsetKnobs, type Switchable } from '../core/policy.ts';
import type { Random } from '../core/random.ts';
import type { Stalls } from '../core/stalls.ts';
import type { Tried } from '../core/tried.ts';
import type { Zones } from '../core/zones.ts';
import { chooseCandidates, isUsable, noCandidates, type Candidates, type Panic } from './candidates.ts';
import { Directory, type Entry } from './directory.ts';
import { Ejection } from './ejection.ts';
import { FirstAnswer } from './first-answer.ts';
import { Figures } from './figures.ts';
import { Fleet } from './fleet.ts';
import { HealthChecks } from './health-checks.ts';
import { FleetTally } from './matched.ts';
import { loadFor, pickerFor } from './kinds.ts';
import type { Knowledge } from './load.ts';
import { Locality, type LocalitySnapshot } from './locality.ts';
import { Node, trialDueAt, type NodeContext } from './node.ts';
import type { PickRequest } from './picker.ts';
import { nowhere, type Position } from './position.ts';
import { Shares } from './shares.ts';
import { SlowStart } from './slow-start.ts';
import { describe, type EndpointSnapshot, type Exclusions } from './snapshot.ts';
import { Subset, type SubsetSnapshot } from './subset.ts';
import { Tombstones } from './tombstones.ts';

/** The knobs of a service's policy that concern the balancer. */
export interface ClusterKnobs {
  readonly subset: Switchable<SubsetKnobs>;
  readonly balancer: BalancerKnobs;
  readonly slowStart: Switchable<SlowStartKnobs>;
  readonly outlier: Switchable<OutlierKnobs>;
  readonly healthCheck: Switchable<HealthCheckKnobs>;
  readonly locality: Switchable<LocalityKnobs>;
  readonly zones: Zones;
  /** Attempts in flight to one endpoint; beyond, it is full. */
  readonly maxPerEndpoint: number;
}

export interface ClusterDeps {
  readonly service: string;
  /** Of this client, and different from that of its peers: it decides which endpoints are in the subset. */
  readonly identity: string;
  /** Where it stands among them; default: nobody knows. */
  readonly position?: () => Position;
  readonly clock: Clock;
  /** Of this process; where they are not given, it is believed never to stall. */
  readonly stalls?: Stalls | undefined;
  readonly random: Random;
  readonly knobs: () => ClusterKnobs;
  readonly emit: Emit;
  /** Asks an endpoint whether it is well. Left out: no endpoint is asked, whatever the policy says. */
  readonly probe?: Probe;
  /** An endpoint left the set, or the subset: no attempt goes there any more. */
  readonly retire: (endpoint: Endpoint) => void;
  /** Asks discovery for a fresh answer. */
  readonly refresh: (reason: RefreshReason) => void;
}

export class Cluster {
  readonly service: string;
  readonly #deps: ClusterDeps;
  readonly #firstAnswer: FirstAnswer;
  readonly #ejection: Ejection;
  readonly #checks: HealthChecks | undefined;
  readonly #context: NodeContext;
  /** All that discovery knows. */
  readonly #directory: Directory;
  readonly #subset: Subset;
  readonly #locality: Locality;
  /** Those of the directory that this process talks to … */
  #members: readonly Entry[] = [];
  /** … and what it knows of each of them. */
  #nodes: readonly Node[] = [];
  #candidates: Candidates = noCandidates;
  readonly #gone = new Tombstones();
  /** When discovery first answered: from then on those count that were named before any was called. */
  #begunAt: Millis | undefined = undefined;
  /** Subsets there have been; each stamps its members, so that who left is found without looking for anybody. */
  #subsets = 0;
  /** What nodes and candidates were worked out with. */
  #applied: ClusterKnobs;

  constructor(deps: ClusterDeps) {
    const { service, clock, random, knobs, emit } = deps;
    this.service = service;
    this.#deps = deps;
    this.#applied = knobs();
    this.#directory = new Directory(deps.identity);
    const figures = new Figures();
    this.#locality = new Locality({ service, figures, emit, knobs: () => knobs().locality, zone: () => knobs().zones.own });
    this.#subset = new Subset({ outOfUse: (entry) => this.#outOfUse(entry), position: deps.position ?? (() => nowhere), near: () => this.#near(), random });
    this.#firstAnswer = new FirstAnswer(service, clock);
    const outlier = () => knobs().outlier;
    const moved = (now: Millis) => this.#moved(now);
    this.#ejection = new Ejection({ service, random, knobs: outlier, emit, moved, ejected: () => this.#ejected(), unhealthy: () => this.#unhealthy });
    const { probe } = deps;
    this.#checks = probe && new HealthChecks({ service, clock, random, knobs: () => knobs().healthCheck, probe, emit, moved });
    const known = { figures, fleet: new Fleet(), shares: new Shares(figures) };
    const slowStart = new SlowStart(() => knobs().slowStart, random, figures);
    this.#context = { clock, stalls: deps.stalls, slowStart, ...known, ...this.#balancing(known), tally: new FleetTally(), outlier, judge: this.#ejection };
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
    return this.#directory.size;
  }

  /** What is done because too few endpoints are usable. */
  get panic(): Panic {
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
    const first = !this.resolved;
    const now = this.#deps.clock.now();
    this.#begunAt ??= now;
    this.#directory.locate(this.#deps.knobs().zones);
    const change = this.#directory.learn(resolution, this.#serves ? now : this.#begunAt);
    this.#resubset('discovery');
    this.#firstAnswer.give();
    if (!first && change.added.length === 0 && change.removed.length === 0) return;
    const [added, removed] = [change.added.map(keyOf), change.removed.map(keyOf)];
    this.#deps.emit('endpoints.changed', { service: this.service, added, removed, total: this.total, source: resolution.source });
  }

  /** This process stands elsewhere among its peers than before. */
  repositioned(): void {
    if (this.resolved) this.#resubset('position');
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
  pick(request: PickRequest, now = this.#deps.clock.now()): Node | undefined {
    const { tried } = request;
    const knobs = this.#deps.knobs();
    if (this.#differs(knobs)) this.#apply(knobs, now);
    else if (now >= this.#subset.dueAt) this.#moved(now);
    this.#context.slowStart.begin(now);
    const candidates = this.#candidates;
    if (now >= candidates.trialAt) {
      // A first attempt is the one to risk: if it fails, there is a retry. A retry goes there only when it was everywhere else.
      const trial = tried.size === 0 || tried.size >= candidates.nodes.length ? dueForTrial(candidates, tried, now) : undefined;
      if (trial !== undefined) return trial;
    }
    const picked = this.#context.picker.pick(request, knobs.maxPerEndpoint, now);
    if (picked === undefined) this.#deps.refresh('none-available');
    else if (!this.#context.shares.even) this.#context.shares.took(picked);
    return picked;
  }

  /** Whether `pick` would find an endpoint that this call has not tried, and with room. */
  hasOther({ tried }: PickRequest): boolean {
    const { maxPerEndpoint } = this.#deps.knobs();
    return this.#candidates.nodes.some((node) => !tried.has(node.key) && node.pending < maxPerEndpoint);
  }

  /** Why `pick` found nothing. */
  none(): MeshError {
    const known = this.#nodes.length;
    const why = known === 0 ? 'discovery knows no endpoint' : `panic: too few of its ${known} endpoints are usable, and outlier.panic.mode is fail-fast`;
    return new MeshError('NO_ENDPOINTS', `${this.service}: ${why}`);
  }

  /** How many endpoints are out, and how many may be ejected. */
  exclusions(): Exclusions {
    const { outlier } = this.#deps.knobs();
    const most = outlier === 'off' ? 0 : mostEjected(this.#nodes.length, outlier.ejection);
    return { ejected: this.#ejection.count, unhealthy: this.#checks?.unhealthy ?? 0, mostEjected: most };
  }

  /** How large the subset is, and why these. */
  subset(): SubsetSnapshot {
    return this.#subset.snapshot(this.#deps.clock.now());
  }

  /** Which zone is preferred, and whether. */
  locality(): LocalitySnapshot {
    return this.#locality.snapshot;
  }

  /** What is known of each endpoint of the subset, as plain data. */
  snapshot(): EndpointSnapshot[] {
    const knobs = this.#deps.knobs();
    return this.#nodes.map((node) => describe(node, this.#context.picker, knobs, this.#deps.clock));
  }

  /** Nobody is asked for its health any more. */
  close(): void {
    this.#checks?.close();
  }

  #differs({ subset, balancer, slowStart, outlier, healthCheck, locality, zones }: ClusterKnobs): boolean {
    const applied = this.#applied;
    return subset !== applied.subset || balancer !== applied.balancer || slowStart !== applied.slowStart || outlier !== applied.outlier
      || healthCheck !== applied.healthCheck || locality !== applied.locality || zones !== applied.zones;
  }

  /** Its endpoints have had one success each, or as many together. */
  get #serves(): boolean {
    return this.#nodes.length > 0 && this.#nodes.reduce((sum, { totals }) => sum + totals.success, 0) >= this.#nodes.length;
  }

  /** The policy changed. */
  #apply(knobs: ClusterKnobs, now: Millis): void {
    const { subset, outlier, balancer, locality, zones } = this.#applied;
    this.#applied = knobs;
    if (knobs.balancer.type !== balancer.type) {
      Object.assign(this.#context, this.#balancing(this.#context));
      for (const node of this.#nodes) node.rebalance();
    }
    if (knobs.outlier === 'off' && outlier !== 'off') this.#ejection.clear(now);
    this.#checks?.follow(this.#nodes);
    this.#directory.locate(knobs.zones);
    if (knobs.subset !== subset || knobs.locality !== locality || knobs.zones !== zones) this.#resubset('policy');
    else this.#moved(now);
  }

  /** How load is judged, and who chooses, as `balancer.type` says. */
  #balancing(known: Knowledge): Pick<NodeContext, 'load' | 'picker'> {
    const { knobs, random } = this.#deps;
    const balancer = () => knobs().balancer;
    const { type } = balancer();
    const load = loadFor(type, balancer, known);
    return { load, picker: pickerFor(type, balancer, load, known, random) };
  }

  /** What there is changed, or what the policy wants of it. */
  #resubset(reason: SubsetReason): void {
    const now = this.#deps.clock.now();
    this.#use(this.#subset.choose(this.#directory.groups, this.#deps.knobs().subset, now), reason, now);
  }

  /** Nodes came out of use or back, or time has passed. */
  #moved(now: Millis): void {
    const reason = this.#subset.reason(now);
    const members = this.#subset.review(now);
    if (members === undefined) this.#choose(now);
    else this.#use(members, reason, now);
  }

  #outOfUse({ node }: Entry): boolean {
    return node !== undefined && !isUsable(node, this.#deps.knobs());
  }

  /** Nodes for the endpoints of the subset: kept, made, and let go. */
  #use(members: readonly Entry[], reason: SubsetReason, now: Millis): void {
    const before = this.#members;
    const left: Node[] = [];
    const joined: EndpointKey[] = [];
    this.#members = members;
    this.#subsets += 1;
    this.#context.figures.reserve(members.length);
    this.#nodes = this.#members.map((entry) => {
      entry.subset = this.#subsets;
      const { node: present, endpoint } = entry;
      const stays = present !== undefined && present.endpoint.generation === endpoint.generation;
      if (!stays) joined.push(entry.key);
      if (present !== undefined && !stays) left.push(present);
      const node = stays ? present : (this.#gone.recall(endpoint, now) ?? this.#newNode(entry, now));
      node.endpoint = endpoint;
      node.zone = entry.zone;
      return (entry.node = node);
    });
    for (const entry of before) {
      if (entry.subset === this.#subsets) continue;
      left.push(entry.node!);
      entry.node = undefined;
    }
    this.#ejection.reconcile(this.#nodes);
    this.#choose(now);
    for (const node of left) {
      this.#ejection.left(node, now);
      this.#gone.bury(node, now);
      this.#deps.retire(node.endpoint);
    }
    this.#checks?.follow(this.#nodes);
    // Where all endpoints are in it, `endpoints.changed` has said so.
    if (joined.length + left.length === 0 || (reason === 'discovery' && members.length === this.total)) return;
    const { service, emit } = this.#deps;
    emit('subset.changed', { service, reason, joined, left: left.map(({ key }) => key), size: members.length, total: this.total });
  }

  /** Whether an endpoint is in the zone of this process, where the subset is to have some of those. */
  #near(): ((entry: Entry) => boolean) | undefined {
    const { locality, zones: { own } } = this.#deps.knobs();
    return own === undefined || locality === 'off' || locality.mode === 'observe' ? undefined : ({ zone }) => zone === own;
  }

  #newNode({ key, endpoint, since }: Entry, now: Millis): Node {
    const { service, emit, knobs } = this.#deps;
    const { slowStart } = knobs();
    if (slowStart !== 'off' && since > this.#begunAt! && now < since + slowStart.window) {
      emit('endpoint.warming', { service, endpoint: key, window: slowStart.window, enforced: slowStart.mode === 'enforce' });
    }
    return new Node(key, endpoint, since, this.#context);
  }

  #choose(now: Millis): void {
    const before = this.panic;
    this.#candidates = chooseCandidates(this.#nodes, this.#deps.knobs(), now);
    this.#context.shares.use(this.#candidates.nodes, this.#locality.use(this.#candidates.nodes));
    this.#context.slowStart.use(this.#candidates.nodes, now);
    this.#context.picker.use(this.#candidates.nodes, now);
    if (this.panic === before) return;
    const { service, emit, knobs } = this.#deps;
    const { outlier } = knobs();
    const { mode } = outlier === 'off' ? defaultServicePolicy.outlier.panic : outlier.panic;
    const enforced = (this.panic || before) !== 'observed';
    emit('balancer.panic', { service, active: this.panic !== false, mode, ejected: this.#ejection.count, unhealthy: this.#checks?.unhealthy ?? 0, total: this.#nodes.length, enforced });
  }

  /** Endpoints that get no traffic for their health. */
  get #unhealthy(): number {
    const { healthCheck } = this.#deps.knobs();
    return healthCheck !== 'off' && healthCheck.mode === 'enforce' ? (this.#checks?.unhealthy ?? 0) : 0;
  }

  #ejected(): void {
    const { outlier } = this.#deps.knobs();
    if (outlier !== 'off' && outlier.mode === 'enforce') this.#deps.refresh('ejection');
  }
}

function keyOf(entry: Entry): EndpointKey {
  return entry.key;
}

function dueForTrial(candidates: Candidates, tried: Tried, now: Millis): Node | undefined {
  for (const node of candidates.ejected) if (now >= trialDueAt(node.ejection) && !tried.has(node.key)) return node;
  return undefined;
}
