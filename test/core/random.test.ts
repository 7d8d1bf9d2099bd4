import { describe, expect, it } from 'vitest';
import { below, jittered, seededRandom, systemRandom } from '../../src/core/random.ts';

const generators = [['of this process', systemRandom], ['with a seed', seededRandom(1)]] as const;

describe.each(generators)('the generator %s', (_name, random) => {
  it('gives each hundredth of [0, 1) its share, whatever came before', () => {
    const draws = 200_000;
    const counts = Array.from({ length: 100 }, () => 0);
    const after = Array.from({ length: 100 }, () => 0);
    let before = 0;
    for (let draw = 0; draw < draws; draw += 1) {
      const drawn = random.next();
      if (!(drawn >= 0 && drawn < 1)) throw new Error(`${drawn} is not in [0, 1)`);
      counts[Math.floor(drawn * 100)]! += 1;
      after[10 * Math.floor(before * 10) + Math.floor(drawn * 10)]! += 1;
      before = drawn;
    }
    // χ² of 99 degrees of freedom: its mean is 99, its standard deviation √198 = 14; by chance above 99 + 6 · 14 less often than once in a million.
    const expected = draws / 100;
    for (const each of [counts, after]) expect(each.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)).toBeLessThan(99 + 6 * 14);
  });

  it('draws whole numbers below a bound, and jitters evenly', () => {
    const drawn = new Set(Array.from({ length: 1_000 }, () => below(random, 7)));
    expect([...drawn].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    const jitters = Array.from({ length: 1_000 }, () => jittered(random, 100, 0.2));
    expect([Math.min(...jitters) >= 80, Math.max(...jitters) <= 120, Math.min(...jitters) < 82, Math.max(...jitters) > 118]).toEqual([true, true, true, true]);
  });
});

it('the same seed gives the same sequence, another one another', () => {
  const first = (seed: number) => Array.from({ length: 5 }, seededRandom(seed).next);
  expect(first(42)).toEqual(first(42));
  expect(first(43)).not.toEqual(first(42));
  // Those of the published mulberry32.
  expect(first(0)).toEqual([0.26642920868471265, 0.0003297457005828619, 0.2232720274478197, 0.1462021479383111, 0.46732782293111086]);
});
