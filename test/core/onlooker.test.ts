import { describe, expect, it } from 'vitest';
import type { Reply } from '../../src/core/call.ts';
import { MeshError } from '../../src/core/errors.ts';
import type { OutcomeKind } from '../../src/core/outcome-kind.ts';
import { Onlooking, type Onlooker } from '../../src/core/onlooker.ts';
import { fakeAttempt, fakeCall } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

interface Ended {
  readonly kind: OutcomeKind;
  readonly status: number | undefined;
  readonly error: unknown;
}

function stage(answer: () => Promise<Reply>) {
  const clock = new VirtualClock(0);
  const onlooking = new Onlooking(clock);
  const seen: [what: string, duration: number, ended: Ended][] = [];
  const onlooker: Onlooker = {
    called: (call, now, kind, status, error) => void seen.push(['call', now - call.startedAt, { kind, status, error }]),
    attempted: (attempt, now, kind, status, error) => void seen.push(['attempt', now - attempt.startedAt, { kind, status, error }]),
    lookedUp: () => {},
    happened: (name) => void seen.push([name, 0, { kind: 'local', status: undefined, error: undefined }]),
  };
  return { clock, onlooking, seen, onlooker, call: onlooking.calls(answer) };
}

const settle = () => new Promise(setImmediate);

describe('an onlooker', () => {
  it('hears of a call when its body has ended, and how long it took', async () => {
    const reply = new FakeReply(200);
    const { clock, onlooking, onlooker, seen, call } = stage(() => Promise.resolve(reply));
    onlooking.present = onlooker;
    await call(fakeCall());
    await clock.advance(70);
    expect(seen).toEqual([]);
    reply.end();
    expect(seen).toEqual([['call', 70, { kind: 'success', status: 200, error: undefined }]]);
  });

  it.each([
    ['a body that breaks off', new FakeReply(200), new MeshError('CONNECTION_RESET', 'broken'), { kind: 'failure', status: 200 }],
    ['a caller who leaves', new FakeReply(200), new MeshError('CANCELLED', 'gone'), { kind: 'cancelled', status: 200 }],
    ['a 503 that nobody reads', new FakeReply(503), new MeshError('CANCELLED', 'gone'), { kind: 'failure', status: 503 }],
    ['a 429', new FakeReply(429), undefined, { kind: 'overload', status: 429 }],
  ])('hears what came of %s', async (_, reply, error, expected) => {
    const { onlooking, onlooker, seen } = stage(() => Promise.resolve(reply));
    onlooking.present = onlooker;
    onlooking.attemptReplied(fakeAttempt(), reply);
    reply.end(error);
    expect(seen[0]![2]).toMatchObject(expected);
  });

  it('hears of what is thrown, which the caller gets as it is', async () => {
    const error = new MeshError('CIRCUIT_OPEN', 'open');
    const { onlooking, onlooker, seen, call } = stage(() => Promise.reject(error));
    onlooking.present = onlooker;
    await expect(call(fakeCall())).rejects.toBe(error);
    await settle();
    expect(seen).toMatchObject([['call', 0, { kind: 'local', status: undefined, error }]]);
  });

  it('hears nothing of what began before, and nobody hears anything where there is none', async () => {
    const reply = new FakeReply(200);
    const { onlooking, onlooker, seen, call } = stage(() => Promise.resolve(reply));
    await call(fakeCall());
    onlooking.attemptReplied(fakeAttempt(), reply);
    onlooking.attemptFailed(fakeAttempt(), new Error('lost'));
    onlooking.present = onlooker;
    reply.end();
    expect(seen).toEqual([]);
    onlooking.happened('mirror.failed', { service: 'reviews', route: 'a', to: 'v2', because: 503 });
    expect(seen.map(([what]) => what)).toEqual(['mirror.failed']);
  });
});
