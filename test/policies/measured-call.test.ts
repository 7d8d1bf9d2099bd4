import { describe, expect, it } from 'vitest';
import { MeshError } from '../../src/core/errors.ts';
import { MeasuredCall } from '../../src/policies/measured-call.ts';
import { fakeCall } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** One call that ends after 30 ms, after so many attempts. */
function ended(result: FakeReply | Error, attempts = 1) {
  const clock = new VirtualClock();
  const samples: number[] = [];
  let over = 0;
  const call = fakeCall();
  call.attempts = attempts;
  const measured = new MeasuredCall(call, { clock, sampled: (latency) => void samples.push(latency), over: () => void (over += 1) });
  clock.stall(30);
  if (result instanceof Error) measured.failed(result);
  else measured.replied(result);
  return { samples, get over() { return over; } };
}

const failed = (code: 'ATTEMPT_TIMEOUT' | 'DEADLINE_EXCEEDED' | 'CONNECTION_RESET', outcome: 'failure' | 'local' | 'overload' | 'cancelled') => new MeshError(code, outcome, { outcome });

describe('what an adaptive limit learns from a call', () => {
  it('its latency, where it succeeded at once; a 404 is work done', () => {
    expect(ended(new FakeReply()).samples).toEqual([30]);
    expect(ended(new FakeReply(404)).samples).toEqual([30]);
  });

  it('nothing of speed, where it took several attempts, or failed', () => {
    expect(ended(new FakeReply(), 2).samples).toEqual([]);
    expect(ended(new FakeReply(500)).samples).toEqual([]);
    expect(ended(failed('CONNECTION_RESET', 'failure')).samples).toEqual([]);
    expect(ended(new TypeError('a mistake in a layer')).samples).toEqual([]);
  });

  it.each([429, 503, 504])('that it was lost, where the answer is %d, at whichever attempt', (status) => {
    expect(ended(new FakeReply(status), 3).samples).toEqual([Infinity]);
  });

  it('that it was lost, where it timed out through the service’s fault or was refused; else nothing', () => {
    for (const code of ['ATTEMPT_TIMEOUT', 'DEADLINE_EXCEEDED'] as const) {
      expect(ended(failed(code, 'failure')).samples).toEqual([Infinity]);
      expect(ended(failed(code, 'local')).samples).toEqual([]);
      expect(ended(failed(code, 'cancelled')).samples).toEqual([]);
    }
    expect(ended(failed('CONNECTION_RESET', 'overload')).samples).toEqual([Infinity]);
  });

  it('that it is over: once, at the end of its body or with its failure', () => {
    const reply = new FakeReply();
    const answered = ended(reply);
    expect(answered.over).toBe(0);
    reply.end();
    expect(answered.over).toBe(1);
    expect(ended(failed('CONNECTION_RESET', 'failure')).over).toBe(1);
  });
});
