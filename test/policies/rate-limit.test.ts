import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { criticalities, type Criticality } from '../../src/core/criticality.ts';
import { MeshError } from '../../src/core/errors.ts';
import type { RateLimitKnobs, Switchable } from '../../src/core/policy.ts';
import { RateLimit } from '../../src/policies/rate-limit.ts';
import { FakeBody, fakeCall } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const limit = (rate: number, burst: number, mode: RateLimitKnobs['mode'] = 'enforce'): RateLimitKnobs => ({ rate, burst, mode });

function setUp(knobs: Switchable<RateLimitKnobs>, now = 1234.567) {
  const world = { knobs };
  const clock = new VirtualClock(now);
  const events: unknown[] = [];
  const rate = new RateLimit({ service: 'reviews', clock, knobs: () => world.knobs, emit: (name, event) => void events.push([name, event]) });
  let sent = 0;
  const service = rate.layer(async () => {
    sent += 1;
    return new FakeReply();
  });
  const send = (criticality: Criticality = 'critical', body?: FakeBody) =>
    service(fakeCall({ criticality, startedAt: clock.now(), request: { body } })).then(() => undefined, (error: MeshError) => error);
  return { world, clock, events, rate, send, get sent() { return sent; } };
}

describe('rate limit', () => {
  it('lets a burst through, then one call for each token that drips in', async () => {
    const setting = setUp(limit(100, 5));
    for (let call = 0; call < 8; call += 1) await setting.send();
    expect(setting.sent).toBe(5);
    for (let call = 0; call < 1_000; call += 1) {
      await setting.clock.advance(10);
      expect(await setting.send()).toBeUndefined();
      expect(await setting.send()).toBeInstanceOf(MeshError);
    }
    expect(setting.sent).toBe(1_005);
  });

  it('fails at once, without sending, and says exactly when there will be a token', async () => {
    const setting = setUp(limit(0.5, 1));
    await setting.send();
    await setting.clock.advance(500);
    const body = new FakeBody();
    const refused = await setting.send('critical', body);
    expect(refused).toMatchObject({ code: 'RATE_LIMITED', outcome: 'local', sent: 'no', retryable: true, shedBy: 'rateLimit', service: 'reviews' });
    expect(refused!.message).toBe('reviews: no token for a critical call at 0.5 per second and bursts of 1; there is one in 1500 ms');
    expect(refused!.retryAt).toBeCloseTo(setting.clock.wall() + 1_500, 3);
    expect(body.released).toBe(1);
    expect(setting.events).toEqual([['call.shed', { service: 'reviews', by: 'rateLimit', criticality: 'critical', enforced: true }]]);
    await setting.clock.advance(1_499);
    expect(await setting.send()).toBeInstanceOf(MeshError);
    await setting.clock.advance(1);
    expect(await setting.send()).toBeUndefined();
  });

  it('saves up no more than a burst, however long nobody called', async () => {
    const setting = setUp(limit(100, 5));
    await setting.clock.advance(3_600_000);
    for (let call = 0; call < 50; call += 1) await setting.send();
    expect(setting.sent).toBe(5);
  });

  it('a reload is felt at once and forgets nothing: neither what was used up, nor more than the new burst', async () => {
    const setting = setUp(limit(1, 10));
    for (let call = 0; call < 10; call += 1) await setting.send();
    setting.world.knobs = limit(10, 100);
    expect(await setting.send()).toBeInstanceOf(MeshError);
    await setting.clock.advance(1_000);
    for (let call = 0; call < 20; call += 1) await setting.send();
    expect(setting.sent).toBe(20);
    await setting.clock.advance(10_000);
    setting.world.knobs = limit(10, 3);
    for (let call = 0; call < 20; call += 1) await setting.send();
    expect(setting.sent).toBe(23);
    expect(setting.rate.snapshot()!.level).toBeCloseTo(0, 9);
    setting.world.knobs = 'off';
    for (let call = 0; call < 20; call += 1) await setting.send();
    expect([setting.sent, setting.rate.snapshot()]).toEqual([43, undefined]);
  });

  it('observed, lets everybody through and reports whom it would have refused', async () => {
    const setting = setUp(limit(10, 2, 'observe'));
    for (let call = 0; call < 5; call += 1) expect(await setting.send()).toBeUndefined();
    expect(setting.sent).toBe(5);
    expect(setting.events).toEqual(new Array(3).fill(['call.shed', { service: 'reviews', by: 'rateLimit', criticality: 'critical', enforced: false }]));
    // Those that would not have been sent cost no token.
    await setting.clock.advance(100);
    await setting.send();
    expect(setting.events).toHaveLength(3);
  });

  it('keeps what drips in for the more critical, while there are any', async () => {
    const setting = setUp(limit(100, 20));
    const passed = { 'critical-plus': 0, critical: 0, 'sheddable-plus': 0, sheddable: 0 };
    for (let step = 0; step < 1_000; step += 1) {
      await setting.clock.advance(10);
      // The least critical come first each time, and each tier alone asks for half of the rate.
      if (step % 2 === 0) for (const tier of [...criticalities].reverse()) if ((await setting.send(tier)) === undefined) passed[tier] += 1;
    }
    expect(passed['critical-plus']).toBe(500);
    expect(passed.critical).toBeGreaterThan(490);
    expect(passed['sheddable-plus'] + passed.sheddable).toBeLessThanOrEqual(30);
  });

  it('in any while of length t lets no more than rate · t + burst calls begin, and as many where enough come', async () => {
    const gap = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 30, noNaN: true }), fc.integer({ min: 0, max: 2_000 }));
    const arrival = fc.record({ gap, tier: fc.constantFrom(...criticalities) });
    await fc.assert(
      fc.asyncProperty(fc.array(arrival, { maxLength: 120 }), fc.constantFrom(0.1, 3, 33.3, 100), fc.integer({ min: 1, max: 20 }), async (arrivals, rate, burst) => {
        const setting = setUp(limit(rate, burst));
        const begun: number[] = [];
        let alone = true;
        for (const { gap, tier } of arrivals) {
          await setting.clock.advance(gap);
          const before = setting.sent;
          const { level } = setting.rate.snapshot()!;
          await setting.send(tier);
          if (setting.sent > before) begun.push(setting.clock.now());
          // Nobody is refused but for a token, or for those more critical.
          else if (alone) expect(level).toBeLessThan(1);
          alone &&= tier === arrivals[0]!.tier;
        }
        for (let from = 0; from < begun.length; from += 1) {
          for (let to = from; to < begun.length; to += 1) {
            expect(to - from + 1).toBeLessThanOrEqual((rate * (begun[to]! - begun[from]!)) / 1_000 + burst + 1e-6);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
