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
 *     the server does not ask to be left alone       retry-after
 *     it would begin before the deadline             deadline
 *     it is paid for, if anything was sent           budget, last: nothing is spent on a retry that is refused
 *
 * The word on the right is the reason given where the first holds and that one does not: in an event, on the call's span, as a
 * metric, and as `retrySuppressed` of the error. A reply that is not retried, 503 or not, is the answer.
 */
import type { AttemptObserver } from '../core/attempt-observer.ts';
import type { Attempt, Call, Service } from '../core/call.ts';
import type { Clock, Millis } from '../core/clock.ts';
import { MeshError, type ErrorCode, type Sent } from '../core/errors.ts';
import type { Emit, SuppressedReason } from '../core/events.ts';
import { classifyError, classifyReply, parseRetryAfter, type OutcomeKind } from '../core/outcome.ts';
import type { RetryKnobs } from '../core/policy.ts';
import type { Random } from '../core/random.ts';
import { sleep } from '../core/sleep.ts';
import { backoff } from './backoff.ts';
import { beginAttempt } from './begin-attempt.ts';
import type { RetryBudget } from './budget.ts';
import { evidence, evidenceOfReply, more } from './evidence.ts';
import type { Hedging } from './hedge.ts';
import { mayBeRepeated } from './idempotency.ts';
import { errorAsksForRetry, replyAsksForRetry } from './retry-conditions.ts';
import type { RoundResult } from './round.ts';

export interface RetryDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly budget: RetryBudget;
  readonly emit: Emit;
  readonly observer?: AttemptObserver | undefined;
  /** Without one, nothing is hedged. */
  readonly hedging?: Hedging | undefined;
}

/** A delay: retry after it. A reason: wanted, and not made. Undefined: not wanted. */
type Verdict = Millis | SuppressedReason | undefined;

export function retry({ clock, random, budget, emit, observer, hedging }: RetryDeps): (next: Service<Attempt>) => Service<Call> {
  /** `retries`: made so far. `previous`: the delay before the last of them. */
  function judge(knobs: RetryKnobs, result: RoundResult, outcome: OutcomeKind, retries: number, previous: Millis): Verdict {
    const { reply, error, sent } = result;
    const { call } = result.attempt;
    const { request, options, cancellation } = call;
    const wanted =
      reply === undefined ? error instanceof MeshError && errorAsksForRetry(knobs.on, error) : replyAsksForRetry(knobs.on, reply.status, outcome);
    if (!wanted || request.upgrade !== undefined || request.method === 'CONNECT' || cancellation.reason !== undefined) return undefined;
    if (options.retry === false) return 'caller';
    if (!mayBeRepeated(call, knobs.methods, sent)) return 'not-idempotent';
    if (request.body !== undefined && !request.body.replayable) return 'body-not-replayable';
    // What was never sent has cost the service nothing, at whatever depth; the number of retries bounds it. To be turned away costs it a little.
    const unsent = sent === 'no';
    if (call.servingRetry && !knobs.retryOfRetry && !unsent) return 'retry-of-retry';
    if (retries >= knobs.maxRetries) return 'max-retries';
    // Who turns a call away untouched speaks for himself, and another endpoint is asked.
    const askedFor = (reply !== undefined && !unsent && parseRetryAfter(reply.header('retry-after'), clock.wall())) || 0;
    if (askedFor > knobs.retryAfter.max) return 'retry-after';
    const delay = Math.max(askedFor, backoff(retries + 1, knobs.backoff, random, previous));
    const now = clock.now();
    if (now + delay >= call.deadline) return 'deadline';
    if ((unsent && reply === undefined) || budget.withdraw(now)) return delay;
    if (knobs.budget.mode === 'enforce') return 'budget';
    suppressed(result, 'budget', false);
    return delay;
  }

  function suppressed(result: RoundResult, reason: SuppressedReason, enforced: boolean): void {
    const { call, number } = result.attempt;
    emit('retry.suppressed', { service: call.service, attempt: number, reason, because: because(result), enforced });
    observer?.suppressed(call, reason, enforced);
  }

  return (next) =>
    async function retry(call) {
      const { service, policy } = call;
      const { hedge } = policy;
      /** The most that any attempt may have sent. */
      let sent: Sent = 'no';
      let delay: Millis = 0;
      let retries = 0;
      let hedges = 0;
      let now = clock.now();
      budget.called(now);
      try {
        for (;;) {
          const first = beginAttempt(call, now);
          let result: RoundResult;
          if (hedging !== undefined && hedge !== 'off') {
            result = await hedging.run(first, next, hedge, hedge.max - hedges);
            hedges += result.hedges;
          } else {
            try {
              const reply = await next(first);
              result = { attempt: first, reply, error: undefined, sent: evidenceOfReply(first, reply), hedges: 0 };
            } catch (error) {
              result = { attempt: first, reply: undefined, error, sent: evidence(error), hedges: 0 };
            }
          }
          sent = more(sent, result.sent);
          const { reply, error } = result;
          // Only Retry-After dates need the time of day, and they are read again where a delay is computed.
          const outcome = reply === undefined ? classifyError(error) : classifyReply(reply, 0);
          if (outcome.kind === 'success') {
            budget.deposit();
            if (hedge !== 'off') hedging?.deposit(hedge);
          }

          const verdict = policy.retry === 'off' ? undefined : judge(policy.retry, result, outcome.kind, retries, delay);
          const enforced = policy.retry !== 'off' && policy.retry.mode === 'enforce';
          if (typeof verdict === 'number') {
            emit('retry.scheduled', { service, attempt: call.attempts + 1, delay: verdict, because: because(result), enforced });
            observer?.again(call, enforced);
          } else if (verdict !== undefined) {
            suppressed(result, verdict, enforced);
            if (error instanceof MeshError) error.retrySuppressed = verdict;
          }
          if (typeof verdict !== 'number' || !enforced) {
            if (reply !== undefined) return reply;
            throw error;
          }
          delay = verdict;
          retries += 1;
          // Before anything else can happen: what is read from now on would not be kept.
          call.request.body?.rewind();
          reply?.discard();
          await sleep(clock, delay, call.cancellation);
          now = clock.now();
        }
      } catch (error) {
        if (error instanceof MeshError) {
          error.service ??= service;
          error.attempts = call.attempts;
          error.sent = sent;
        }
        throw error;
      } finally {
        call.request.body?.release();
      }
    };
}

/** A retry that is wanted is wanted because of a status or of a MeshError. */
function because({ reply, error }: RoundResult): ErrorCode | number {
  return reply === undefined ? (error as MeshError).code : reply.status;
}
