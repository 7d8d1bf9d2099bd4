import { describe, expect, it } from 'vitest';
import { traceAttempts, traceCalls } from '../../src/telemetry/tracing.ts';
import { fakeAttempt, fakeCall } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

describe('without an SDK', () => {
  it('adds nothing to a call: no wrapper, no header, no state', () => {
    const call = fakeCall();
    const attempt = fakeAttempt(call);
    const promise = Promise.resolve(new FakeReply(200));
    expect(traceCalls({ clock: new VirtualClock() })(() => promise)(call)).toBe(promise);
    expect(call.trace).toBeUndefined();
    expect(traceAttempts({ clock: new VirtualClock() })(() => promise)(attempt)).toBe(promise);
    expect(attempt.headers).toEqual([]);
  });
});
