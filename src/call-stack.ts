/**
 * What a call passes on its way to become attempts, top to bottom:
 *
 *     trace → measure → decision record → fallback → deadline → rate limit → throttle → concurrency → retry & hedge
 *
 * The machines with memory are a service's. A route that says other knobs for one of them has one of its own (policies/per-route.ts): what
 * is learnt under one bound is nothing to decide another by.
 */
import { isDeepStrictEqual } from 'node:util';
import { stack, type Attempt, type Call, type Service } from './core/call.ts';
import type { Clock } from './core/clock.ts';
import { DECISION_HEADER, type DecisionLevels } from './core/decision.ts';
import type { Emit } from './core/events.ts';
import type { Onlooking } from './core/onlooker.ts';
import { defaultServicePolicy, type BudgetKnobs, type RetryKnobs, type ServicePolicy, type Switchable } from './core/policy.ts';
import type { Random } from './core/random.ts';
import { RetryBudget } from './policies/budget.ts';
import { ConcurrencyLimit, type ConcurrencySnapshot } from './policies/concurrency.ts';
import { deadline } from './policies/deadline.ts';
import { fallback } from './policies/fallback.ts';
import { Hedging, type HedgeSnapshot } from './policies/hedge.ts';
import { PerRoute } from './policies/per-route.ts';
import { RateLimit, type RateLimitSnapshot } from './policies/rate-limit.ts';
import { retry } from './policies/retry.ts';
import { Throttle, type ThrottleSnapshot } from './policies/throttle.ts';
import type { Timeouts } from './policies/timeouts.ts';
import { attemptTelemetry } from './telemetry/attempt-metrics.ts';
import { ChangedReply } from './routing/header-changes.ts';
import { measureCalls } from './telemetry/call-metrics.ts';
import { decisionRecord } from './telemetry/decision-record.ts';
import { traceCalls } from './telemetry/tracing.ts';

export interface CallSnapshot {
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
}

export interface CallStackDeps {
  readonly service: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly timeouts: Timeouts;
  readonly emit: Emit;
  readonly onlooking?: Onlooking | undefined;
  /** Of the service. */
  readonly knobs: () => ServicePolicy;
  /** As in ConcurrencyDeps. */
  readonly capacity: () => number;
  /** As in HedgingDeps. */
  readonly elsewhere: (call: Call) => boolean;
  /** What of a call's levels is kept below: its budget, its circuit. */
  readonly below: (call: Call) => Pick<DecisionLevels, 'budget' | 'circuit'>;
}

export class CallStack {
  readonly send: Service<Call>;
  readonly #limits: PerRoute<Call, ConcurrencyLimit, 'concurrency'>;
  readonly #throttles: PerRoute<Call, Throttle, 'throttle'>;
  readonly #rates: PerRoute<Call, RateLimit, 'rateLimit'>;

  /** `next` is where calls become attempts. */
  constructor({ service, clock, random, timeouts, emit, onlooking, knobs, capacity, below }: CallStackDeps, next: Service<Call>) {
    const callOf = (call: Call): Call => call;
    // A route's limit is one within the service's, whose connections its calls share; the others take the place of the service's.
    this.#limits = new PerRoute({
      mechanism: 'concurrency', policy: knobs, callOf, routes: 'within',
      make: (own, route) => new ConcurrencyLimit({ service, clock, emit, knobs: own, capacity: () => (route === undefined ? capacity() : 0) }),
    });
    this.#throttles = new PerRoute({ mechanism: 'throttle', policy: knobs, callOf, routes: 'instead', make: (own) => new Throttle({ service, clock, random, emit, knobs: own }) });
    this.#rates = new PerRoute({ mechanism: 'rateLimit', policy: knobs, callOf, routes: 'instead', make: (own) => new RateLimit({ service, clock, emit, knobs: own }) });
    this.send = stack<Call>(
      // Outermost, so that the span of a call covers all that the caller waits for.
      traceCalls({ clock }),
      // Of the same time as the span, both.
      measureCalls({ clock }),
      // Below the trace, whose events it leaves alone, and above whatever decides.
      decisionRecord({ clock, levels: (call) => ({ ...this.#levels(call), ...below(call) }), carrying: (reply, decision) => new ChangedReply(reply, { set: [[DECISION_HEADER, JSON.stringify(decision)]], add: [], remove: [] }) }),
      ...(onlooking === undefined ? [] : [onlooking.calls]),
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
    )(next);
  }

  /** Neither calls nor whatever waits to become one. */
  get idle(): boolean {
    return [this.#limits.own, ...this.#limits.routes.values()].every(({ inFlight, queued }) => inFlight === 0 && queued === 0);
  }

  /** There may be room: endpoints came, or limits were raised. */
  poke(): void {
    this.#limits.own.poke();
  }

  #levels(call: Call): Omit<DecisionLevels, 'budget' | 'circuit'> {
    const { inFlight, queued, limit } = this.#limits.of(call).snapshot();
    return { inFlight, queued, limit: limit === Infinity ? null : limit, throttled: this.#throttles.of(call).snapshot().rejection[call.criticality] };
  }

  snapshot(): CallSnapshot {
    return {
      calls: this.#limits.own.snapshot(),
      throttle: this.#throttles.own.snapshot(),
      rateLimit: this.#rates.own.snapshot(),
      ofRoutes: { calls: this.#limits.snapshots(), throttle: this.#throttles.snapshots(), rateLimit: this.#rates.snapshots() },
    };
  }
}

export interface RetriesSnapshot {
  /** Retries that could be paid for now. */
  readonly budget: number;
  /** Undefined while it is off. */
  readonly hedge: HedgeSnapshot | undefined;
}

/** Retries and hedges, and the budget that pays for both. */
export class Retries {
  readonly send: Service<Call>;
  readonly #clock: Clock;
  readonly #knobs: () => ServicePolicy;
  readonly #budget: RetryBudget;
  readonly #hedging: Hedging;

  constructor({ service, clock, random, timeouts, emit, elsewhere }: CallStackDeps, knobs: () => ServicePolicy, attempt: Service<Attempt>) {
    this.#clock = clock;
    this.#knobs = knobs;
    const budget = new RetryBudget(() => budgetKnobs(knobs().retry));
    this.#budget = budget;
    const hedging = new Hedging({ service, clock, timeouts, budget, emit, observer: attemptTelemetry('hedge'), elsewhere });
    this.#hedging = hedging;
    this.send = retry({ clock, random, budget, emit, observer: attemptTelemetry('retry'), elsewhere, hedging })(attempt);
  }

  snapshot(): RetriesSnapshot {
    const { hedge } = this.#knobs();
    return { budget: this.#budget.level(this.#clock.now()), hedge: hedge === 'off' ? undefined : this.#hedging.snapshot(hedge) };
  }
}

/** Whether retries of one are to be paid for apart from those of the other. */
export function paysApart(route: ServicePolicy, service: ServicePolicy): boolean {
  return route !== service && !isDeepStrictEqual([route.hedge, budgetKnobs(route.retry)], [service.hedge, budgetKnobs(service.retry)]);
}

/** With retries off nothing asks the budget; it keeps what it has. */
function budgetKnobs(knobs: Switchable<RetryKnobs>): BudgetKnobs {
  return knobs === 'off' ? defaultServicePolicy.retry.budget : knobs.budget;
}
