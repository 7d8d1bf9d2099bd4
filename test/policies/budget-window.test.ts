import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultWindowBudget, type BudgetKnobs, type WindowBudgetKnobs } from '../../src/core/policy.ts';
import { RetryBudget } from '../../src/policies/budget.ts';

const noFloor = { count: 0, interval: 1000 };

function budget(knobs: Partial<WindowBudgetKnobs> = {}) {
  return new RetryBudget(() => ({ ...defaultWindowBudget, ...knobs }));
}

/** How many of so many wanted retries are paid for at this instant. */
function granted(it: RetryBudget, wanted: number, now: number): number {
  let count = 0;
  for (let retry = 0; retry < wanted; retry += 1) if (it.withdraw(now)) count += 1;
  return count;
}

describe('a budget in the shape of GEP-3388', () => {
  it('grants a share of the calls of the interval, and not one more', () => {
    const it = budget({ minRetryRate: noFloor });
    for (let call = 0; call < 100; call += 1) it.called(call);
    expect(it.level(100)).toBe(20);
    expect(granted(it, 50, 100)).toBe(20);
    expect([it.level(100), granted(it, 1, 5_000)]).toEqual([0, 0]);
  });

  it('forgets calls as the interval passes them by, and retries no sooner', () => {
    const it = budget({ minRetryRate: noFloor });
    for (let call = 0; call < 100; call += 1) it.called(500);
    expect(granted(it, 10, 500)).toBe(10);
    expect(it.level(9_999)).toBe(10);
    // After nine tenths of the interval the calls may be forgotten; the retries count until all of it is over.
    expect(it.level(10_000)).toBe(0);
    for (let call = 0; call < 100; call += 1) it.called(10_400);
    expect(it.level(10_400)).toBe(10);
    expect(it.level(11_000)).toBe(20);
  });

  it('never grants less than the floor, and counts what the floor grants in the share', () => {
    const it = budget();
    expect(granted(it, 100, 0)).toBe(10);
    expect(granted(it, 100, 999)).toBe(0);
    expect(granted(it, 100, 1000)).toBe(10);
    for (let call = 0; call < 100; call += 1) it.called(1000);
    // 20 % of 100 are spent already.
    expect(granted(it, 100, 1000)).toBe(0);
  });

  it('is the floor or the share, not their sum (Finagle and Linkerd add them)', () => {
    const it = budget();
    for (let call = 0; call < 100; call += 1) it.called(0);
    expect(granted(it, 100, 0)).toBe(20);
  });

  it('is not filled by successes', () => {
    const it = budget({ minRetryRate: noFloor });
    for (let success = 0; success < 1000; success += 1) it.deposit();
    expect(it.level(0)).toBe(0);
  });

  it('feels a reload at once, of numbers and of shape, and forgets nothing', () => {
    let knobs: BudgetKnobs = { ...defaultWindowBudget, minRetryRate: noFloor };
    const it = new RetryBudget(() => knobs);
    for (let call = 0; call < 100; call += 1) it.called(0);
    expect(granted(it, 5, 0)).toBe(5);
    knobs = { ...defaultWindowBudget, minRetryRate: noFloor, percent: 50 };
    expect(it.level(0)).toBe(45);
    knobs = { ...defaultWindowBudget, minRetryRate: noFloor, interval: 60_000 };
    expect(it.level(0)).toBe(15);
    knobs = { perSuccess: 0.5, cap: 2 };
    expect(it.level(0)).toBe(0);
    it.deposit();
    it.deposit();
    expect([it.withdraw(0), it.withdraw(0)]).toEqual([true, false]);
    knobs = { ...defaultWindowBudget, minRetryRate: noFloor, interval: 60_000 };
    expect(it.level(0)).toBe(15);
  });

  it('whatever comes: a retry is within the share of the calls of the interval before it, or within the floor', () => {
    const step = fc.record({ wait: fc.integer({ min: 0, max: 900 }), calls: fc.integer({ min: 0, max: 12 }), wanted: fc.integer({ min: 0, max: 8 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 5 }), (steps, percent, count) => {
        const knobs = { percent, interval: 2_000, minRetryRate: { count, interval: 700 } };
        const it = budget(knobs);
        const calls: number[] = [];
        const retries: number[] = [];
        let now = 0;
        for (const { wait, calls: begun, wanted } of steps) {
          now += wait;
          for (let call = 0; call < begun; call += 1) {
            it.called(now);
            calls.push(now);
          }
          for (let retry = 0; retry < wanted; retry += 1) {
            const level = it.level(now);
            const made = it.withdraw(now);
            expect(made).toBe(level >= 1);
            if (!made) break;
            retries.push(now);
            const within = (times: number[], interval: number) => times.filter((at) => at > now - interval).length;
            const inShare = within(retries, knobs.interval) <= (percent / 100) * within(calls, knobs.interval) + 1e-6;
            expect(inShare || within(retries, 700) <= count).toBe(true);
          }
        }
      }),
    );
  });
});
