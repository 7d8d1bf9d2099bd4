import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mostEjected } from '../../src/core/ejection-limit.ts';
import { seededRandom } from '../../src/core/random.ts';
import { ejectionDuration, isOutlier, successRate } from '../../src/balancer/outlier.ts';
import { outlierKnobs } from './small-cluster.ts';

const knobs = outlierKnobs.relative;
const tally = (successes: number, failures: number) => ({ successes, failures });

describe('outlier', () => {
  it('one that fails everything among many that fail nothing is found after minRequests', () => {
    expect(isOutlier(tally(0, 3), tally(300, 0), knobs)).toBe(false);
    expect(isOutlier(tally(0, 4), tally(300, 0), knobs)).toBe(true);
  });

  it('needs more evidence where there are few others', () => {
    expect(isOutlier(tally(0, 4), tally(4, 0), knobs)).toBe(false);
    expect(isOutlier(tally(0, 5), tally(5, 0), knobs)).toBe(true);
  });

  it('is not found in a shared outage, however bad', () => {
    for (const failing of [0.2, 0.4, 0.6, 1]) expect(isOutlier(tally(20 * (1 - failing), 20 * failing), tally(200 * (1 - failing), 200 * failing), knobs)).toBe(false);
  });

  it('a gap that chance explains is none', () => {
    // 50 % against 80 %, but of four attempts only: 0.3 is less than 3 × √(0.79 × 0.21 × (1/4 + 1/100)).
    expect(isOutlier(tally(2, 2), tally(80, 20), knobs)).toBe(false);
    expect(isOutlier(tally(50, 50), tally(80, 20), knobs)).toBe(true);
  });

  it('a difference smaller than the gap is none, on whatever evidence', () => {
    expect(isOutlier(tally(8_100, 1_900), tally(100_000, 0), knobs)).toBe(false);
    expect(isOutlier(tally(7_900, 2_100), tally(100_000, 0), knobs)).toBe(true);
  });

  it('while the others do badly themselves, nobody is', () => {
    expect(isOutlier(tally(0, 100), tally(29, 71), knobs)).toBe(false);
    expect(isOutlier(tally(0, 100), tally(31, 69), knobs)).toBe(true);
  });

  it('nobody is compared with one or two attempts, or with none', () => {
    expect(isOutlier(tally(0, 100), tally(3, 0), knobs)).toBe(false);
    expect(isOutlier(tally(0, 100), tally(0, 0), { ...knobs, minRequests: 0 })).toBe(false);
    expect(isOutlier(tally(0, 0), tally(9, 0), { ...knobs, minRequests: 0 })).toBe(false);
  });

  it('who has not been counted is innocent', () => {
    expect(successRate(tally(0, 0))).toBe(1);
    expect(successRate(tally(3, 1))).toBe(0.75);
  });

  it('one more failure of its own never makes it innocent', () => {
    fc.assert(
      fc.property(fc.nat(50), fc.nat(50), fc.nat(500), fc.nat(100), (s, f, os, of) => {
        if (isOutlier(tally(s, f), tally(os, of), knobs)) expect(isOutlier(tally(s, f + 1), tally(os, of), knobs)).toBe(true);
      }),
      { seed: 11, numRuns: 2_000 },
    );
  });
});

describe('how many may be ejected', () => {
  const of = (total: number, maxShare: number, minRemaining: number) => mostEjected(total, { ...outlierKnobs.ejection, maxShare, minRemaining });

  it('rounds the share up, so that a small share of a small fleet is not none', () => {
    expect([of(4, 0.1, 1), of(3, 0.5, 1), of(4, 0.5, 1), of(100, 0.07, 1)]).toEqual([1, 2, 2, 7]);
  });

  it('never goes below what must remain', () => {
    expect([of(1, 1, 1), of(2, 1, 1), of(5, 0.8, 3), of(2, 0.5, 3), of(3, 1, 0)]).toEqual([0, 1, 2, 0, 3]);
  });
});

describe('how long an ejection lasts', () => {
  it('doubles each time in a row, up to the longest', () => {
    const middle = { next: () => 0.5 };
    expect([1, 2, 3, 5, 6, 50].map((k) => ejectionDuration(k, outlierKnobs.ejection, middle))).toEqual([1_000, 2_000, 4_000, 16_000, 30_000, 30_000]);
  });

  it('is spread by the jitter, either way', () => {
    const random = seededRandom(1);
    const drawn = Array.from({ length: 1_000 }, () => ejectionDuration(1, outlierKnobs.ejection, random));
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(800);
    expect(Math.min(...drawn)).toBeLessThan(820);
    expect(Math.max(...drawn)).toBeLessThanOrEqual(1_200);
    expect(Math.max(...drawn)).toBeGreaterThan(1_180);
  });
});
