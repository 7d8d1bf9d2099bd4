import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { onceSwitchedOn, type AdaptiveKnobs } from '../../src/core/policy.ts';
import { AdaptiveLimit } from '../../src/policies/adaptive-limit.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const knobs: AdaptiveKnobs = onceSwitchedOn.concurrency.adaptive;
const MAX = 1_000;

function setUp(overrides: Partial<AdaptiveKnobs> = {}) {
  const world: { knobs: AdaptiveKnobs; max: number } = { knobs: { ...knobs, ...overrides }, max: MAX };
  // At a round ten seconds of the time of day, so that a test can say when the next dip is.
  const clock = new VirtualClock(0, 10_000);
  const limit = new AdaptiveLimit(clock);
  const places = () => limit.places(world.knobs, world.max);
  return {
    world, clock, limit, places,
    /** One call every millisecond for so long, each answered after this latency, with so many in flight. */
    async answers(duration: number, latency: number | (() => number), inFlight: number | (() => number) = places): Promise<void> {
      for (let at = 0; at < duration; at += 1) {
        await tick(clock);
        limit.sampled(typeof latency === 'number' ? latency : latency(), typeof inFlight === 'number' ? inFlight : inFlight(), clock.now(), world.knobs, world.max);
      }
    },
  };
}

/** Nothing waits for anything here, so time may pass without settling promises. */
async function tick(clock: VirtualClock): Promise<void> {
  clock.stall(1);
}

describe('gradient', () => {
  it('begins with a dip of what it is given, and then has all of it', async () => {
    const { places, answers, limit, world } = setUp();
    expect(places()).toBe(Math.floor(0.6 * (20 - Math.sqrt(20))));
    await answers(210, 10);
    expect([places(), limit.snapshot(world.knobs, MAX).base]).toEqual([20, 10]);
  });

  it('grows while it is used and calls take no longer than they need', async () => {
    const { places, answers } = setUp();
    await answers(5_000, 10);
    expect(places()).toBeGreaterThan(50);
  });

  it('does not grow while less than half of it is in use, however long that lasts', async () => {
    const { places, answers } = setUp();
    await answers(59_000, 10, 9);
    expect(places()).toBe(20);
  });

  it('falls when calls take longer, tenth by tenth, to where the headroom balances it', async () => {
    const setting = setUp();
    await setting.answers(9_020, 10);
    const before = setting.places();
    await setting.answers(100, 30);
    // Half as long again is tolerated; three times as long is g = ½.
    expect(setting.places()).toBeLessThan(before);
    expect(setting.places()).toBeGreaterThanOrEqual(Math.floor(0.9 * before));
    await setting.answers(800, 30);
    expect(setting.places()).toBeLessThan(0.55 * before);
  });

  it('dips at the tens of seconds of the time of day, for two windows, and measures nothing from before', async () => {
    const setting = setUp();
    const { clock, places, answers, limit, world } = setting;
    await answers(9_999, 12);
    const before = limit.snapshot(world.knobs, MAX).limit;
    expect(places()).toBe(Math.floor(before));
    // The calls from before the dip end first: slow ones, which are not the service at rest.
    await answers(12, 400);
    expect(places()).toBe(Math.floor(0.6 * (before - Math.sqrt(before))));
    await answers(230, 8);
    expect([places(), limit.snapshot(world.knobs, MAX).base]).toEqual([Math.floor(before), 8]);
    expect(clock.now()).toBeLessThan(10_300);
  });

  it('forgets a base after five dips: a service that has become slower for good gets its calls back', async () => {
    const { places, answers, limit, world } = setUp();
    await answers(15_000, 10);
    await answers(10_000, 40);
    expect(limit.snapshot(world.knobs, MAX).base).toBe(10);
    const low = places();
    await answers(60_000, 40);
    expect(limit.snapshot(world.knobs, MAX).base).toBe(40);
    expect(places()).toBeGreaterThan(3 * low);
  });

  it('takes a timeout for no latency: where all calls end after the same five seconds, it falls to its floor and stays there', async () => {
    const { places, answers, limit, world } = setUp();
    await answers(15_000, Infinity);
    expect(places()).toBe(knobs.min);
    expect(limit.snapshot(world.knobs, MAX).base).toBeUndefined();
    await answers(60_000, Infinity);
    expect(places()).toBe(knobs.min);
    // And comes back when answers come.
    await answers(20_000, 10);
    expect(places()).toBeGreaterThan(20);
  });

  it('falls in a dip, too, where most calls are lost even so', async () => {
    const { places, answers, limit, world } = setUp();
    await answers(9_990, 10);
    const before = limit.snapshot(world.knobs, MAX).limit;
    await answers(2_000, Infinity);
    expect(places()).toBeLessThan(0.4 * before);
  });

  it('waits for what a change did: where calls take half a second, so does a window', async () => {
    const { answers, limit, world } = setUp();
    await answers(2_000, 500);
    const limits = new Set<number>();
    for (let step = 0; step < 40; step += 1) {
      await answers(100, 500);
      limits.add(limit.snapshot(world.knobs, MAX).limit);
    }
    expect(limits.size).toBeGreaterThanOrEqual(7);
    expect(limits.size).toBeLessThanOrEqual(9);
  });

  it('at a tenth of a call per second does nothing in a hurry, and nothing at all where nothing happens', async () => {
    const { clock, limit, places, world } = setUp();
    for (let call = 0; call < 1_000; call += 1) {
      clock.stall(10_000);
      limit.sampled(100, 1, clock.now(), world.knobs, MAX);
      expect(places()).toBeGreaterThanOrEqual(9);
      expect(places()).toBeLessThanOrEqual(20);
    }
    expect(limit.snapshot(world.knobs, MAX).base).toBe(100);
    const before = limit.snapshot(world.knobs, MAX);
    clock.stall(3_600_000);
    expect(limit.snapshot(world.knobs, MAX)).toEqual(before);
  });
});

describe('aimd', () => {
  it('goes up by one a window, and down by a tenth where calls are lost', async () => {
    const { places, answers } = setUp({ type: 'aimd' });
    await answers(1_010, 10);
    expect(places()).toBe(30);
    // One in a hundred is no overload.
    let call = 0;
    await answers(1_000, () => (call++ % 100 === 0 ? Infinity : 10));
    expect(places()).toBe(40);
    await answers(110, () => (call++ % 10 === 0 ? Infinity : 10));
    expect(places()).toBe(Math.floor(0.9 * 41));
    await answers(20_000, Infinity);
    expect(places()).toBe(knobs.min);
  });

  it('does not look at latency, nor dip', async () => {
    const { places, answers } = setUp({ type: 'aimd' });
    await answers(9_000, 10);
    await answers(5_000, 1_000);
    expect(places()).toBeGreaterThan(110);
  });
});

describe('either', () => {
  it('a reload is felt at once and forgets nothing', async () => {
    const setting = setUp();
    await setting.answers(9_000, 10);
    const before = setting.places();
    setting.world.max = 30;
    expect(setting.places()).toBe(30);
    setting.world.max = MAX;
    setting.world.knobs = { ...knobs, min: 200 };
    expect(setting.places()).toBe(200);
    setting.world.knobs = { ...knobs, type: 'aimd' };
    expect(setting.places()).toBe(before);
    setting.world.max = 1;
    expect(setting.places()).toBe(1);
  });

  it('stays within its bounds, a whole number, whatever comes', async () => {
    const sample = fc.record({
      gap: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 30_000 })),
      latency: fc.oneof(fc.constant(0), fc.constant(Infinity), fc.double({ min: 0, max: 60_000, noNaN: true })),
      inFlight: fc.nat(2_000),
      times: fc.integer({ min: 1, max: 60 }),
    });
    const bounds = fc.record({ min: fc.integer({ min: 1, max: 50 }), initial: fc.integer({ min: 1, max: 500 }), max: fc.integer({ min: 1, max: 400 }), tolerance: fc.double({ min: 1, max: 10, noNaN: true }) });
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 60 }), bounds, fc.constantFrom('gradient' as const, 'aimd' as const), (samples, { max, ...own }, type) => {
        const { clock, limit, world, places } = setUp({ ...own, type });
        world.max = max;
        for (const { gap, latency, inFlight, times } of samples) {
          for (let time = 0; time < times; time += 1) {
            clock.stall(gap);
            limit.sampled(latency, inFlight, clock.now(), world.knobs, max);
            expect(places()).toBeLessThanOrEqual(max);
            expect(places()).toBeGreaterThanOrEqual(Math.min(own.min, max));
            expect(Number.isInteger(places())).toBe(true);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
