import { AsyncLocalStorage } from 'node:async_hooks';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Call, Reply } from '../../src/core/call.ts';
import { MeshError } from '../../src/core/errors.ts';
import type { ConcurrencyKnobs, Switchable } from '../../src/core/policy.ts';
import { ConcurrencyLimit } from '../../src/policies/concurrency.ts';
import { FakeBody, fakeCall } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { settle } from '../support/virtual-clock.ts';

const cancelled = new MeshError('CANCELLED', 'the caller left');

/** A service that answers when the test says so. */
function setUp(knobs: Switchable<ConcurrencyKnobs>, capacity = 0) {
  const world = { knobs, capacity };
  const limit = new ConcurrencyLimit({ service: 'reviews', knobs: () => world.knobs, capacity: () => world.capacity });
  const begun: { call: Call; answer: (reply: Reply) => void; fail: (error: MeshError) => void }[] = [];
  const service = limit.layer((call) => new Promise((answer, fail) => begun.push({ call, answer, fail })));
  const start = (call = fakeCall()) => {
    const started = { call, error: undefined as MeshError | undefined, reply: undefined as Reply | undefined };
    service(call).then(
      (reply) => (started.reply = reply),
      (error: MeshError) => (started.error = error),
    );
    return started;
  };
  return { world, limit, begun, start };
}

describe('concurrency limit', () => {
  it('lets so many calls in, so many wait, and turns one more away at once', async () => {
    const { limit, begun, start } = setUp({ max: 2, queue: 1 });
    start();
    start();
    start();
    const body = new FakeBody();
    const refused = start(fakeCall({ request: { body } }));
    await settle();
    expect([limit.inFlight, limit.queued, begun.length]).toEqual([2, 1, 2]);
    expect(refused.error).toMatchObject({ code: 'OVERLOADED', outcome: 'local', sent: 'no', retryable: true });
    expect(refused.error!.message).toBe('reviews: 2 calls in flight (limit 2) and 1 waiting');
    expect(body.released).toBe(1);
  });

  it('counts a call until its body ends, or it fails', async () => {
    const { limit, begun, start } = setUp({ max: 2, queue: 5 });
    start();
    start();
    start();
    start();
    const reply = new FakeReply();
    begun[0]!.answer(reply);
    await settle();
    expect([limit.inFlight, limit.queued, begun.length]).toEqual([2, 2, 2]);
    reply.end();
    await settle();
    expect([limit.inFlight, limit.queued, begun.length]).toEqual([2, 1, 3]);
    begun[1]!.fail(new MeshError('CONNECT_FAILED', 'refused'));
    await settle();
    expect([limit.inFlight, limit.queued, begun.length]).toEqual([2, 0, 4]);
  });

  it('is first come, first served: a newcomer does not slip in between', async () => {
    const { begun, start } = setUp({ max: 1, queue: 5 });
    const order = [start().call, start().call];
    const reply = new FakeReply();
    begun[0]!.answer(reply);
    await settle();
    reply.end();
    order.push(start().call);
    await settle();
    begun[1]!.fail(cancelled);
    await settle();
    expect(begun.map(({ call }) => call)).toEqual(order);
  });

  it('a call that is cancelled while it waits leaves at once, with the reason, and the others keep their places', async () => {
    const { limit, begun, start } = setUp({ max: 1, queue: 5 });
    start();
    const body = new FakeBody();
    const leaving = start(fakeCall({ request: { body } }));
    const kept = new FakeBody();
    const staying = start(fakeCall({ request: { body: kept } }));
    leaving.call.cancellation.cancel(cancelled);
    await settle();
    expect(leaving.error).toBe(cancelled);
    expect([limit.queued, body.released]).toEqual([1, 1]);
    begun[0]!.fail(cancelled);
    await settle();
    expect(begun[1]!.call).toBe(staying.call);
    // From here on it is no longer the queue that ends it, or lets go of its body.
    staying.call.cancellation.cancel(cancelled);
    expect([limit.inFlight, kept.released]).toEqual([1, 0]);
  });

  it('a call that was cancelled before it came does not wait', async () => {
    const { limit, start } = setUp({ max: 1, queue: 5 });
    start();
    const call = fakeCall();
    call.cancellation.cancel(cancelled);
    const late = start(call);
    await settle();
    expect([late.error, limit.queued]).toEqual([cancelled, 0]);
  });

  it('never takes more than the connections can carry, also when it is off', async () => {
    const { world, limit, start } = setUp('off', 3);
    for (let index = 0; index < 10; index += 1) start();
    expect([limit.inFlight, limit.queued]).toEqual([3, 7]);
    world.knobs = { max: 100, queue: 100 };
    start();
    expect([limit.inFlight, limit.queued]).toEqual([3, 8]);
  });

  it('is not limited by connections while no endpoint is known', () => {
    const { limit, start } = setUp({ max: 5, queue: 5 }, 0);
    for (let index = 0; index < 7; index += 1) start();
    expect([limit.inFlight, limit.queued]).toEqual([5, 2]);
  });

  it('lets those in who wait when endpoints come, and with the next call where nobody says so', async () => {
    const { world, limit, begun, start } = setUp({ max: 100, queue: 100 }, 1);
    for (let index = 0; index < 4; index += 1) start();
    world.capacity = 2;
    limit.poke();
    await settle();
    expect(begun.length).toBe(2);
    world.capacity = 10;
    start();
    await settle();
    expect([begun.length, limit.queued]).toEqual([5, 0]);
  });

  it('a call that waited goes on in the async context of its caller', async () => {
    const context = new AsyncLocalStorage<string>();
    const limit = new ConcurrencyLimit({ service: 'reviews', knobs: () => ({ max: 1, queue: 5 }), capacity: () => 0 });
    const seen: (string | undefined)[] = [];
    const replies: FakeReply[] = [];
    const service = limit.layer(async () => {
      seen.push(context.getStore());
      const reply = new FakeReply();
      replies.push(reply);
      return reply;
    });
    const after: (string | undefined)[] = [];
    for (const caller of ['first', 'second', 'third']) {
      context.run(caller, () => void service(fakeCall()).then(() => after.push(context.getStore())));
    }
    await settle();
    context.run('somebody else', () => replies[0]!.end());
    await settle();
    context.run('somebody else', () => replies[1]!.end());
    await settle();
    expect(seen).toEqual(['first', 'second', 'third']);
    expect(after).toEqual(['first', 'second', 'third']);
  });

  it('whatever happens, never exceeds its limits, and ends with nobody in', async () => {
    const action = fc.record({ kind: fc.constantFrom('start', 'end', 'fail', 'cancel'), which: fc.nat(20) });
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 80 }), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 4 }), async (actions, max, queue) => {
        const { limit, begun, start } = setUp({ max, queue });
        const started: ReturnType<typeof start>[] = [];
        const replies = new Set<FakeReply>();
        for (const { kind, which } of actions) {
          const running = begun[which % Math.max(1, begun.length)];
          if (kind === 'start') started.push(start());
          else if (kind === 'cancel') started[which % Math.max(1, started.length)]?.call.cancellation.cancel(cancelled);
          else if (running !== undefined && kind === 'fail') running.fail(cancelled);
          else if (running !== undefined) {
            const reply = new FakeReply();
            replies.add(reply);
            running.answer(reply);
          }
          await Promise.resolve();
          expect(limit.inFlight).toBeLessThanOrEqual(max);
          expect(limit.queued).toBeLessThanOrEqual(queue);
        }
        for (let round = 0; round < 100 && limit.inFlight + limit.queued > 0; round += 1) {
          for (const { fail } of begun) fail(cancelled);
          for (const reply of replies) reply.end();
          await settle();
        }
        await settle();
        expect([limit.inFlight, limit.queued]).toEqual([0, 0]);
        for (const { call, reply, error } of started) expect(reply ?? error, call.service).toBeDefined();
      }),
      { numRuns: 100 },
    );
  });
});
