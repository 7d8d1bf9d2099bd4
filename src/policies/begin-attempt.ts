/**
 * The beginning of an attempt, whether it is the first of its call, a retry or a hedge: counted, with a cancellation of its own.
 */
import type { Attempt, Call } from '../core/call.ts';
import { Cancellation } from '../core/cancellation.ts';
import type { Millis } from '../core/clock.ts';
import { deadlineExceeded } from './deadline.ts';

/** Throws where the call is over: a process that stood still wakes up after deadlines that have not fired yet. */
export function beginAttempt(call: Call, now: Millis): Attempt {
  if (call.cancellation.reason !== undefined) throw call.cancellation.reason;
  if (now >= call.deadline) throw deadlineExceeded(call, 'local');
  call.attempts += 1;
  const { idempotencyKey: key } = call.options;
  return {
    call,
    number: call.attempts,
    startedAt: now,
    cancellation: new Cancellation(call.cancellation),
    endpoint: undefined,
    uploadedAt: undefined,
    // `true` is gone by now: whoever handed in the request minted the key.
    headers: typeof key === 'string' && key !== '' ? ['idempotency-key', key] : [],
    watched: undefined,
    trace: undefined,
  };
}
