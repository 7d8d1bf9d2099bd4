/**
 * One service as it runs in this process: its parts, put together.
 *
 * The way of a request, top to bottom:
 *
 *     trace → deadline → rate limit → throttle → concurrency → retry → circuit → attempt timeout → propagation → trace → balancer → transport
 *
 * The parts keep memory and never knobs; they ask for those when they use them, so a changed policy is felt at once and
 * nothing that was learnt is lost.
 */
import { isDeepStrictEqual } from 'node:util';
import { balance } from './balancer/balance.ts';
import { Cluster, type ClusterKnobs } from './balancer/cluster.ts';
import type { Panic } from './balancer/candidates.ts';
import type { EndpointSnapshot } from './balancer/snapshot.ts';
import type { SubsetSnapshot } from './balancer/subset.ts';
import { stack, type Attempt, type Call, type Reply, type Service, type Transport } from './core/call.ts';
import type { Clock, Millis } from './core/clock.ts';
import { endpointKey, type DiscoveryState, type RefreshReason, type Watch } from './core/endpoint.ts';
import type { MeshError } from './core/errors.ts';
import type { Emit } from './core/events.ts';
import { defaultServicePolicy, type BudgetKnobs, type DiscoverySource, type RetryKnobs, type ServiceEntry, type ServicePolicy, type Switchable } from './core/policy.ts';
import type { Random } from './core/random.ts';
import { resolverFor } from './discovery/resolver-for.ts';
import type { StubResolver } from './discovery/stub-resolver.ts';
import { attemptTimeout } from './policies/attempt-timeout.ts';
import { RetryBudget } from './policies/budget.ts';
import { Circuit, type CircuitSnapshot } from './policies/circuit.ts';
import { ConcurrencyLimit } from './policies/concurrency.ts';
import { deadline } from './policies/deadline.ts';
import { propagation } from './policies/propagation.ts';
import { RateLimit } from './policies/rate-limit.ts';
import { retry } from './policies/retry.ts';
import { Throttle, type ThrottleSnapshot } from './policies/throttle.ts';
import type { Timeouts } from './policies/timeouts.ts';
import { attemptTelemetry } from './telemetry/attempt-metrics.ts';
import { recordLookup } from './telemetry/lookup-metric.ts';
import { forgetOrigin, rememberOrigin, traceAttempts, traceCalls } from './telemetry/tracing.ts';
import { EndpointPools } from './transport/endpoint-pools.ts';

export interface ServiceSnapshot {
  readonly name: string;
  readonly discovery: DiscoveryState;
  readonly endpoints: readonly EndpointSnapshot[];
  readonly subset: SubsetSnapshot;
  /** What is done because too few endpoints are usable; `observed`: nothing, but something would be. */
  readonly panic: Panic;
  readonly circuit: CircuitSnapshot;
  /** Retries that could be paid for now. */
  readonly budget: number;
  readonly calls: { readonly inFlight: number; readonly queued: number };
  readonly throttle: ThrottleSnapshot;
  /** Calls that the rate limit would let through now; undefined where there is none. */
  readonly rateLimit: { readonly level: number } | undefined;
  /** Milliseconds since the last call began. */
  readonly idle: Millis;
}

export interface ServiceDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly timeouts: Timeouts;
  readonly stub: StubResolver;
  readonly identity: string;
  readonly zone: string | undefined;
  /** Tells people, once. */
  readonly warn: (message: string) => void;
  /** In the place of undici's pools, for tests. */
  readonly transport: ((service: string) => Transport) | undefined;
  readonly emit: Emit;
}

export class RunningService {
  readonly name: string;
  readonly cluster: Cluster;
  readonly transport: Transport;
  readonly limit: ConcurrencyLimit;
  readonly throttle: Throttle;
  readonly rate: RateLimit;
  readonly circuit: Circuit;
  readonly budget: RetryBudget;
  calledAt: Millis;
  /** Its only endpoint is a Kubernetes ClusterIP. */
  #virtual = false;
  #entry: ServiceEntry;
  readonly #deps: ServiceDeps;
  readonly #clock: Clock;
  /** Where endpoints are looked for now. */
  #source: DiscoverySource;
  #watch: Watch;
  readonly #stack: Service<Call>;

  constructor(name: string, entry: ServiceEntry, ownName: DiscoverySource, deps: ServiceDeps) {
    const { clock, random, timeouts, emit } = deps;
    this.name = name;
    this.#entry = entry;
    this.#deps = deps;
    this.#clock = clock;
    this.#source = entry.source ?? ownName;
    this.calledAt = clock.now();
    const knobs = (): ServicePolicy => this.#entry.policy;

    this.transport = deps.transport?.(name) ?? new EndpointPools({ clock, random, knobs: () => knobs().connection, opened: rememberOrigin, closed: forgetOrigin });
    const refresh = (reason: RefreshReason): void => {
      emit('discovery.refresh', { service: name, reason });
      this.#watch.refresh(reason);
    };
    this.cluster = new Cluster({
      service: name, identity: deps.identity, clock, random, emit, refresh,
      // To eject a virtual IP is to eject the service: its failures are of whichever pod answered.
      knobs: () => clusterKnobs(knobs(), this.#virtual),
      retire: (endpoint) => this.transport.retire(endpoint),
    });
    this.limit = new ConcurrencyLimit({ service: name, clock, emit, capacity: () => this.cluster.size * knobs().connection.maxPerEndpoint, knobs: () => knobs().concurrency });
    this.throttle = new Throttle({ service: name, clock, random, emit, knobs: () => knobs().throttle });
    this.rate = new RateLimit({ service: name, clock, emit, knobs: () => knobs().rateLimit });
    this.circuit = new Circuit({ service: name, clock, emit, knobs: () => knobs().circuit });
    this.budget = new RetryBudget(() => budgetKnobs(knobs().retry));

    const attempts = stack<Attempt>(
      // Below retry, so that each attempt counts; above the timeout, so that timeouts count.
      this.circuit.layer,
      // Above the balancer, so that waiting for endpoints and connecting are within it.
      attemptTimeout(timeouts),
      // Below whatever takes time, so that what it says remains does remain.
      propagation(clock),
      // Directly above the balancer: what it records is one try at one endpoint.
      traceAttempts(),
    )(balance(this.cluster, this.transport, clock));
    this.#stack = stack<Call>(
      // Outermost, so that the span of a call covers all that the caller waits for.
      traceCalls({ clock }),
      // Above the queue, so that waiting for a turn is within it.
      deadline(timeouts),
      // Above the queue: who has no quota does not wait to hear so. Above retry: a quota is of calls.
      this.rate.layer,
      // Above the queue: what will not be sent need not wait. Above retry: a refusal that a retry makes good is none.
      this.throttle.layer,
      // Above retry: a call has one place, however many attempts it needs.
      this.limit.layer,
    )(retry({ clock, random, budget: this.budget, emit, observer: attemptTelemetry('retry') })(attempts));

    this.#watch = this.#follow(this.#source);
  }

  /** A call keeps the policy it began with. */
  get policy(): ServicePolicy {
    return this.#entry.policy;
  }

  /** Neither calls nor whatever waits to become one. */
  get idleNow(): boolean {
    return this.limit.inFlight === 0 && this.limit.queued === 0;
  }

  /**
   * The policy says something else of this service. Knobs hold from the next decision on; nothing that was learnt is lost. Where endpoints
   * are to be looked for elsewhere, those that are known stay in use until the new source has answered.
   */
  update(entry: ServiceEntry, ownName: DiscoverySource): void {
    this.#entry = entry;
    const source = entry.source ?? ownName;
    if (!isDeepStrictEqual(source, this.#source)) {
      this.#source = source;
      this.#watch.close();
      this.#watch = this.#follow(source);
    }
    // Limits may have been raised.
    this.limit.poke();
  }

  send(call: Call): Promise<Reply> {
    this.calledAt = call.startedAt;
    return this.#stack(call);
  }

  snapshot(): ServiceSnapshot {
    return {
      name: this.name,
      discovery: this.#watch.state(),
      endpoints: this.cluster.snapshot(),
      subset: this.cluster.subset(),
      panic: this.cluster.panic,
      circuit: this.circuit.snapshot(),
      budget: this.budget.level(this.#clock.now()),
      calls: { inFlight: this.limit.inFlight, queued: this.limit.queued },
      throttle: this.throttle.snapshot(),
      rateLimit: this.rate.level === undefined ? undefined : { level: this.rate.level },
      idle: this.#clock.now() - this.calledAt,
    };
  }

  async close(reason: MeshError): Promise<void> {
    this.#watch.close();
    await this.transport.destroy(reason);
  }

  #follow(source: DiscoverySource): Watch {
    const { clock, random, stub, emit, warn, zone } = this.#deps;
    const { name } = this;
    const watch = resolverFor(source, { stub, clock, random, zone, knobs: () => this.#entry.policy.discovery, measured: recordLookup }).watch({
      resolved: (resolution) => {
        if (resolution.virtual === true && !this.#virtual) {
          emit('discovery.virtual', { service: name, source: resolution.source, endpoints: resolution.endpoints.map(endpointKey) });
          warn(`${name}: ${resolution.source} gives the virtual IP of a Kubernetes Service; name a headless Service (clusterIP: None) to balance over its pods`);
        }
        this.#virtual = resolution.virtual === true;
        if (!resolution.complete && resolution.waiting !== true) emit('discovery.truncated', { service: name, source: resolution.source, endpoints: resolution.endpoints.length });
        this.cluster.reconcile(resolution);
        this.limit.poke();
      },
      failed: (error) => {
        this.cluster.failed(error);
        const { source, age } = watch.state();
        emit('discovery.failed', { service: name, source, error, age });
      },
    });
    return watch;
  }
}

function clusterKnobs({ subset, balancer, outlier, connection }: ServicePolicy, virtual: boolean): ClusterKnobs {
  return { subset, balancer, outlier: virtual ? 'off' : outlier, maxPerEndpoint: connection.maxPerEndpoint };
}

/** With retries off nothing asks the budget; it keeps what it has. */
function budgetKnobs(knobs: Switchable<RetryKnobs>): BudgetKnobs {
  return knobs === 'off' ? defaultServicePolicy.retry.budget : knobs.budget;
}
