import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Millis, Timer } from '../../src/core/clock.ts';
import { Stalls } from '../../src/core/stalls.ts';
import { stalled, Timeout, Timeouts } from '../../src/policies/timeouts.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

class Noted extends Timeout {
  readonly #clock: VirtualClock;
  readonly #then: (() => void) | undefined;
  firedAt: Millis | undefined;
  late: Millis | undefined;

  constructor(clock: VirtualClock, then?: () => void) {
    super();
    this.#clock = clock;
    this.#then = then;
  }

  override expired(late: Millis): void {
    this.firedAt = this.#clock.now();
    this.late = late;
    this.#then?.();
  }
}

describe('timeouts', () => {
  it('expire when they are due, whatever the order in which they began', async () => {
    const clock = new VirtualClock();
    const timeouts = new Timeouts(clock);
    const [long, short, longer] = [new Noted(clock), new Noted(clock), new Noted(clock)];
    timeouts.begin(long, 30_000, clock.now());
    timeouts.begin(short, 10, clock.now());
    await clock.advance(5);
    timeouts.begin(longer, 30_000, clock.now());
    await clock.advance(60_000);
    expect([short.firedAt, long.firedAt, longer.firedAt]).toEqual([10, 30_000, 30_005]);
    expect([timeouts.size, clock.timers]).toEqual([0, 0]);
  });

  it('all have their time, though one of them throws at its end', async () => {
    const clock = new VirtualClock();
    const timeouts = new Timeouts(clock);
    const throwing = new Noted(clock, () => {
      throw new Error('a mistake');
    });
    const [same, later] = [new Noted(clock), new Noted(clock)];
    timeouts.begin(throwing, 100, clock.now());
    timeouts.begin(same, 100, clock.now());
    timeouts.begin(later, 200, clock.now());
    await expect(clock.advance(100)).rejects.toThrow('a mistake');
    await clock.advance(200);
    expect([same.firedAt, later.firedAt, timeouts.size]).toEqual([100, 200, 0]);
  });

  it('ended ones never expire, nor does ending twice take another with it', async () => {
    const clock = new VirtualClock();
    const timeouts = new Timeouts(clock);
    const [first, second, third] = [new Noted(clock), new Noted(clock), new Noted(clock)];
    for (const entry of [first, second, third]) timeouts.begin(entry, 100, clock.now());
    timeouts.end(second);
    timeouts.end(second);
    expect(timeouts.size).toBe(2);
    await clock.advance(200);
    timeouts.end(first);
    expect([first.firedAt, second.firedAt, third.firedAt]).toEqual([100, undefined, 100]);
    expect(timeouts.size).toBe(0);
  });

  it('hold one timer, however many they are, and it holds no process open', async () => {
    const kinds: (string | undefined)[] = [];
    const clock = new (class extends VirtualClock {
      override after(delay: Millis, fire: () => void, kind?: 'background'): Timer {
        kinds.push(kind);
        return super.after(delay, fire, kind);
      }
    })();
    const timeouts = new Timeouts(clock);
    for (let index = 0; index < 1000; index += 1) {
      timeouts.begin(new Noted(clock), 10_000, clock.now());
      timeouts.begin(new Noted(clock), 500 + index, clock.now());
      expect(clock.timers).toBe(1);
      await clock.advance(0.01);
    }
    expect(new Set(kinds)).toEqual(new Set(['background']));
    // 1000 calls armed it twice: for the first deadline, and for the first attempt timeout, which is sooner.
    expect(kinds.length).toBe(2);
  });

  it('leave one lazily armed timer behind, which fires once for nothing and is gone', async () => {
    const clock = new VirtualClock();
    const timeouts = new Timeouts(clock);
    for (let index = 0; index < 10; index += 1) {
      const entry = new Noted(clock);
      timeouts.begin(entry, 100 + 1000 * index, clock.now());
      timeouts.end(entry);
    }
    expect([timeouts.size, clock.timers]).toEqual([0, 1]);
    await clock.advance(100);
    expect(clock.timers).toBe(0);
  });

  it('may begin anew while others expire', async () => {
    const clock = new VirtualClock();
    const timeouts = new Timeouts(clock);
    const after = new Noted(clock);
    timeouts.begin(new Noted(clock, () => timeouts.begin(after, 5, clock.now())), 100, clock.now());
    timeouts.begin(new Noted(clock), 2_000, clock.now());
    await clock.advance(1000);
    expect(after.firedAt).toBe(105);
  });

  it('do nothing any more once closed', async () => {
    const clock = new VirtualClock();
    const timeouts = new Timeouts(clock);
    const [before, after] = [new Noted(clock), new Noted(clock)];
    timeouts.begin(before, 100, clock.now());
    timeouts.close();
    timeouts.begin(after, 100, clock.now());
    expect(clock.timers).toBe(0);
    await clock.advance(1000);
    expect([before.firedAt, after.firedAt]).toEqual([undefined, undefined]);
  });

  it('are never early, and late by less than 1 ms or 1 %, whatever durations callers bring', async () => {
    const entry = fc.record({
      wait: fc.double({ min: 0, max: 50, noNaN: true }),
      duration: fc.oneof(fc.double({ min: 0.01, max: 400, noNaN: true }), fc.double({ min: 200, max: 60_000, noNaN: true }), fc.constantFrom(2_000, 10_000, 30_000)),
      endAfter: fc.option(fc.double({ min: 0, max: 20_000, noNaN: true })),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 40 }), async (plan) => {
        const clock = new VirtualClock();
        const timeouts = new Timeouts(clock);
        const begun: { entry: Noted; duration: Millis; at: Millis; ended: Millis | undefined }[] = [];
        for (const { wait, duration, endAfter } of plan) {
          await clock.advance(wait);
          const it = { entry: new Noted(clock), duration, at: clock.now(), ended: undefined as Millis | undefined };
          begun.push(it);
          timeouts.begin(it.entry, duration, it.at);
          if (endAfter !== null) {
            clock.after(endAfter, () => {
              if (it.entry.firedAt === undefined) it.ended = clock.now();
              timeouts.end(it.entry);
            });
          }
        }
        await clock.advance(100_000);
        for (const { entry, duration, at, ended } of begun) {
          if (ended !== undefined) expect(entry.firedAt).toBeUndefined();
          else {
            expect(entry.firedAt).toBeGreaterThanOrEqual(at + duration);
            expect(entry.late).toBeLessThan(Math.max(1, 0.01 * duration));
          }
        }
        expect([timeouts.size, clock.timers]).toEqual([0, 0]);
      }),
      { numRuns: 60 },
    );
  });

  it('are not held up by a longer one that began just before', async () => {
    for (const duration of [20, 150, 300, 1_000, 2_047, 10_000, 60_000]) {
      const clock = new VirtualClock();
      const timeouts = new Timeouts(clock);
      const shorter = new Noted(clock);
      timeouts.begin(new Noted(clock), duration, clock.now());
      timeouts.begin(shorter, duration * 0.97, clock.now());
      await clock.advance(2 * duration);
      expect(shorter.late).toBeLessThan(Math.max(1, 0.01 * duration));
    }
  });

  it('that are due just after a stall are as late as the stall was long, as what came in was not read yet', async () => {
    const clock = new VirtualClock();
    const stalls = new Stalls(clock);
    const timeouts = new Timeouts(clock, stalls);
    const entry = new Noted(clock);
    stalls.begin(clock.now());
    timeouts.begin(entry, 1_000, clock.now());
    await clock.advance(300);
    clock.stall(705);
    await clock.advance(0);
    // The loop was to turn at 320; the timeout itself is 5 ms late.
    expect([entry.firedAt, entry.late]).toEqual([1_005, 685]);
    const punctual = new Noted(clock);
    timeouts.begin(punctual, 1_000, clock.now());
    await clock.advance(2_000);
    expect(punctual.late).toBe(0);
    timeouts.close();
    expect(clock.timers).toBe(0);
  });

  it('blame a stalled process only where the stall was long, by itself and beside the timeout', () => {
    expect(stalled(99, 200)).toBe(false);
    expect(stalled(100, 200)).toBe(true);
    expect(stalled(500, 10_000)).toBe(false);
    expect(stalled(1000, 10_000)).toBe(true);
  });
});
