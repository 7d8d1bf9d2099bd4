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
import { RateLimit } from './policies/rate-limit.ts';
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
  /** Calls that the rate limit would let through now; undefined where there is none. */
  readonly rateLimit: { readonly level: number } | undefined;
  /** Milliseconds since the last call began. */
  readonly idle: Millis;
}

export type ServiceDeps = Omit<RunningClusterDeps, 'knobs' | 'changed'>;

export class RunningService {
  readonly name: string;
  readonly limit: ConcurrencyLimit;
  readonly throttle: Throttle;
  readonly rate: RateLimit;
  readonly budget: RetryBudget;
  calledAt: Millis;
  #entry: ServiceEntry;
  readonly #clock: Clock;
  readonly #cluster: RunningCluster;
  readonly #stack: Service<Call>;

  constructor(name: string, entry: ServiceEntry, ownName: DiscoverySource, deps: ServiceDeps) {
    const { clock, random, timeouts, emit } = deps;
    this.name = name;
    this.#entry = entry;
    this.#clock = clock;
    this.calledAt = clock.now();
    const knobs = (): ServicePolicy => this.#entry.policy;

    this.limit = new ConcurrencyLimit({ service: name, clock, emit, capacity: () => this.#cluster.capacity, knobs: () => knobs().concurrency });
    this.throttle = new Throttle({ service: name, clock, random, emit, knobs: () => knobs().throttle });
    this.rate = new RateLimit({ service: name, clock, emit, knobs: () => knobs().rateLimit });
    this.budget = new RetryBudget(() => budgetKnobs(knobs().retry));
    this.#cluster = new RunningCluster(name, entry.source ?? ownName, { ...deps, knobs, changed: () => this.limit.poke() });
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
      this.rate.layer,
      // Above the queue: what will not be sent need not wait. Above retry: a refusal that a retry makes good is none.
      this.throttle.layer,
      // Above retry: a call has one place, however many attempts it needs.
      this.limit.layer,
    )(retry({ clock, random, budget: this.budget, emit, observer: attemptTelemetry('retry'), hedging })(this.#cluster.attempt));
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
    this.#cluster.look(entry.source ?? ownName);
    // Limits may have been raised.
    this.limit.poke();
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
      calls: this.limit.snapshot(),
      throttle: this.throttle.snapshot(),
      rateLimit: this.rate.level === undefined ? undefined : { level: this.rate.level },
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
