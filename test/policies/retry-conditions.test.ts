import { describe, expect, it } from 'vitest';
import { MeshError } from '../../src/core/errors.ts';
import { classifyReply } from '../../src/core/outcome.ts';
import { retryConditionNames, type RetryCondition } from '../../src/core/policy.ts';
import { errorAsksForRetry, replyAsksForRetry } from '../../src/policies/retry-conditions.ts';
import { FakeReply } from '../support/fake-reply.ts';

/** The names under which this result is retried. */
function namesForReply(reply: FakeReply, conditions: readonly RetryCondition[] = retryConditionNames): RetryCondition[] {
  return conditions.filter((name) => replyAsksForRetry([name], reply.status, classifyReply(reply).kind));
}

function namesForError(error: MeshError): RetryCondition[] {
  return [...retryConditionNames, 503].filter((name) => errorAsksForRetry([name], error));
}

describe('retry conditions', () => {
  it('of replies, as Envoy names them', () => {
    expect(namesForReply(new FakeReply(200))).toEqual([]);
    expect(namesForReply(new FakeReply(404))).toEqual([]);
    expect(namesForReply(new FakeReply(409))).toEqual(['retriable-4xx']);
    expect(namesForReply(new FakeReply(429))).toEqual(['overload']);
    expect(namesForReply(new FakeReply(500))).toEqual(['5xx']);
    expect(namesForReply(new FakeReply(501))).toEqual(['5xx']);
    expect(namesForReply(new FakeReply(502))).toEqual(['gateway-error', '5xx']);
    expect(namesForReply(new FakeReply(503))).toEqual(['gateway-error', '5xx']);
    expect(namesForReply(new FakeReply(503, { 'retry-after': '1' }))).toEqual(['gateway-error', '5xx', 'overload']);
    expect(namesForReply(new FakeReply(504))).toEqual(['gateway-error', '5xx']);
    expect(namesForReply(new FakeReply(505))).toEqual(['5xx']);
  });

  it('of replies, by number', () => {
    expect(namesForReply(new FakeReply(418), [418, 419])).toEqual([418]);
  });

  it('of errors', () => {
    expect(namesForError(new MeshError('CONNECT_FAILED', ''))).toEqual(['connect-failure', 'reset', 'gateway-error', '5xx']);
    expect(namesForError(new MeshError('CONNECTION_RESET', '', { sent: 'no' }))).toEqual(['refused-stream', 'reset', 'gateway-error', '5xx']);
    expect(namesForError(new MeshError('CONNECTION_RESET', '', { sent: 'maybe' }))).toEqual(['reset', 'gateway-error', '5xx']);
    expect(namesForError(new MeshError('ATTEMPT_TIMEOUT', ''))).toEqual(['5xx', 'timeout']);
    for (const code of ['CANCELLED', 'DEADLINE_EXCEEDED', 'CIRCUIT_OPEN', 'OVERLOADED', 'NO_ENDPOINTS', 'DISCOVERY_FAILED', 'INVALID_REQUEST', 'CLIENT_CLOSED'] as const) {
      expect(namesForError(new MeshError(code, ''))).toEqual([]);
    }
  });
});
