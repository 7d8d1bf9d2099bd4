/**
 * Retry: a call becomes attempts, one after the other, until one of them is the answer. Another attempt is made where all of
 * this holds, asked in this order:
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
import type { Attempt, Call, Reply, Service } from '../core/call.ts';
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
import { mayBeRepeated } from './idempotency.ts';
import { errorAsksForRetry, replyAsksForRetry } from './retry-conditions.ts';

export interface RetryDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly budget: RetryBudget;
  readonly emit: Emit;
  readonly observer?: AttemptObserver | undefined;
}

/** A delay: retry after it. A reason: wanted, and not made. Undefined: not wanted. */
type Verdict = Millis | SuppressedReason | undefined;

export function retry({ clock, random, budget, emit, observer }: RetryDeps): (next: Service<Attempt>) => Service<Call> {
  /** `retries`: made so far. `previous`: the delay before the last of them. */
  function judge(knobs: RetryKnobs, attempt: Attempt, reply: Reply | undefined, error: unknown, outcome: OutcomeKind, retries: number, previous: Millis): Verdict {
    const { call } = attempt;
    const { request, options, cancellation } = call;
    const wanted =
      reply === undefined ? error instanceof MeshError && errorAsksForRetry(knobs.on, error) : replyAsksForRetry(knobs.on, reply.status, outcome);
    if (!wanted || request.upgrade !== undefined || request.method === 'CONNECT' || cancellation.reason !== undefined) return undefined;
    if (options.retry === false) return 'caller';
    if (!mayBeRepeated(call, knobs.methods, reply === undefined ? evidence(error) : 'yes')) return 'not-idempotent';
    if (request.body !== undefined && !request.body.replayable) return 'body-not-replayable';
    // What was never sent has cost the service nothing, at whatever depth; the number of retries bounds it.
    const unsent = reply === undefined && evidence(error) === 'no';
    if (call.servingRetry && !knobs.retryOfRetry && !unsent) return 'retry-of-retry';
    if (retries >= knobs.maxRetries) return 'max-retries';
    const askedFor = (reply !== undefined && parseRetryAfter(reply.header('retry-after'), clock.wall())) || 0;
    if (askedFor > knobs.retryAfter.max) return 'retry-after';
    const delay = Math.max(askedFor, backoff(retries + 1, knobs.backoff, random, previous));
    const now = clock.now();
    if (now + delay >= call.deadline) return 'deadline';
    if (unsent || budget.withdraw(now)) return delay;
    if (knobs.budget.mode === 'enforce') return 'budget';
    suppressed(attempt, 'budget', because(reply, error), false);
    return delay;
  }

  function suppressed({ call, number }: Attempt, reason: SuppressedReason, because: ErrorCode | number, enforced: boolean): void {
    emit('retry.suppressed', { service: call.service, attempt: number, reason, because, enforced });
    observer?.suppressed(call, reason, enforced);
  }

  return (next) =>
    async function retry(call) {
      const { service, policy } = call;
      /** The most that any attempt may have sent. */
      let sent: Sent = 'no';
      let delay: Millis = 0;
      let retries = 0;
      budget.called(clock.now());
      try {
        for (;;) {
          const attempt = beginAttempt(call, clock.now());
          let reply: Reply | undefined;
          let error: unknown;
          try {
            reply = await next(attempt);
            sent = 'yes';
          } catch (thrown) {
            error = thrown;
            sent = more(sent, evidence(thrown));
          }
          // Only Retry-After dates need the time of day, and they are read again where a delay is computed.
          const outcome = reply === undefined ? classifyError(error) : classifyReply(reply, 0);
          if (outcome.kind === 'success') budget.deposit();

          const verdict = policy.retry === 'off' ? undefined : judge(policy.retry, attempt, reply, error, outcome.kind, retries, delay);
          const enforced = policy.retry !== 'off' && policy.retry.mode === 'enforce';
          if (typeof verdict === 'number') {
            emit('retry.scheduled', { service, attempt: call.attempts + 1, delay: verdict, because: because(reply, error), enforced });
            observer?.again(call, enforced);
          } else if (verdict !== undefined) {
            suppressed(attempt, verdict, because(reply, error), enforced);
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

/** What is no MeshError is a fault of this process somewhere on the way; nobody knows how far it got. */
function evidence(error: unknown): Sent {
  return error instanceof MeshError ? error.sent : 'maybe';
}

function more(one: Sent, other: Sent): Sent {
  if (one === 'yes' || other === 'yes') return 'yes';
  return one === 'maybe' || other === 'maybe' ? 'maybe' : 'no';
}

/** A retry that is wanted is wanted because of a status or of a MeshError. */
function because(reply: Reply | undefined, error: unknown): ErrorCode | number {
  return reply === undefined ? (error as MeshError).code : reply.status;
}
