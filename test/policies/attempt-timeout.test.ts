import { describe, expect, it } from 'vitest';
import type { Attempt, Reply } from '../../src/core/call.ts';
import { MeshError } from '../../src/core/errors.ts';
import { attemptTimeout } from '../../src/policies/attempt-timeout.ts';
import { Timeouts } from '../../src/policies/timeouts.ts';
import { fakeAttempt, fakeCall, silence, type FakeCallParts } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const endpoint = { host: '10.0.0.1', port: 9080, weight: 1, priority: 0 };

function run(clock: VirtualClock, timeouts: Timeouts, parts: FakeCallParts, transport: (attempt: Attempt) => Promise<Reply> = silence) {
  const attempt = fakeAttempt(fakeCall({ startedAt: clock.now(), ...parts }));
  attempt.endpoint = endpoint;
  const result = attemptTimeout(timeouts)(transport)(attempt).then(
    (reply) => reply,
    (error: unknown) => error as MeshError,
  );
  return { attempt, result };
}

describe('attempt timeout', () => {
  it('cancels the attempt, not the call, when no headers have come', async () => {
    const clock = new VirtualClock();
    const timeouts = new Timeouts(clock);
    const { attempt, result } = run(clock, timeouts, { policy: { attemptTimeout: 500 } });
    await clock.advance(499);
    expect(attempt.cancellation.reason).toBeUndefined();
    await clock.advance(1);
    const error = (await result) as MeshError;
    expect(error.message).toBe('reviews: attempt 1 to 10.0.0.1:9080 got no response headers within 500 ms');
    expect(error).toMatchObject({ code: 'ATTEMPT_TIMEOUT', endpoint: '10.0.0.1:9080', outcome: 'failure', sent: 'maybe', attempts: 1 });
    expect(attempt.call.cancellation.reason).toBeUndefined();
    expect(timeouts.size).toBe(0);
  });

  it('is over with the headers: a body may take longer', async () => {
    const clock = new VirtualClock();
    const timeouts = new Timeouts(clock);
    const { attempt, result } = run(clock, timeouts, { policy: { attemptTimeout: 500 } }, () => Promise.resolve(new FakeReply()));
    await result;
    expect(timeouts.size).toBe(0);
    await clock.advance(1000);
    expect(attempt.cancellation.reason).toBeUndefined();
  });

  it('is over with an error', async () => {
    const clock = new VirtualClock();
    const timeouts = new Timeouts(clock);
    const { result } = run(clock, timeouts, {}, () => Promise.reject(new MeshError('CONNECT_FAILED', 'refused')));
    expect(await result).toMatchObject({ code: 'CONNECT_FAILED' });
    expect(timeouts.size).toBe(0);
  });

  it('is left to the deadline where that comes first, and does nothing where it is off', () => {
    const clock = new VirtualClock();
    const timeouts = new Timeouts(clock);
    run(clock, timeouts, { policy: { attemptTimeout: 500 }, deadline: 500 });
    run(clock, timeouts, { policy: { attemptTimeout: 'off' } });
    expect(timeouts.size).toBe(0);
  });

  it('blames nobody but this process where it fired late because the process stood still', async () => {
    const clock = new VirtualClock();
    const { result } = run(clock, new Timeouts(clock), { policy: { attemptTimeout: 500 } });
    clock.stall(650);
    await clock.advance(0);
    expect(await result).toMatchObject({ code: 'ATTEMPT_TIMEOUT', outcome: 'local' });
  });

  it('blames nobody for an attempt that waited for endpoints', async () => {
    const clock = new VirtualClock();
    const { attempt, result } = run(clock, new Timeouts(clock), { policy: { attemptTimeout: 500 } });
    attempt.endpoint = undefined;
    await clock.advance(500);
    expect(await result).toMatchObject({ code: 'ATTEMPT_TIMEOUT', outcome: 'local', sent: 'no', endpoint: undefined });
  });
});
