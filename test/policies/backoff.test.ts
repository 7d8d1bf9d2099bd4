import { describe, expect, it } from 'vitest';
import { type jitterKinds } from '../../src/core/policy.ts';
import { seededRandom, type Random } from '../../src/core/random.ts';
import { backoff } from '../../src/policies/backoff.ts';

const knobs = { base: 25, max: 250 };
const always = (value: number): Random => ({ next: () => value });
const lowest = always(0);
const highest = always(1 - Number.EPSILON);

/** The least and the most that retry n waits. */
function range(retry: number, jitter: (typeof jitterKinds)[number], previous = 0): [number, number] {
  const at = (random: Random) => Math.round(backoff(retry, { ...knobs, jitter }, random, previous));
  return [at(lowest), at(highest)];
}

describe('backoff', () => {
  it('doubles its ceiling with each retry, up to the largest', () => {
    expect([1, 2, 3, 4, 5, 50].map((retry) => backoff(retry, { ...knobs, jitter: 'none' }, lowest, 0))).toEqual([25, 50, 100, 200, 250, 250]);
  });

  it('full jitter is anywhere below the ceiling', () => {
    expect([range(1, 'full'), range(3, 'full'), range(9, 'full')]).toEqual([[0, 25], [0, 100], [0, 250]]);
  });

  it('half jitter waits for at least half the ceiling', () => {
    expect([range(1, 'half'), range(3, 'half'), range(9, 'half')]).toEqual([[13, 25], [50, 100], [125, 250]]);
  });

  it('decorrelated jitter goes on from what it waited before', () => {
    expect([range(1, 'decorrelated'), range(2, 'decorrelated', 40), range(3, 'decorrelated', 200)]).toEqual([[25, 75], [25, 120], [25, 250]]);
  });

  it('draws from the random source that it is given, and spreads evenly', () => {
    const random = seededRandom(1);
    const draws = Array.from({ length: 4000 }, () => backoff(1, { ...knobs, jitter: 'full' }, random, 0));
    const mean = draws.reduce((sum, delay) => sum + delay, 0) / draws.length;
    // Uniform on [0, 25): the mean of 4000 has a standard deviation of 25/√12/√4000 = 0.11.
    expect(Math.abs(mean - 12.5)).toBeLessThan(0.5);
  });
});
