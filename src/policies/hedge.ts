/**
 * Hedging: another attempt, at another endpoint, beside one that takes long; the first answer counts (round.ts). Dean and
 * Barroso, "The Tail at Scale", 2013; Finagle's BackupRequestFilter.
 *
 * It is for tails: an endpoint that pauses, a packet that is lost. Where a whole service is slow it adds load to what has too much,
 * so there are four brakes, asked in this order when it is time for a hedge:
 *
 *     the service does not say that it is full (429, or 503 with Retry-After)          overload
 *     the body is whole in memory                                                      body-not-replayable
 *     an endpoint that this call has not tried has room                                no-other-endpoint
 *     hedges stay below `extraLoad` of the calls that succeed                          extra-load
 *     the retry budget pays                                                            budget
 *
 * The last two are both asked, as Finagle does: the first keeps hedges the small share that they are meant to be, the second bounds
 * what hedges and retries add together. Both are filled by successes, so hedging stops by itself when nothing succeeds any more.
 * Saved up are as many as one endpoint may have in flight, for when that one pauses.
 *
 * Only what may run twice at a time is hedged (idempotency.ts): safe methods, and calls with an idempotency key. An upgrade never, nor a
 * call that its caller does not want repeated, nor one that this process serves as a retry or hedge of somebody else.
 */
import type { AttemptObserver } from '../core/attempt-observer.ts';
import type { Attempt, Call, Service } from '../core/call.ts';
import type { Clock, Millis } from '../core/clock.ts';
import { MeshError } from '../core/errors.ts';
import type { Emit, HedgeSuppressedReason } from '../core/events.ts';
import { classifyReply } from '../core/outcome.ts';
import { defaultServicePolicy, type HedgeKnobs } from '../core/policy.ts';
import { beginAttempt } from './begin-attempt.ts';
import type { RetryBudget } from './budget.ts';
import { HedgeDelays } from './hedge-delay.ts';
import { mayRunTwice } from './idempotency.ts';
import { Round, type Result, type RoundOwner } from './round.ts';
import type { Timeouts } from './timeouts.ts';

export interface HedgingDeps {
  readonly service: string;
  readonly clock: Clock;
  readonly timeouts: Timeouts;
  /** Shared with the retries of the service. */
  readonly budget: RetryBudget;
  /** Whether an endpoint that this call has not tried could take an attempt. */
  readonly elsewhere: (call: Call) => boolean;
  readonly emit: Emit;
  readonly observer?: AttemptObserver | undefined;
}

/** What hedging knows, as plain data for `inspect()`. */
export interface HedgeSnapshot {
  /** How long an attempt is waited for now before a hedge is sent; undefined while too little is known of the service. */
  readonly delay: Millis | undefined;
  /** Hedges that `extraLoad` would pay for now. */
  readonly saved: number;
}

/** Hedges that may be saved up: about what one endpoint has in flight. With ten, most of the calls to one that pauses had none. */
const SAVED_AT_MOST = 40;
/** A hundred deposits of 0.01 are 1.0000000000000007 in binary; other shares err to the other side. */
const ROUNDING = 1e-9;
/** Who says that he is full is left alone for what he asks, or this long … */
const PAUSE_AT_LEAST: Millis = 1_000;
/** … but no longer than this. */
const PAUSE_AT_MOST: Millis = 60_000;

export class Hedging implements RoundOwner {
  readonly timeouts: Timeouts;
  readonly #deps: HedgingDeps;
  readonly #delays = new HedgeDelays();
  /** Hedges that could be sent, as far as `extraLoad` goes. Starts at none, so that there are never more than that share of the successes. */
  #saved = 0;
  #pausedUntil: Millis = -Infinity;

  constructor(deps: HedgingDeps) {
    this.#deps = deps;
    this.timeouts = deps.timeouts;
  }

  snapshot({ after }: HedgeKnobs): HedgeSnapshot {
    return { delay: this.#delays.delay(after, this.#deps.clock.now()), saved: Math.floor(this.#saved + ROUNDING) };
  }

  /** A call succeeded. */
  deposit(knobs: HedgeKnobs): void {
    this.#saved = Math.min(SAVED_AT_MOST, this.#saved + knobs.extraLoad);
  }

  /** This attempt is about to be sent, and up to `left` hedges will be beside it when it takes long. The round is to be told when it has ended. */
  round(first: Attempt, next: Service<Attempt>, knobs: HedgeKnobs, left: number): Round {
    const { call, startedAt: now } = first;
    const may = mayBeHedged(call);
    const round = new Round(this, first, next, may);
    const delay = may ? this.#delays.delay(knobs.after, now) : undefined;
    if (delay !== undefined && left > 0 && now + delay < call.deadline) round.watch(delay, left);
    return round;
  }

  hedge(call: Call, after: Millis): Attempt | undefined {
    const { service, clock, emit, observer } = this.#deps;
    const { hedge: knobs } = call.policy;
    const now = clock.now();
    // The call is over, and its attempts are about to end.
    if (knobs === 'off' || call.cancellation.reason !== undefined || now >= call.deadline) return undefined;
    const enforced = knobs.mode === 'enforce';
    const refused = this.#refusal(call, enforced, now);
    if (refused !== undefined) {
      emit('hedge.suppressed', { service, reason: refused, after, enforced });
      observer?.suppressed(call, refused, enforced);
      return undefined;
    }
    this.#saved = Math.max(0, this.#saved - 1);
    emit('hedge.sent', { service, attempt: call.attempts + 1, after, enforced });
    observer?.again(call, enforced);
    return enforced ? beginAttempt(call, now) : undefined;
  }

  ended({ reply, error }: Result, elapsed: Millis | undefined, now: Millis): void {
    if (reply !== undefined) {
      const { kind } = classifyReply(reply);
      // Only a Retry-After that is a date needs the time of day.
      if (kind === 'overload') this.#pausedUntil = now + Math.min(PAUSE_AT_MOST, Math.max(PAUSE_AT_LEAST, classifyReply(reply, this.#deps.clock).retryAfter ?? 0));
      if (kind !== 'success') return;
    } else if (!(error instanceof MeshError && error.code === 'ATTEMPT_TIMEOUT')) {
      return;
    }
    // A failure is over soon and says nothing of how long an answer takes; a timeout says that it takes longer than this.
    if (elapsed !== undefined) this.#delays.record(elapsed, now);
  }

  /** One that was cut off early says nothing: it might have been quick. The others took at least this long. */
  lost(elapsed: Millis, delay: Millis): void {
    if (elapsed >= delay) this.#delays.record(elapsed, this.#deps.clock.now());
  }

  won({ call, number }: Attempt): void {
    this.#deps.emit('hedge.won', { service: call.service, attempt: number });
  }

  /** Why there is none now; undefined, and it is paid for. */
  #refusal(call: Call, enforced: boolean, now: Millis): HedgeSuppressedReason | undefined {
    const { elsewhere, budget } = this.#deps;
    const { body } = call.request;
    const { retry } = call.policy;
    if (now < this.#pausedUntil) return 'overload';
    if (body !== undefined && !body.whole) return 'body-not-replayable';
    if (!elsewhere(call)) return 'no-other-endpoint';
    if (this.#saved < 1 - ROUNDING) return 'extra-load';
    if (retry !== 'off' && retry.budget.mode === 'observe') return undefined;
    // What is only observed must not use up what retries need.
    const paid = enforced ? budget.withdraw(now) : budget.level(now) >= 1;
    return paid ? undefined : 'budget';
  }
}

function mayBeHedged(call: Call): boolean {
  const { request, options, policy, servingRetry } = call;
  if (request.upgrade !== undefined || options.retry === false || servingRetry) return false;
  return mayRunTwice(call, policy.retry === 'off' ? defaultServicePolicy.retry.methods : policy.retry.methods);
}
