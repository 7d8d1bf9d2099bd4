import { AsyncLocalStorage } from 'node:async_hooks';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Call, Reply } from '../../src/core/call.ts';
import { criticalities, sheddability, type Criticality } from '../../src/core/criticality.ts';
import { MeshError } from '../../src/core/errors.ts';
import type { ConcurrencyKnobs, Switchable } from '../../src/core/policy.ts';
import { ConcurrencyLimit } from '../../src/policies/concurrency.ts';
import { FakeBody, fakeCall } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { settle, VirtualClock } from '../support/virtual-clock.ts';

const cancelled = new MeshError('CANCELLED', 'the caller left');

const enforced = (max: number, queue: number): ConcurrencyKnobs => ({ max, queue, adaptive: 'off', mode: 'enforce' });

/** A service that answers when the test says so. */
function setUp(knobs: Switchable<ConcurrencyKnobs>, capacity = 0) {
  const world = { knobs, capacity };
  const clock = new VirtualClock();
  const events: unknown[] = [];
  const limit = new ConcurrencyLimit({ service: 'reviews', clock, knobs: () => world.knobs, capacity: () => world.capacity, emit: (name, event) => void events.push([name, event]) });
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
  const startAs = (criticality: Criticality) => start(fakeCall({ criticality, startedAt: clock.now() }));
  return { world, clock, events, limit, begun, start, startAs };
}

describe('concurrency limit', () => {
  it('lets so many calls in, so many wait, and turns one more away at once', async () => {
    const { limit, begun, start, events } = setUp(enforced(2, 1));
    start();
    start();
    start();
    const body = new FakeBody();
    const refused = start(fakeCall({ request: { body } }));
    await settle();
    expect([limit.inFlight, limit.queued, begun.length]).toEqual([2, 1, 2]);
    expect(refused.error).toMatchObject({ code: 'OVERLOADED', outcome: 'local', sent: 'no', retryable: true });
    expect(refused.error!.message).toBe('reviews: no place for a critical call: 2 in flight of 2 (concurrency.max), and 1 waiting');
    expect(refused.error!.shedBy).toBe('concurrency.max');
    expect(events).toEqual([['call.shed', { service: 'reviews', by: 'concurrency.max', criticality: 'critical', enforced: true }]]);
    expect(body.released).toBe(1);
  });

  it('counts a call until its body ends, or it fails', async () => {
    const { limit, begun, start } = setUp(enforced(2, 5));
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
    const { begun, start } = setUp(enforced(1, 5));
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
    const { limit, begun, start } = setUp(enforced(1, 5));
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
    const { limit, start } = setUp(enforced(1, 5));
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
    world.knobs = enforced(100, 100);
    start();
    expect([limit.inFlight, limit.queued]).toEqual([3, 8]);
  });

  it('is not limited by connections while no endpoint is known', () => {
    const { limit, start } = setUp(enforced(5, 5), 0);
    for (let index = 0; index < 7; index += 1) start();
    expect([limit.inFlight, limit.queued]).toEqual([5, 2]);
  });

  it('lets those in who wait when endpoints come, and with the next call where nobody says so', async () => {
    const { world, limit, begun, start } = setUp(enforced(100, 100), 1);
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
    const limit = new ConcurrencyLimit({ service: 'reviews', clock: new VirtualClock(), knobs: () => enforced(1, 5), capacity: () => 0, emit: () => {} });
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

  it('says which limit it was: the connections to the endpoints, where they carry less than the policy allows', async () => {
    const { start, events } = setUp(enforced(100, 1), 3);
    for (let index = 0; index < 4; index += 1) start();
    const refused = start();
    await settle();
    expect(refused.error).toMatchObject({ shedBy: 'connection.maxPerEndpoint' });
    expect(events).toHaveLength(1);
  });

  it('observed, lets everybody in, and reports those who would have found neither a place nor room to wait', async () => {
    const { world, limit, start, events } = setUp({ max: 2, queue: 1, adaptive: 'off', mode: 'observe' });
    for (let index = 0; index < 5; index += 1) start();
    await settle();
    expect([limit.inFlight, limit.queued]).toEqual([5, 0]);
    expect(events).toEqual(new Array(2).fill(['call.shed', { service: 'reviews', by: 'concurrency.max', criticality: 'critical', enforced: false }]));
    // What the connections cannot carry waits all the same.
    world.capacity = 5;
    start();
    expect([limit.inFlight, limit.queued]).toEqual([5, 1]);
  });
});

describe('with an adaptive limit', () => {
  const adaptive: ConcurrencyKnobs = { ...enforced(100, 50), adaptive: { type: 'aimd', min: 4, initial: 4, tolerance: 1.5 } };

  it('says that it was that limit, and what it is', async () => {
    const { limit, start, world } = setUp({ ...adaptive, queue: 0 });
    for (let index = 0; index < 4; index += 1) start();
    const refused = start();
    await settle();
    expect(refused.error).toMatchObject({ shedBy: 'concurrency.adaptive' });
    expect(limit.snapshot()).toEqual({ inFlight: 4, queued: 0, limit: 4, adaptive: { type: 'aimd', limit: 4, base: undefined, samples: 0 } });
    world.knobs = enforced(100, 0);
    expect(limit.snapshot()).toMatchObject({ limit: 100, adaptive: undefined });
  });

  it('lets a burst wait, but of a queue that was not empty for a second keeps no more calls than the limit, the lowest going first', async () => {
    const { clock, limit, startAs } = setUp(adaptive);
    for (let index = 0; index < 34; index += 1) startAs('critical');
    const low = startAs('sheddable');
    expect(limit.queued).toBe(31);
    await clock.advance(999);
    startAs('critical');
    expect(limit.queued).toBe(32);
    await clock.advance(1);
    startAs('critical');
    await settle();
    expect(limit.queued).toBe(4);
    expect(low.error).toMatchObject({ code: 'OVERLOADED' });
  });

  it('a queue that was empty in between is a new one', async () => {
    const { clock, limit, begun, startAs } = setUp(adaptive);
    for (let index = 0; index < 5; index += 1) startAs('critical');
    await clock.advance(900);
    begun[0]!.fail(cancelled);
    await settle();
    expect(limit.queued).toBe(0);
    for (let index = 0; index < 20; index += 1) startAs('critical');
    await clock.advance(900);
    startAs('critical');
    expect(limit.queued).toBe(21);
  });
});

describe('criticality', () => {
  it('of a limit, the lower tiers may fill a part, while a higher one is in use', async () => {
    const { limit, startAs } = setUp(enforced(100, 0));
    startAs('critical-plus');
    for (const [criticality, filled] of [['sheddable', 70], ['sheddable-plus', 80], ['critical', 90], ['critical-plus', 100]] as const) {
      for (let index = 0; index < 100; index += 1) startAs(criticality);
      await settle();
      expect(limit.inFlight, criticality).toBe(filled);
    }
  });

  it('calls that are all of one tier have the whole limit, whichever tier it is, and have it again ten seconds after the last higher one', async () => {
    for (const criticality of criticalities) {
      const { clock, limit, begun, startAs } = setUp(enforced(10, 0));
      for (let index = 0; index < 20; index += 1) startAs(criticality);
      expect(limit.inFlight, criticality).toBe(10);
      if (criticality === 'critical-plus') continue;
      for (const { fail } of begun.splice(0)) fail(cancelled);
      await settle();
      startAs('critical-plus');
      begun.pop()!.fail(cancelled);
      await settle();
      for (let index = 0; index < 20; index += 1) startAs(criticality);
      expect(limit.inFlight, criticality).toBe({ critical: 9, 'sheddable-plus': 8, sheddable: 7 }[criticality]);
      await clock.advance(10_000);
      for (let index = 0; index < 20; index += 1) startAs(criticality);
      expect(limit.inFlight, criticality).toBe(10);
    }
  });

  it('no limit is too small for a tier', () => {
    const { limit, startAs, begun } = setUp(enforced(1, 0));
    startAs('critical-plus');
    begun[0]!.fail(cancelled);
    return settle().then(() => {
      startAs('sheddable');
      expect(limit.inFlight).toBe(1);
    });
  });

  it('in the queue a higher tier goes before a lower, and equals in order of arrival', async () => {
    const { begun, startAs } = setUp(enforced(1, 10));
    startAs('sheddable');
    const tiers: Criticality[] = ['sheddable', 'critical', 'sheddable-plus', 'critical-plus', 'critical', 'sheddable', 'critical-plus'];
    const calls = tiers.map((tier) => startAs(tier).call);
    for (let index = 0; index < tiers.length; index += 1) {
      begun[index]!.fail(cancelled);
      await settle();
    }
    expect(begun.slice(1).map(({ call }) => calls.indexOf(call))).toEqual([3, 6, 1, 4, 2, 0, 5]);
  });

  it('for a call that comes when the queue is full, the newest of the lowest tier leaves; among equals, the newcomer', async () => {
    const { limit, events, start, startAs } = setUp(enforced(1, 3));
    startAs('critical');
    const older = startAs('sheddable');
    const body = new FakeBody();
    const newer = start(fakeCall({ criticality: 'sheddable', request: { body } }));
    const other = startAs('sheddable-plus');
    startAs('critical-plus');
    await settle();
    expect(newer.error).toMatchObject({ code: 'OVERLOADED', outcome: 'local', sent: 'no', shedBy: 'concurrency.max' });
    expect(newer.error!.message).toBe('reviews: no place for a sheddable call: 1 in flight of 1 (concurrency.max), and 3 waiting');
    expect(body.released).toBe(1);
    startAs('critical');
    const late = startAs('sheddable-plus');
    await settle();
    expect([older.error?.code, late.error?.code, other.error]).toEqual(['OVERLOADED', 'OVERLOADED', undefined]);
    expect(limit.queued).toBe(3);
    expect(events.map((event) => (event as [string, { criticality: string }])[1].criticality)).toEqual(['sheddable', 'sheddable', 'sheddable-plus']);
  });
});

describe('whatever happens', () => {
  const action = fc.record({ kind: fc.constantFrom('start', 'start', 'end', 'fail', 'cancel', 'pass'), which: fc.nat(20), criticality: fc.constantFrom(...criticalities) });

  it('never exceeds its limits, keeps the order of its tiers, and ends with everybody answered', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 80 }), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 4 }), async (actions, max, queue) => {
        const { clock, limit, begun, startAs } = setUp(enforced(max, queue));
        const started: ReturnType<typeof startAs>[] = [];
        const replies = new Set<FakeReply>();
        for (const { kind, which, criticality } of actions) {
          const running = begun[which % Math.max(1, begun.length)];
          if (kind === 'start') started.push(startAs(criticality));
          else if (kind === 'cancel') started[which % Math.max(1, started.length)]?.call.cancellation.cancel(cancelled);
          else if (kind === 'pass') await clock.advance(which * 1_000);
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
        // Of one tier, nobody overtook anybody.
        for (const tier of criticalities) {
          const order = begun.filter(({ call }) => call.criticality === tier).map(({ call }) => started.findIndex((each) => each.call === call));
          expect(order).toEqual([...order].sort((one, other) => one - other));
        }
      }),
      { numRuns: 150 },
    );
  });

  it('the queue sheds nobody while somebody less critical waits', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...criticalities), { maxLength: 40 }), fc.integer({ min: 0, max: 6 }), async (tiers, queue) => {
        const { startAs, limit } = setUp(enforced(1, queue));
        startAs('critical-plus');
        const started = tiers.map((tier) => startAs(tier));
        await settle();
        const rank = ({ call }: { call: Call }) => sheddability(call.criticality);
        const waiting = started.filter(({ error }) => error === undefined);
        const shed = started.filter(({ error }) => error !== undefined);
        expect(waiting.length).toBe(limit.queued);
        expect(waiting.length).toBe(Math.min(queue, tiers.length));
        for (const each of shed) for (const other of waiting) expect(rank(each)).toBeGreaterThanOrEqual(rank(other));
      }),
      { numRuns: 200 },
    );
  });
});
