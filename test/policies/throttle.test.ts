import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Reply } from '../../src/core/call.ts';
import { criticalities, type Criticality } from '../../src/core/criticality.ts';
import { MeshError } from '../../src/core/errors.ts';
import { defaultServicePolicy, type Switchable, type ThrottleKnobs } from '../../src/core/policy.ts';
import { seededRandom } from '../../src/core/random.ts';
import { Throttle } from '../../src/policies/throttle.ts';
import { FakeBody, fakeCall } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { settle, VirtualClock } from '../support/virtual-clock.ts';

const knobs: ThrottleKnobs = defaultServicePolicy.throttle;
const refusal = () => new FakeReply(429);
const fine = () => new FakeReply();

function setUp(initial: Switchable<ThrottleKnobs> = knobs, seed = 1) {
  const world = { knobs: initial, answer: fine as () => Reply };
  const clock = new VirtualClock(123.4);
  const events: unknown[] = [];
  const throttle = new Throttle({ service: 'reviews', clock, random: seededRandom(seed), knobs: () => world.knobs, emit: (name, event) => void events.push([name, event]) });
  const counts = { sent: 0 };
  const service = throttle.layer(async () => {
    counts.sent += 1;
    return world.answer();
  });
  const send = (criticality: Criticality = 'critical', body?: FakeBody) =>
    service(fakeCall({ criticality, startedAt: clock.now(), request: { body } })).then(() => undefined, (error: MeshError) => error);
  /** So many calls, one after the other, each answered by the next of these in turn. */
  const sendMany = async (count: number, answers: readonly (() => Reply)[] = [world.answer], criticality: Criticality = 'critical') => {
    let throttled = 0;
    for (let call = 0; call < count; call += 1) {
      world.answer = answers[call % answers.length]!;
      if ((await send(criticality))?.code === 'THROTTLED') throttled += 1;
      await settle();
    }
    return throttled;
  };
  return { world, clock, events, throttle, counts, send, sendMany };
}

const rejecting = ({ throttle }: ReturnType<typeof setUp>, criticality: Criticality = 'critical') => throttle.snapshot().rejection[criticality];

describe('throttle', () => {
  it('sends everything while the service accepts at least one of k, and less as it accepts less', async () => {
    const setting = setUp();
    await setting.sendMany(100, [fine, refusal]);
    expect([setting.throttle.snapshot().requests, setting.throttle.snapshot().accepts, rejecting(setting)]).toEqual([100, 50, 0]);
    expect(setting.counts.sent).toBe(100);
    // Observed, so that exactly these are counted: 150 calls, 50 of them accepted.
    setting.world.knobs = { ...knobs, mode: 'observe' };
    await setting.sendMany(50, [refusal]);
    expect(rejecting(setting)).toBeCloseTo((150 - 2 * 50) / 151, 12);
  });

  it('while the service refuses everything, sends the share that is needed to notice its recovery, and no more', async () => {
    const setting = setUp();
    await setting.sendMany(200, [refusal]);
    expect(rejecting(setting)).toBe(0.8);
    const before = setting.counts.sent;
    const throttled = await setting.sendMany(2_000, [refusal]);
    expect(setting.counts.sent - before).toBe(2_000 - throttled);
    expect(throttled / 2_000).toBeGreaterThan(0.77);
    expect(throttled / 2_000).toBeLessThan(0.83);
  });

  it('while the service accepts a part, about one call in k of those sent is accepted', async () => {
    const setting = setUp();
    // It takes 10 calls a second, of 100 that come.
    let room = 0;
    const counted = { accepted: 0, sent: 0 };
    const service = setting.throttle.layer(async () => {
      counted.sent += 1;
      if (room < 1) return refusal();
      room -= 1;
      counted.accepted += 1;
      return fine();
    });
    for (let call = 0; call < 24_000; call += 1) {
      await setting.clock.advance(10);
      if (call % 100 === 0) room = 10;
      if (call === 12_000) counted.accepted = counted.sent = 0;
      await service(fakeCall({ startedAt: setting.clock.now() })).catch(() => {});
    }
    const { accepted, sent } = counted;
    expect(accepted / sent).toBeGreaterThan(0.4);
    expect(accepted / sent).toBeLessThan(0.6);
  }, 30_000);

  it('rejects without sending, and says why and how many', async () => {
    const setting = setUp();
    await setting.sendMany(100, [refusal]);
    let error: MeshError | undefined;
    const body = new FakeBody();
    while (error === undefined) {
      setting.world.answer = refusal;
      body.released = 0;
      error = await setting.send('critical', body);
    }
    expect(error).toMatchObject({ code: 'THROTTLED', outcome: 'local', sent: 'no', shedBy: 'throttle', service: 'reviews' });
    expect(error.message).toMatch(/^reviews: the service refuses calls \(0 of the last \d+ were accepted\), so 80% of the critical ones are not sent$/);
    expect(body.released).toBe(1);
    expect(setting.events).toContainEqual(['call.shed', { service: 'reviews', by: 'throttle', criticality: 'critical', enforced: true }]);
  });

  it('does nothing before it has seen enough calls end', async () => {
    const setting = setUp();
    expect(await setting.sendMany(19, [refusal])).toBe(0);
    expect(rejecting(setting)).toBe(0);
    await setting.sendMany(1, [refusal]);
    expect(rejecting(setting)).toBe(0.8);
  });

  it('does nothing at start-up, while a thousand calls are on their way and none has ended', async () => {
    const world = setUp();
    const pending: ((reply: Reply) => void)[] = [];
    const service = world.throttle.layer(() => new Promise((resolve) => pending.push(resolve)));
    for (let call = 0; call < 1_000; call += 1) void service(fakeCall({ startedAt: world.clock.now() }));
    expect([pending.length, rejecting(world)]).toEqual([1_000, 0]);
    for (const answer of pending) answer(fine());
    await settle();
    expect(world.throttle.snapshot()).toMatchObject({ requests: 1_000, accepts: 1_000 });
  });

  it('forgets after the window: at a tenth of a call per second nothing is ever throttled', async () => {
    const setting = setUp();
    for (let call = 0; call < 200; call += 1) {
      await setting.clock.advance(10_000);
      expect(await setting.sendMany(1, [refusal])).toBe(0);
    }
    await setting.sendMany(100, [refusal]);
    expect(rejecting(setting)).toBe(0.8);
    await setting.clock.advance(120_000);
    expect([rejecting(setting), setting.throttle.snapshot().requests]).toEqual([0, 0]);
  });

  it('counts failures of any kind as accepted: they throttle nothing, of one endpoint or of all', async () => {
    const setting = setUp();
    const answers = [() => new FakeReply(500), () => new FakeReply(503), () => new FakeReply(504)];
    expect(await setting.sendMany(300, answers)).toBe(0);
    const failing = setting.throttle.layer(async () => {
      throw new MeshError('CONNECT_FAILED', 'refused');
    });
    for (let call = 0; call < 300; call += 1) await failing(fakeCall({ startedAt: setting.clock.now() })).catch(() => {});
    await settle();
    expect(setting.throttle.snapshot()).toMatchObject({ requests: 600, accepts: 600, rejection: { critical: 0, sheddable: 0 } });
  });

  it('counts nothing that is local or cancelled, its own refusals excepted', async () => {
    const setting = setUp();
    for (const code of ['OVERLOADED', 'CIRCUIT_OPEN', 'CANCELLED', 'NO_ENDPOINTS', 'CLIENT_CLOSED'] as const) {
      const failing = setting.throttle.layer(async () => {
        throw new MeshError(code, 'of our own');
      });
      await failing(fakeCall()).catch(() => {});
    }
    await settle();
    expect(setting.throttle.snapshot().requests).toBe(0);
    await setting.sendMany(40, [refusal]);
    expect(setting.throttle.snapshot()).toMatchObject({ requests: 40, accepts: 0 });
    expect(setting.counts.sent).toBeLessThan(40);
  });

  it('recovers: once the service accepts again, within two windows everything is sent', async () => {
    const setting = setUp({ ...knobs, window: 10_000 });
    const random = seededRandom(3);
    for (let call = 0; call < 1_000; call += 1) {
      await setting.clock.advance(20 * random.next());
      await setting.sendMany(1, [refusal]);
    }
    expect(rejecting(setting)).toBe(0.8);
    for (let call = 0; call < 3_000; call += 1) {
      await setting.clock.advance(20 * random.next());
      await setting.sendMany(1, [fine]);
    }
    expect(rejecting(setting)).toBe(0);
  });

  it('observed, sends everything and reports what it would have rejected', async () => {
    const setting = setUp({ ...knobs, mode: 'observe' });
    expect(await setting.sendMany(500, [refusal])).toBe(0);
    expect(setting.counts.sent).toBe(500);
    expect(setting.events.length).toBeGreaterThan(300);
    expect(setting.events[0]).toEqual(['call.shed', { service: 'reviews', by: 'throttle', criticality: 'critical', enforced: false }]);
  });

  it('off, does nothing; a reload is felt at once and forgets nothing', async () => {
    const setting = setUp();
    await setting.sendMany(100, [refusal]);
    setting.world.knobs = 'off';
    expect(await setting.sendMany(100, [refusal])).toBe(0);
    expect(rejecting(setting)).toBe(0);
    setting.world.knobs = { ...knobs, maxRejection: 0.5 };
    expect(rejecting(setting)).toBe(0.5);
  });
});

describe('criticality', () => {
  it('takes the excess from the lowest tier first, and from the next only what that cannot bear', async () => {
    const setting = setUp({ ...knobs, mode: 'observe' });
    for (const tier of criticalities) await setting.sendMany(100, [fine, refusal, refusal, refusal, refusal], tier);
    // 400 calls, 80 accepted: 240 too many. 80 of each of the two lowest are as much as they may lose; 80 remain for the third.
    const { rejection } = setting.throttle.snapshot();
    expect(rejection.sheddable).toBe(0.8);
    expect(rejection['sheddable-plus']).toBe(0.8);
    expect(rejection.critical).toBeCloseTo(80 / 101, 12);
    expect(rejection['critical-plus']).toBe(0);
  });

  it('throttles a tier that has not been seen before by its place: below those seen with them, above them not at all', async () => {
    const setting = setUp({ ...knobs, mode: 'observe' });
    await setting.sendMany(100, [fine, refusal, refusal]);
    expect(rejecting(setting, 'sheddable')).toBe(0.8);
    expect(rejecting(setting, 'critical-plus')).toBe(0);
  });

  it('a higher tier is never throttled more than a lower, and none more than maxRejection', async () => {
    const history = fc.array(fc.record({ tier: fc.constantFrom(...criticalities), accepted: fc.boolean() }), { maxLength: 120 });
    await fc.assert(
      fc.asyncProperty(history, fc.constantFrom(0, 0.3, 0.8, 1), fc.constantFrom(1, 1.5, 2), async (calls, maxRejection, k) => {
        const setting = setUp({ ...knobs, k, maxRejection, minRequests: 1 }, calls.length);
        for (const { tier, accepted } of calls) await setting.sendMany(1, [accepted ? fine : refusal], tier);
        const { rejection, requests, accepts } = setting.throttle.snapshot();
        const inOrder = criticalities.map((tier) => rejection[tier]);
        for (const each of inOrder) expect(each).toBeLessThanOrEqual(maxRejection);
        expect([...inOrder].sort((one, other) => one - other)).toEqual(inOrder);
        if (requests <= k * accepts) expect(inOrder).toEqual([0, 0, 0, 0]);
        expect(requests).toBe(calls.length);
      }),
      { numRuns: 100 },
    );
  });
});
