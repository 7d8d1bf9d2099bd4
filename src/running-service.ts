/**
 * One service as it runs in this process: its parts, put together.
 *
 * The way of a request, top to bottom:
 *
 *     trace → fallback → deadline → rate limit → throttle → concurrency → retry & hedge → [ circuit → attempt timeout → propagation → trace → balancer → transport ]
 *
 * What is in brackets is a cluster's (running-cluster.ts). The parts keep memory and never knobs; they ask for those when they use them, so
 * a changed policy is felt at once and nothing that was learnt is lost.
 */
import { stack, type Call, type Reply, type Service } from './core/call.ts';
import type { Cancellation } from './core/cancellation.ts';
import type { Clock, Millis } from './core/clock.ts';
import type { MeshError } from './core/errors.ts';
import { defaultServicePolicy, type BudgetKnobs, type DiscoverySource, type RetryKnobs, type ServiceEntry, type ServicePolicy, type Switchable } from './core/policy.ts';
import { RetryBudget } from './policies/budget.ts';
import { ConcurrencyLimit, type ConcurrencySnapshot } from './policies/concurrency.ts';
import { deadline } from './policies/deadline.ts';
import { fallback } from './policies/fallback.ts';
import { Hedging } from './policies/hedge.ts';
import { PerRoute } from './policies/per-route.ts';
import { RateLimit, type RateLimitSnapshot } from './policies/rate-limit.ts';
import { retry } from './policies/retry.ts';
import { Throttle, type ThrottleSnapshot } from './policies/throttle.ts';
import { RunningCluster, type ClusterSnapshot, type RunningClusterDeps } from './running-cluster.ts';
import { attemptTelemetry } from './telemetry/attempt-metrics.ts';
import { traceCalls } from './telemetry/tracing.ts';

export interface ServiceSnapshot extends ClusterSnapshot {
  readonly name: string;
  /** Retries that could be paid for now. */
  readonly budget: number;
  readonly calls: ConcurrencySnapshot;
  readonly throttle: ThrottleSnapshot;
  /** Undefined where there is none. */
  readonly rateLimit: RateLimitSnapshot | undefined;
  /** Of routes that override them, by name of the route. */
  readonly ofRoutes: {
    readonly calls: Readonly<Record<string, ConcurrencySnapshot>>;
    readonly throttle: Readonly<Record<string, ThrottleSnapshot>>;
    readonly rateLimit: Readonly<Record<string, RateLimitSnapshot | undefined>>;
  };
  /** Milliseconds since the last call began. */
  readonly idle: Millis;
}

export type ServiceDeps = Omit<RunningClusterDeps, 'knobs' | 'changed'>;

export class RunningService {
  readonly name: string;
  readonly budget: RetryBudget;
  calledAt: Millis;
  #entry: ServiceEntry;
  readonly #clock: Clock;
  readonly #cluster: RunningCluster;
  readonly #limits: PerRoute<Call, ConcurrencyLimit, 'concurrency'>;
  readonly #throttles: PerRoute<Call, Throttle, 'throttle'>;
  readonly #rates: PerRoute<Call, RateLimit, 'rateLimit'>;
  readonly #stack: Service<Call>;

  constructor(name: string, entry: ServiceEntry, ownName: DiscoverySource, deps: ServiceDeps) {
    const { clock, random, timeouts, emit } = deps;
    this.name = name;
    this.#entry = entry;
    this.#clock = clock;
    this.calledAt = clock.now();
    const knobs = (): ServicePolicy => this.#entry.policy;

    const callOf = (call: Call): Call => call;
    // A route's limit is one within the service's, whose connections its calls share; the others take the place of the service's.
    this.#limits = new PerRoute({
      mechanism: 'concurrency', policy: knobs, callOf, routes: 'within',
      make: (own, route) => new ConcurrencyLimit({ service: name, clock, emit, knobs: own, capacity: () => (route === undefined ? this.#cluster.capacity : 0) }),
    });
    this.#throttles = new PerRoute({ mechanism: 'throttle', policy: knobs, callOf, routes: 'instead', make: (own) => new Throttle({ service: name, clock, random, emit, knobs: own }) });
    this.#rates = new PerRoute({ mechanism: 'rateLimit', policy: knobs, callOf, routes: 'instead', make: (own) => new RateLimit({ service: name, clock, emit, knobs: own }) });
    this.budget = new RetryBudget(() => budgetKnobs(knobs().retry));
    this.#cluster = new RunningCluster(name, entry.source ?? ownName, { ...deps, knobs, changed: () => this.#limits.own.poke() });
    const hedging = new Hedging({
      service: name, clock, timeouts, budget: this.budget, emit, observer: attemptTelemetry('hedge'),
      elsewhere: (call) => this.#cluster.cluster.hasOther(call),
    });
    this.#stack = stack<Call>(
      // Outermost, so that the span of a call covers all that the caller waits for.
      traceCalls({ clock }),
      // Above the deadline: what the caller wants when his time is over comes after it.
      fallback({ emit }),
      // Above the queue, so that waiting for a turn is within it.
      deadline(timeouts),
      // Above the queue: who has no quota does not wait to hear so. Above retry: a quota is of calls.
      this.#rates.layer,
      // Above the queue: what will not be sent need not wait. Above retry: a refusal that a retry makes good is none.
      this.#throttles.layer,
      // Above retry: a call has one place, however many attempts it needs.
      this.#limits.layer,
    )(retry({ clock, random, budget: this.budget, emit, observer: attemptTelemetry('retry'), hedging })(this.#cluster.attempt));
  }

  /** A call keeps the policy it began with. */
  get policy(): ServicePolicy {
    return this.#entry.policy;
  }

  /** Neither calls nor whatever waits to become one. */
  get idleNow(): boolean {
    return [this.#limits.own, ...this.#limits.routes.values()].every(({ inFlight, queued }) => inFlight === 0 && queued === 0);
  }

  /**
   * The policy says something else of this service. Knobs hold from the next decision on; nothing that was learnt is lost. Where endpoints
   * are to be looked for elsewhere, those that are known stay in use until the new source has answered.
   */
  update(entry: ServiceEntry, ownName: DiscoverySource): void {
    this.#entry = entry;
    this.#cluster.look(entry.source ?? ownName);
    // Limits may have been raised.
    this.#limits.own.poke();
  }

  send(call: Call): Promise<Reply> {
    this.calledAt = call.startedAt;
    return this.#stack(call);
  }

  /** Endpoints are found, and connected to. Rejects as `Cluster.ready` does. */
  ready(cancellation: Cancellation): Promise<void> {
    return this.#cluster.ready(cancellation);
  }

  snapshot(): ServiceSnapshot {
    return {
      name: this.name,
      ...this.#cluster.snapshot(),
      budget: this.budget.level(this.#clock.now()),
      calls: this.#limits.own.snapshot(),
      throttle: this.#throttles.own.snapshot(),
      rateLimit: this.#rates.own.snapshot(),
      ofRoutes: { calls: this.#limits.snapshots(), throttle: this.#throttles.snapshots(), rateLimit: this.#rates.snapshots() },
      idle: this.#clock.now() - this.calledAt,
    };
  }

  close(reason: MeshError): Promise<void> {
    return this.#cluster.close(reason);
  }
}

/** With retries off nothing asks the budget; it keeps what it has. */
function budgetKnobs(knobs: Switchable<RetryKnobs>): BudgetKnobs {
  return knobs === 'off' ? defaultServicePolicy.retry.budget : knobs.budget;
}
