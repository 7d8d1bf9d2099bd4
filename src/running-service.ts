/**
 * One service as it runs in this process: its clusters, its routes, and what is of all its calls.
 *
 * The way of a request, top to bottom:
 *
 *     route → [ trace → measure → decision record → fallback → deadline → rate limit → throttle → concurrency → retry & hedge ]               call-stack.ts
 *           → [ circuit → attempt timeout → fault → propagation → trace → measure → balancer → transport ]                  running-cluster.ts
 *
 * The route comes first, for it may say every later knob otherwise, and which cluster it is. The parts keep memory and never knobs; they ask
 * for those when they use them, so a changed policy is felt at once and nothing that was learnt is lost.
 */
import { CallStack, Retries, type CallSnapshot, type RetriesSnapshot } from './call-stack.ts';
import type { Attempt, Call, CallOptions, Layer, MeshRequest, Reply, Service } from './core/call.ts';
import { Cancellation } from './core/cancellation.ts';
import type { Millis } from './core/clock.ts';
import type { DecisionLevels } from './core/decision.ts';
import { MeshError } from './core/errors.ts';
import type { DiscoverySource, Mode, Route, ServiceEntry, ServicePolicy, Switchable } from './core/policy.ts';
import { TriedEndpoints } from './core/tried.ts';
import { beginAttempt } from './policies/begin-attempt.ts';
import { deadline } from './policies/deadline.ts';
import { RouteTable, type Entry, type RoutableRequest } from './routing/table.ts';
import { RunningCluster, type ClusterSnapshot, type RunningClusterDeps } from './running-cluster.ts';
import { NOWHERE, RunningRoute, type RouteSnapshot } from './running-route.ts';
import { counting } from './telemetry/event-metrics.ts';

export interface ServiceSnapshot extends ClusterSnapshot, CallSnapshot, RetriesSnapshot {
  readonly name: string;
  /** What comes of an endpoint that is ejected or found unhealthy: `observe`, nothing; and whether metrics of this service are wanted. */
  readonly modes: { readonly outlier: Mode | 'off'; readonly healthCheck: Mode | 'off'; readonly metrics: boolean };
  /** Those that calls have gone to. */
  readonly versions: readonly (ClusterSnapshot & { readonly name: string })[];
  readonly routes: readonly RouteSnapshot[];
  /** Milliseconds since the last call began. */
  readonly idle: Millis;
}

export interface ServiceDeps extends Omit<RunningClusterDeps, 'knobs' | 'authority' | 'host' | 'unnamed' | 'changed' | 'between'> {
  /** Another service of the policy, for copies of calls. @throws MeshError UNKNOWN_SERVICE */
  readonly named: (service: string) => RunningService;
}

const noOptions: CallOptions = {};
const noRoutes: ReadonlyMap<string, RunningRoute> = new Map();

export class RunningService {
  readonly name: string;
  calledAt: Millis;
  #entry: ServiceEntry;
  /** Where the service as a whole is looked for where the policy does not say. */
  #ownName: DiscoverySource;
  readonly #deps: ServiceDeps;
  readonly #calls: CallStack;
  readonly #retries: Retries;
  /** All of its endpoints; looked for when the first call goes to them. */
  readonly #whole: RunningCluster;
  readonly #versions = new Map<string, RunningCluster>();
  /** Of versions that the policy names no longer; until the service closes. */
  readonly #gone: RunningCluster[] = [];
  #routes = noRoutes;
  #table: RouteTable<RunningRoute> | undefined;
  /** Copies under way; undefined while there was none. */
  #copies: Set<Cancellation> | undefined;
  readonly #copyStack: Service<Call>;

  constructor(name: string, entry: ServiceEntry, ownName: DiscoverySource, deps: ServiceDeps) {
    const { clock, timeouts } = deps;
    this.name = name;
    this.#entry = entry;
    this.#ownName = ownName;
    this.#deps = { ...deps, emit: counting(deps.emit, () => this.policy.telemetry.metrics) };
    this.calledAt = clock.now();
    this.#whole = this.#newCluster(undefined, this.#sourceOfWhole);
    this.#retries = this.#newRetries(() => this.policy);
    this.#calls = new CallStack(this.#callDeps, (call) => (this.#routeOf(call)?.retries ?? this.#retries).send(call));
    this.#copyStack = deadline(timeouts)(async (call) => this.#cluster(call.version).copy(beginAttempt(call, clock.now())));
    this.#takeRoutes();
    if (this.#table === undefined) this.#whole.start();
  }

  /** A call keeps the policy it began with. */
  get policy(): ServicePolicy {
    return this.#entry.policy;
  }

  /** Neither calls nor whatever waits to become one. */
  get idleNow(): boolean {
    return this.#calls.idle;
  }

  /**
   * The policy says something else of this service. Knobs hold from the next decision on; nothing that was learnt is lost. Where endpoints
   * are to be looked for elsewhere, those that are known stay in use until the new source has answered.
   */
  update(entry: ServiceEntry, ownName: DiscoverySource): void {
    this.#entry = entry;
    this.#ownName = ownName;
    this.#whole.look(this.#sourceOfWhole);
    for (const [version, cluster] of this.#versions) {
      const source = entry.versions.get(version);
      if (source !== undefined) cluster.look(source);
      else {
        this.#versions.delete(version);
        this.#gone.push(cluster);
        cluster.drain();
      }
    }
    this.#takeRoutes();
    // Limits may have been raised.
    this.#calls.poke();
  }

  /** Which route a request takes, and by which of its matches; undefined: none. */
  route(request: RoutableRequest): Entry<RunningRoute> | undefined {
    return this.#table?.find(request);
  }

  /** Of a name; undefined: none. */
  routeNamed(name: string): RunningRoute | undefined {
    return this.#routes.get(name);
  }

  /** By its route, where it has one. */
  send(call: Call, route?: RunningRoute): Promise<Reply> {
    this.calledAt = call.startedAt;
    return route === undefined ? this.#calls.send(call) : route.send(call, this.#calls.send);
  }

  /** Sends a copy of some call, once, beside all limits of calls, to be answered within this time. */
  copy(request: MeshRequest, version: string | undefined, within: Millis): Promise<Reply> {
    const startedAt = this.#deps.clock.now();
    const cancellation = new Cancellation();
    const { policy } = this;
    (this.#copies ??= new Set()).add(cancellation);
    const reply = this.#copyStack({
      service: this.name, policy, request, options: noOptions, cancellation, startedAt, deadline: startedAt + Math.min(within, policy.deadline), deadlineFrom: 'policy',
      // Whoever has too much to do leaves it.
      criticality: 'sheddable',
      hashKey: undefined, servingRetry: false, route: undefined, version, attempts: 0, tried: new TriedEndpoints(),
    });
    const over = (): void => void this.#copies?.delete(cancellation);
    reply.then((answer) => answer.watch({ end: over }), over);
    return reply;
  }

  /** The endpoints that its routes may need are found, and connected to. Rejects as `Cluster.ready` does. */
  async ready(cancellation: Cancellation): Promise<void> {
    // Without a route that takes everything, what no route takes goes to the service as a whole.
    const routes = [...this.#routes.values()];
    const takesAll = routes.some(({ matches }) => matches.length === 0);
    const versions = new Set([...routes.flatMap((route) => route.versions), ...(takesAll ? [] : [undefined])]);
    await Promise.all([...versions].map((version) => this.#cluster(version).ready(cancellation)));
  }

  snapshot(): ServiceSnapshot {
    const { clock } = this.#deps;
    return {
      name: this.name,
      ...this.#whole.snapshot(),
      ...this.#retries.snapshot(),
      modes: { outlier: modeOf(this.policy.outlier), healthCheck: modeOf(this.policy.healthCheck), metrics: this.policy.telemetry.metrics },
      ...this.#calls.snapshot(),
      versions: [...this.#versions].map(([name, cluster]) => ({ name, ...cluster.snapshot() })),
      routes: [...this.#routes.values()].map((route) => route.snapshot()),
      idle: clock.now() - this.calledAt,
    };
  }

  async close(reason: MeshError): Promise<void> {
    for (const cancellation of [...(this.#copies ?? [])]) cancellation.cancel(new MeshError('CLIENT_CLOSED', reason.message, { service: this.name }));
    await Promise.all([this.#whole, ...this.#versions.values(), ...this.#gone].map((cluster) => cluster.close(reason)));
  }

  /** Routes of the same name go on. */
  #takeRoutes(): void {
    const before = this.#routes;
    const { routes } = this.#entry;
    this.#routes = routes.length === 0 ? noRoutes : new Map(routes.map((route) => {
      const running = before.get(route.name);
      running?.update(route);
      return [route.name, running ?? this.#newRoute(route)];
    }));
    this.#table = routes.length === 0 ? undefined : new RouteTable([...this.#routes.values()]);
  }

  #newRoute(route: Route): RunningRoute {
    const { clock, random, emit, named } = this.#deps;
    return new RunningRoute(route, {
      service: this.name, clock, random, emit,
      policy: () => this.policy,
      newRetries: (knobs) => this.#newRetries(knobs),
      isEmpty: (version) => this.#cluster(version).isEmpty,
      mirror: async (service, version, copy, within) => (service === undefined ? this : named(service)).copy(copy, version, within),
    });
  }

  #newRetries(knobs: () => ServicePolicy): Retries {
    return new Retries(this.#callDeps, knobs, (attempt) => this.#attempt(attempt));
  }

  /** @throws MeshError NO_ENDPOINTS, as a rejection */
  #attempt(attempt: Attempt): Promise<Reply> {
    const { version, route } = attempt.call;
    if (version === undefined) return this.#whole.start().attempt(attempt);
    if (version === NOWHERE) return Promise.reject(new MeshError('NO_ENDPOINTS', `${this.name}: route ${route} gives no version any weight`, { service: this.name }));
    // A call that began under a policy which knew the version, and is retried under one that does not.
    const known = this.#versions.has(version) || this.#entry.versions.has(version);
    if (!known) return Promise.reject(new MeshError('NO_ENDPOINTS', `${this.name}: the policy names no version ${version} any longer`, { service: this.name }));
    return this.#cluster(version).attempt(attempt);
  }

  get #callDeps() {
    const { clock, random, timeouts, emit, onlooking } = this.#deps;
    const elsewhere = (call: Call): boolean => (call.version === undefined ? this.#whole : this.#versions.get(call.version))?.cluster.hasOther(call) ?? false;
    return { service: this.name, clock, random, timeouts, emit, onlooking, knobs: () => this.policy, capacity: () => this.#capacity(), elsewhere, below: (call: Call) => this.#levelsOf(call) };
  }

  #levelsOf(call: Call): Pick<DecisionLevels, 'budget' | 'circuit'> {
    const cluster = call.version === undefined ? this.#whole : this.#versions.get(call.version);
    return { budget: (this.#routeOf(call)?.retries ?? this.#retries).snapshot().budget, circuit: cluster?.circuits.of(call).state ?? 'closed' };
  }

  /** Undefined also where the policy names it no longer. */
  #routeOf({ route }: Call): RunningRoute | undefined {
    return route === undefined ? undefined : this.#routes.get(route);
  }

  /** What the route of an attempt does to it. */
  #between(version: string | undefined): Layer<Attempt> {
    return (next) => (attempt) => {
      const route = this.#routeOf(attempt.call);
      return route === undefined ? next(attempt) : route.attempt(attempt, version, next);
    };
  }

  /** Started when it is first needed. */
  #cluster(version: string | undefined): RunningCluster {
    if (version === undefined) return this.#whole.start();
    let cluster = this.#versions.get(version);
    if (cluster === undefined) {
      const source = this.#entry.versions.get(version);
      if (source === undefined) throw new MeshError('NO_ENDPOINTS', `${this.name}: the policy names no version ${version} any longer`, { service: this.name });
      cluster = this.#newCluster(version, source).start();
      this.#versions.set(version, cluster);
    }
    return cluster;
  }

  #newCluster(version: string | undefined, source: DiscoverySource): RunningCluster {
    return new RunningCluster(this.name, source, {
      ...this.#deps,
      knobs: () => this.policy,
      authority: () => authorityOf(this.#entry),
      host: () => this.#entry.hosts[0]?.host ?? this.#entry.name,
      unnamed: () => this.#entry.hosts.length === 0,
      changed: () => this.#calls.poke(),
      between: this.#between(version),
    });
  }

  get #sourceOfWhole(): DiscoverySource {
    return this.#entry.source ?? this.#ownName;
  }

  #capacity(): number {
    let sum = this.#whole.capacity;
    for (const cluster of this.#versions.values()) sum += cluster.capacity;
    return sum;
  }
}

function modeOf(knobs: Switchable<{ readonly mode: Mode }>): Mode | 'off' {
  return knobs === 'off' ? 'off' : knobs.mode;
}

/** What health checks have as their Host header: the host that requests for the service have. */
function authorityOf({ name, hosts }: ServiceEntry): string {
  const { host, port } = hosts[0] ?? { host: name, port: undefined };
  const written = host.includes(':') ? `[${host}]` : host;
  return port === undefined ? written : `${written}:${port}`;
}
