/**
 * Tells the server what it needs to behave: how long somebody waits for this attempt, how much the call matters, and which attempt it is
 * (core/context-headers.ts has the headers). All of it is worked out anew for each attempt; Envoy sent the first attempt's time with every
 * retry until #19002.
 *
 *  - The time is what remains of the deadline, or the attempt timeout where that ends first; for gRPC also as `grpc-timeout`.
 *  - A header of these that the caller wrote himself is never made longer: the shorter of the two is sent.
 *  - The attempt count goes up by one with each retry, and begins at 2 in a process that serves a retry itself: what is done for a retry is
 *    a retry all the way down, and nobody below retries it in turn.
 *  - `critical` is what a call is where nobody says, and so is not said. What the caller wrote into the header himself goes before what he inherited.
 */
import type { Attempt, HeaderList, Layer } from '../core/call.ts';
import type { Millis } from '../core/clock.ts';
import {
  ATTEMPT_COUNT_HEADER, CRITICALITY_HEADER, EXPECTED_TIMEOUT_HEADER, formatGrpcTimeout, GRPC_TIMEOUT_HEADER, parseExpectedTimeout, parseGrpcTimeout,
} from '../core/context-headers.ts';
import { DEFAULT_CRITICALITY } from '../core/criticality.ts';

export function propagation(): Layer<Attempt> {
  return (next) =>
    function propagate(attempt) {
      const { propagate } = attempt.call.policy;
      const remaining = propagate.deadline ? remainingOf(attempt) : 0;
      if (propagate.deadline && propagate.retryAttempt && attempt.headers.length === 0) {
        // In one piece, as most have just these: an array that grows from nothing takes places for seventeen.
        attempt.headers = [EXPECTED_TIMEOUT_HEADER, expectedTimeout(attempt, remaining), ATTEMPT_COUNT_HEADER, attemptCount(attempt)];
      } else {
        if (propagate.deadline) attempt.headers.push(EXPECTED_TIMEOUT_HEADER, expectedTimeout(attempt, remaining));
        if (propagate.retryAttempt) attempt.headers.push(ATTEMPT_COUNT_HEADER, attemptCount(attempt));
      }
      if (propagate.deadline) addGrpcTimeout(attempt, remaining);
      if (propagate.criticality) addCriticality(attempt);
      return next(attempt);
    };
}

function remainingOf({ call, startedAt }: Attempt): Millis {
  const { deadline, policy } = call;
  return policy.attemptTimeout === 'off' ? deadline - startedAt : Math.min(deadline - startedAt, policy.attemptTimeout);
}

function attemptCount({ call, number }: Attempt): string {
  return String(number + (call.servingRetry ? 1 : 0));
}

function expectedTimeout({ call }: Attempt, remaining: Millis): string {
  // At least 1: a server might read 0 as "no limit".
  const whole = Math.max(1, Math.floor(remaining));
  const own = valueOf(call.request.headers, EXPECTED_TIMEOUT_HEADER);
  return String(own === undefined ? whole : Math.min(whole, parseExpectedTimeout(own) ?? whole));
}

function addGrpcTimeout({ call, headers }: Attempt, remaining: Millis): void {
  const { request } = call;
  // Both names are of one length, so requests that have nothing of it are done with after one look at each header.
  if (!hasNameOfLength(request.headers, GRPC_TIMEOUT_HEADER.length)) return;
  const ownGrpc = valueOf(request.headers, GRPC_TIMEOUT_HEADER);
  if (ownGrpc === undefined && valueOf(request.headers, 'content-type')?.startsWith('application/grpc') !== true) return;
  // Theirs as they wrote it, where it is the shorter: it may be in finer units.
  const theirs = ownGrpc === undefined ? undefined : parseGrpcTimeout(ownGrpc);
  headers.push(GRPC_TIMEOUT_HEADER, theirs !== undefined && theirs <= remaining ? ownGrpc! : formatGrpcTimeout(remaining));
}

function hasNameOfLength(headers: HeaderList, length: number): boolean {
  for (let index = 0; index + 1 < headers.length; index += 2) if (headers[index]!.length === length) return true;
  return false;
}

function addCriticality({ call, headers }: Attempt): void {
  if (call.options.criticality === undefined && (call.criticality === DEFAULT_CRITICALITY || valueOf(call.request.headers, CRITICALITY_HEADER) !== undefined)) return;
  headers.push(CRITICALITY_HEADER, call.criticality);
}

/** The first value of a header of the caller's; the name in lower case. Nearly all are told apart by their length. */
function valueOf(headers: HeaderList, name: string): string | undefined {
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const key = headers[index]!;
    if (key.length !== name.length || typeof key !== 'string' || key.toLowerCase() !== name) continue;
    const value = headers[index + 1]!;
    return typeof value === 'string' ? value : value[0];
  }
  return undefined;
}
