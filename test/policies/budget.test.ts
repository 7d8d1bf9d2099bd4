import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RetryBudget } from '../../src/policies/budget.ts';

describe('retry budget', () => {
  it('starts full, and when nothing succeeds ends there', () => {
    const budget = new RetryBudget(() => ({ perSuccess: 0.1, cap: 10 }));
    for (let retry = 0; retry < 10; retry += 1) expect(budget.withdraw(0)).toBe(true);
    expect(budget.withdraw(0)).toBe(false);
    expect(budget.level(0)).toBe(0);
  });

  it('ten successes of a tenth buy one retry, in binary too', () => {
    const budget = new RetryBudget(() => ({ perSuccess: 0.1, cap: 1 }));
    budget.withdraw(0);
    for (let success = 0; success < 9; success += 1) budget.deposit();
    expect(budget.withdraw(0)).toBe(false);
    budget.deposit();
    expect(budget.withdraw(0)).toBe(true);
    expect(budget.withdraw(0)).toBe(false);
  });

  it('saves up no more than its cap', () => {
    let knobs = { perSuccess: 1, cap: 3 };
    const budget = new RetryBudget(() => knobs);
    for (let success = 0; success < 100; success += 1) budget.deposit();
    expect(budget.level(0)).toBe(3);
    knobs = { perSuccess: 1, cap: 10 };
    expect(budget.level(0)).toBe(3);
  });

  it('feels a reload at once, and forgets nothing', () => {
    let knobs = { perSuccess: 0.5, cap: 10 };
    const budget = new RetryBudget(() => knobs);
    for (let retry = 0; retry < 4; retry += 1) budget.withdraw(0);
    knobs = { perSuccess: 0.5, cap: 20 };
    expect(budget.level(0)).toBe(6);
    knobs = { perSuccess: 0.5, cap: 2 };
    expect(budget.level(0)).toBe(2);
    expect([budget.withdraw(0), budget.withdraw(0), budget.withdraw(0)]).toEqual([true, true, false]);
  });

  it('never pays for more than cap + perSuccess · successes', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 400 }), fc.constantFrom(0.01, 0.1, 0.3, 1), fc.integer({ min: 0, max: 20 }), (events, perSuccess, cap) => {
        const budget = new RetryBudget(() => ({ perSuccess, cap }));
        let [successes, retries] = [0, 0];
        for (const success of events) {
          if (success) {
            budget.deposit();
            successes += 1;
          } else if (budget.withdraw(0)) retries += 1;
          expect(retries).toBeLessThanOrEqual(cap + perSuccess * successes + 1e-6);
        }
      }),
    );
  });
});
