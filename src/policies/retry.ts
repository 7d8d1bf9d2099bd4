/**
 * Retry: a call becomes attempts, one after the other, until one of them is the answer. (With hedging on, what is called an
 * attempt here may be several beside each other: round.ts.) Another attempt is made where all of this holds, asked in this order:
 *
 *     the policy's conditions want it                retry-conditions.ts
 *     it is no upgrade, and nobody has cancelled
 *     the caller does not forbid it                  caller
 *     the request may be sent again                  not-idempotent, body-not-replayable
 *     whoever called us will not try again as well   retry-of-retry
 *     the policy allows as many                      max-retries
 *     somebody else is there to ask, where the one   no-other-endpoint
 *       who was asked is not who he should be
 *     the server does not ask to be left alone       retry-after
 *     it would begin before the deadline             deadline
 *     it is paid for, if anything was sent           budget, last: nothing is spent on a retry that is refused
 *
 * The word on the right is the reason given where the first holds and that one does not: in an event, on the call's span, as a
 * metric, and as `retrySuppressed` of the error. A reply that is not retried, 503 or not, is the answer.
 */
import type { AttemptObserver } from '../core/attempt-observer.ts';
import { promised, type Attempt, type Call, type Reply, type Service } from '../core/call.ts';
import type { Clock, Millis } from '../core/clock.ts';
import { MeshError, type ErrorCode, type Sent } from '../core/errors.ts';
import type { Emit, SuppressedReason } from '../core/events.ts';
import { classifyError, classifyReply, parseRetryAfter, type OutcomeKind } from '../core/outcome.ts';
import type { RetryKnobs } from '../core/policy.ts';
import type { Random } from '../core/random.ts';
import { ResultWatch } from '../core/result-watch.ts';
import { sleep } from '../core/sleep.ts';
import { backoff } from './backoff.ts';
import { beginAttempt } from './begin-attempt.ts';
import type { RetryBudget } from './budget.ts';
import { evidenceOf, more } from './evidence.ts';
import type { Hedging } from './hedge.ts';
import { mayBeRepeated } from './idempotency.ts';
import { errorAsksForRetry, replyAsksForRetry } from './retry-conditions.ts';
import type { Round, RoundResult } from './round.ts';

export interface RetryDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly budget: RetryBudget;
  readonly emit: Emit;
  readonly observer?: AttemptObserver | undefined;
  /** Whether there is an endpoint that the call has not tried. */
  readonly elsewhere?: ((call: Call) => boolean) | undefined;
  /** Without one, nothing is hedged. */
  readonly hedging?: Hedging | undefined;
}

/** A delay: retry after it. A reason: wanted, and not made. Undefined: not wanted. */
type Verdict = Millis | SuppressedReason | undefined;

export function retry(deps: RetryDeps): (next: Service<Attempt>) => Service<Call> {
  return (next) =>
    function retry(call) {
      const now = deps.clock.now();
      deps.budget.called(now);
      return new Tries(deps, next, call).begin(now);
    };
}

/** The attempts of one call. The first is nearly always the answer, and goes through without anything being awaited but itself. */
class Tries extends ResultWatch {
  readonly #deps: RetryDeps;
  readonly #next: Service<Attempt>;
  /** The most that any attempt may have sent. */
  #sent: Sent = 'no';
  #retries = 0;
  #hedges = 0;
  /** Before the last retry. */
  #delay: Millis = 0;

  constructor(deps: RetryDeps, next: Service<Attempt>, call: Call) {
    super(call);
    this.#deps = deps;
    this.#next = next;
  }

  begin(now: Millis): Promise<Reply> {
    let first: Attempt;
    try {
      first = beginAttempt(this.subject, now);
    } catch (error) {
      return Promise.reject(this.#explained(error));
    }
    const result = this.#send(first);
    this.promised(result);
    return result;
  }

  async #again(): Promise<Reply> {
    const { clock } = this.#deps;
    let attempt: Attempt;
    try {
      await sleep(clock, this.#delay, this.subject.cancellation);
      attempt = beginAttempt(this.subject, clock.now());
    } catch (error) {
      return this.#fail(error);
    }
    return this.#send(attempt);
  }

  #send(attempt: Attempt): Promise<Reply> {
    const { hedge } = this.subject.policy;
    const round = hedge === 'off' ? undefined : this.#deps.hedging?.round(attempt, this.#next, hedge, hedge.max - this.#hedges);
    return promised(this.#next, attempt).then(
      (reply) => this.#ended(attempt, round, reply, undefined),
      (error: unknown) => this.#ended(attempt, round, undefined, error),
    );
  }

  #ended(attempt: Attempt, round: Round | undefined, reply: Reply | undefined, error: unknown): Reply | Promise<Reply> {
    if (round === undefined) return this.#judged({ attempt, reply, error, sent: evidenceOf(attempt, reply, error), hedges: 0 });
    const result = round.firstEnded(reply, error);
    return result instanceof Promise ? result.then((decided) => this.#judged(decided)) : this.#judged(result);
  }

  /** The answer, or what comes of another attempt. */
  #judged(result: RoundResult): Reply | Promise<Reply> {
    const { budget, hedging, emit, observer } = this.#deps;
    const { reply, error } = result;
    const { service, policy } = this.subject;
    this.#hedges += result.hedges;
    this.#sent = more(this.#sent, result.sent);
    // Only Retry-After dates need the time of day, and they are read again where a delay is computed.
    const outcome = reply === undefined ? classifyError(error).kind : classifyReply(reply).kind;
    if (outcome === 'success') {
      budget.deposit();
      if (policy.hedge !== 'off') hedging?.deposit(policy.hedge);
    }

    const verdict = policy.retry === 'off' ? undefined : this.#judge(policy.retry, result, outcome);
    const enforced = policy.retry !== 'off' && policy.retry.mode === 'enforce';
    if (typeof verdict === 'number') {
      emit('retry.scheduled', { service, attempt: this.subject.attempts + 1, delay: verdict, because: because(result), enforced });
      observer?.again(this.subject, enforced);
    } else if (verdict !== undefined) {
      this.#suppressed(result, verdict, enforced);
      if (error instanceof MeshError) error.retrySuppressed = verdict;
    }
    if (typeof verdict !== 'number' || !enforced) return reply === undefined ? this.#fail(error) : this.#answered(reply);
    this.#delay = verdict;
    this.#retries += 1;
    // Before anything else can happen: what is read from now on would not be kept.
    this.subject.request.body?.rewind();
    reply?.discard();
    return this.#again();
  }

  #judge(knobs: RetryKnobs, result: RoundResult, outcome: OutcomeKind): Verdict {
    const { clock, random, budget } = this.#deps;
    const { reply, error } = result;
    const { subject: call } = this;
    const { request, options, cancellation } = call;
    const wanted =
      reply === undefined ? error instanceof MeshError && errorAsksForRetry(knobs.on, error) : replyAsksForRetry(knobs.on, reply.status, outcome);
    if (!wanted || request.upgrade !== undefined || request.method === 'CONNECT' || cancellation.reason !== undefined) return undefined;
    if (options.retry === false) return 'caller';
    if (!mayBeRepeated(call, knobs.methods, result.sent)) return 'not-idempotent';
    if (request.body !== undefined && !request.body.replayable) return 'body-not-replayable';
    // What was never sent has cost the service nothing, at whatever depth; the number of retries bounds it. To be turned away costs it a little.
    const unsent = result.sent === 'no';
    if (call.servingRetry && !knobs.retryOfRetry && !unsent) return 'retry-of-retry';
    if (this.#retries >= knobs.maxRetries) return 'max-retries';
    if (error instanceof MeshError && error.code === 'IDENTITY_MISMATCH' && this.#deps.elsewhere?.(call) === false) return 'no-other-endpoint';
    // Who turns a call away untouched speaks for himself, and another endpoint is asked.
    const askedFor = (reply !== undefined && !unsent && parseRetryAfter(reply.header('retry-after'), clock.wall())) || 0;
    if (askedFor > knobs.retryAfter.max) return 'retry-after';
    const delay = Math.max(askedFor, backoff(this.#retries + 1, knobs.backoff, random, this.#delay));
    const now = clock.now();
    if (now + delay >= call.deadline) return 'deadline';
    if ((unsent && reply === undefined) || budget.withdraw(now)) return delay;
    if (knobs.budget.mode === 'enforce') return 'budget';
    this.#suppressed(result, 'budget', false);
    return delay;
  }

  #suppressed(result: RoundResult, reason: SuppressedReason, enforced: boolean): void {
    const { emit, observer } = this.#deps;
    emit('retry.suppressed', { service: this.subject.service, attempt: result.attempt.number, reason, because: because(result), enforced });
    observer?.suppressed(this.subject, reason, enforced);
  }

  #answered(reply: Reply): Reply {
    this.subject.request.body?.release();
    void this.replied(reply);
    return reply;
  }

  #fail(error: unknown): never {
    void this.failed(this.#explained(error));
    throw error;
  }

  /** The call is over with this error, which says what there is to say about all of its attempts. */
  #explained(error: unknown): unknown {
    const { subject: call } = this;
    call.request.body?.release();
    if (error instanceof MeshError) {
      error.service ??= call.service;
      error.attempts = call.attempts;
      error.sent = this.#sent;
    }
    return error;
  }
}

/** A retry that is wanted is wanted because of a status or of a MeshError. */
function because({ reply, error }: RoundResult): ErrorCode | number {
  return reply === undefined ? (error as MeshError).code : reply.status;
}
