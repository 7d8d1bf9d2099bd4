import { describe, expect, it } from 'vitest';
import type { Call, Reply } from '../../src/core/call.ts';
import { MeshError } from '../../src/core/errors.ts';
import { deadline } from '../../src/policies/deadline.ts';
import { Timeouts } from '../../src/policies/timeouts.ts';
import { FakeBody, fakeCall, type FakeCallParts } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** Runs a call through the layer, over a service that ends, as all do, when the call is cancelled. */
function run(clock: VirtualClock, timeouts: Timeouts, parts: FakeCallParts, answer?: Promise<Reply>) {
  const call = fakeCall({ startedAt: clock.now(), ...parts });
  const begun: Call[] = [];
  const service = deadline(timeouts)((inner) => {
    begun.push(inner);
    return answer ?? new Promise((_, reject) => inner.cancellation.subscribe({ cancelled: reject }));
  });
  const result = service(call).then(
    (reply) => reply,
    (error: unknown) => error as MeshError,
  );
  return { call, begun, result };
}

describe('deadline', () => {
  it('cancels the call when it is over, and says after how many attempts and where', async () => {
    const clock = new VirtualClock(1000);
    const { call, result } = run(clock, new Timeouts(clock), { deadline: 2000 });
    call.attempts = 2;
    call.tried.add('10.0.0.2:9080').add('10.0.0.1:9080');
    await clock.advance(1999);
    expect(call.cancellation.reason).toBeUndefined();
    await clock.advance(1);
    const error = (await result) as MeshError;
    expect(error.message).toBe('reviews: the policy\'s deadline of 2000 ms exceeded after 2 attempts (last endpoint 10.0.0.1:9080)');
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', service: 'reviews', endpoint: '10.0.0.1:9080', attempts: 2, sent: 'maybe', outcome: 'failure' });
  });

  it('blames nobody for a call that never came to its first attempt', async () => {
    const clock = new VirtualClock();
    const { result } = run(clock, new Timeouts(clock), { deadline: 2000 });
    await clock.advance(2000);
    expect(await result).toMatchObject({ message: 'reviews: the policy\'s deadline of 2000 ms exceeded before an endpoint was tried', deadlineFrom: 'policy', sent: 'no', outcome: 'local', attempts: 0 });
  });

  it('blames nobody but this process where the timer fired late because it stood still', async () => {
    const clock = new VirtualClock();
    const { call, result } = run(clock, new Timeouts(clock), { deadline: 2000 });
    call.attempts = 1;
    call.tried.add('10.0.0.1:9080');
    clock.stall(2200);
    await clock.advance(0);
    expect(await result).toMatchObject({ code: 'DEADLINE_EXCEEDED', outcome: 'local', sent: 'maybe' });
  });

  it('that has already passed begins nothing', async () => {
    const clock = new VirtualClock(1000);
    const body = new FakeBody();
    const { begun, result } = run(clock, new Timeouts(clock), { deadline: -5, request: { body } });
    expect(await result).toMatchObject({ code: 'DEADLINE_EXCEEDED', outcome: 'local', sent: 'no' });
    expect([begun.length, body.released, clock.timers]).toEqual([0, 1, 0]);
  });

  it('covers the body', async () => {
    const clock = new VirtualClock();
    const timeouts = new Timeouts(clock);
    const reply = new FakeReply();
    const { call, result } = run(clock, timeouts, { deadline: 2000 }, Promise.resolve(reply));
    expect(await result).toBe(reply);
    await clock.advance(1999);
    expect(call.cancellation.reason).toBeUndefined();
    await clock.advance(1);
    expect(call.cancellation.reason?.code).toBe('DEADLINE_EXCEEDED');
  });

  it('ends with the body, or with the error', async () => {
    const clock = new VirtualClock();
    const timeouts = new Timeouts(clock);
    const reply = new FakeReply();
    const answered = run(clock, timeouts, { deadline: 2000 }, Promise.resolve(reply));
    await answered.result;
    expect(timeouts.size).toBe(1);
    reply.end();
    expect(timeouts.size).toBe(0);
    const failed = run(clock, timeouts, { deadline: 2000 }, Promise.reject(new MeshError('CONNECT_FAILED', 'refused')));
    expect(await failed.result).toMatchObject({ code: 'CONNECT_FAILED' });
    expect(timeouts.size).toBe(0);
    await clock.advance(2000);
    expect([answered.call.cancellation.reason, failed.call.cancellation.reason, clock.timers]).toEqual([undefined, undefined, 0]);
  });
});
