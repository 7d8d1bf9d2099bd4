import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom, type Random } from '../../src/core/random.ts';
import { Split } from '../../src/routing/split.ts';

const fromTheStart: Random = { next: () => 0 };

function take(split: Split, calls: number): (string | undefined)[] {
  return Array.from({ length: calls }, () => split.next());
}

/** By how much any version is furthest from its share, in any stretch that begins at the first of these calls. */
function worst(weights: ReadonlyMap<string, number>, calls: readonly (string | undefined)[]): number {
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  const counts = new Map<string | undefined, number>();
  let found = 0;
  for (const [index, version] of calls.entries()) {
    counts.set(version, (counts.get(version) ?? 0) + 1);
    for (const [each, weight] of weights) found = Math.max(found, Math.abs((counts.get(each) ?? 0) - ((index + 1) * weight) / total));
  }
  return found;
}

describe('a split', () => {
  it('of 90 to 10 gives every tenth call to the second, wherever it begins', () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const calls = take(new Split(new Map([['v1', 90], ['v2', 10]]), seededRandom(seed)), 110);
      for (let from = 0; from <= 100; from += 1) expect(calls.slice(from, from + 10).filter((version) => version === 'v2')).toHaveLength(1);
    }
  });

  const someWeights = (least: number, most: number) =>
    fc.array(fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 1_000_000 })), { minLength: least, maxLength: most })
      .filter((weights) => weights.some((weight) => weight > 0))
      .map((weights) => new Map(weights.map((weight, index) => [`v${index + 1}`, weight])));

  it('of two is less than one call off, in every stretch of calls', () => {
    fc.assert(
      fc.property(someWeights(2, 2), fc.integer(), fc.integer({ min: 0, max: 300 }), (weights, seed, skip) => {
        const split = new Split(weights, seededRandom(seed));
        take(split, skip);
        expect(worst(weights, take(split, 300))).toBeLessThan(1);
      }),
      { numRuns: 300 },
    );
  });

  it('of many is less than one call off from the beginning of its cycle, and less than two from anywhere', () => {
    fc.assert(
      fc.property(someWeights(3, 12), fc.integer(), (weights, seed) => {
        expect(worst(weights, take(new Split(weights, fromTheStart), 500))).toBeLessThan(1);
        expect(worst(weights, take(new Split(weights, seededRandom(seed)), 500))).toBeLessThan(2);
      }),
      { numRuns: 200 },
    );
  });

  it('never gives anything to a weight of 0, and nobody anything where all are 0', () => {
    expect(new Set(take(new Split(new Map([['v1', 0], ['v2', 3], ['v3', 1]]), fromTheStart), 100))).toEqual(new Set(['v2', 'v3']));
    expect(take(new Split(new Map([['v1', 0], ['v2', 7]]), fromTheStart), 3)).toEqual(['v2', 'v2', 'v2']);
    expect(take(new Split(new Map([['v1', 0]]), fromTheStart), 2)).toEqual([undefined, undefined]);
    expect(new Split(new Map(), fromTheStart).next()).toBeUndefined();
  });

  it('follows the weights with its first call already, and with its second, over a fleet that starts together', () => {
    const weights = new Map([['v1', 80], ['v2', 15], ['v3', 5]]);
    const processes = Array.from({ length: 4000 }, (_, seed) => take(new Split(weights, seededRandom(seed)), 3));
    for (const call of [0, 1, 2]) {
      for (const [version, weight] of weights) {
        const share = processes.filter((calls) => calls[call] === version).length / processes.length;
        // Three standard deviations of a share of 4000 draws.
        expect(Math.abs(share - weight / 100)).toBeLessThan(3 * Math.sqrt(((weight / 100) * (1 - weight / 100)) / processes.length));
      }
    }
  });
});
