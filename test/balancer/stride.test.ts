import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { Stride } from '../../src/balancer/stride.ts';

function strideOf(weights: readonly number[], seed = 1): Stride {
  const stride = new Stride(seededRandom(seed));
  stride.use(Float64Array.from(weights));
  return stride;
}

function turns(stride: Stride, places: number, count: number): number[] {
  const had = new Array<number>(places).fill(0);
  for (let turn = 0; turn < count; turn += 1) had[stride.next()]! += 1;
  return had;
}

describe('the stride schedule', () => {
  it('gives turns as the weights say, whatever they are and wherever it begins', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.1, max: 10, noNaN: true }), { minLength: 1, maxLength: 20 }), fc.integer(), (weights, seed) => {
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const had = turns(strideOf(weights, seed), weights.length, 4_000);
        // A part of a turn more or less for each row begun, and rounding to sixteen bits.
        for (const [place, weight] of weights.entries()) expect(Math.abs(had[place]! - (4_000 * weight) / total)).toBeLessThan(4);
      }),
      { numRuns: 100 },
    );
  });

  it('spreads them evenly: of weights 1 and 3, in any eight turns in a row two are of the first', () => {
    const stride = strideOf([1, 3]);
    const order = Array.from({ length: 800 }, () => stride.next());
    for (let from = 0; from + 8 <= order.length; from += 1) {
      const first = order.slice(from, from + 8).filter((place) => place === 0).length;
      expect(Math.abs(first - 2)).toBeLessThanOrEqual(1);
    }
  });

  it('lets those of equal weight miss different rows, so that the heaviest never has two turns in a row where it has half of them', () => {
    const stride = strideOf([1, 1, 2]);
    const order = Array.from({ length: 400 }, () => stride.next());
    for (let turn = 1; turn < order.length; turn += 1) expect(order[turn] === 2).toBe(order[turn - 1] !== 2);
  });

  it('begins with anybody as often as the weights say', () => {
    const first = [0, 0, 0];
    for (let seed = 0; seed < 4_000; seed += 1) first[strideOf([1, 3, 6], seed).next()]! += 1;
    for (const [place, weight] of [1, 3, 6].entries()) expect(Math.abs(first[place]! / 4_000 - weight / 10)).toBeLessThan(0.03);
  });

  it('takes new weights, and more or fewer places, without losing its own', () => {
    const stride = strideOf([1, 1]);
    turns(stride, 2, 3);
    stride.use(Float64Array.of(1, 1, 8));
    expect(turns(stride, 3, 1_000)[2]).toBeGreaterThan(780);
    stride.use(Float64Array.of(5));
    expect(turns(stride, 1, 3)).toEqual([3]);
    stride.use(new Float64Array(0));
    stride.use(Float64Array.of(1, 3));
    expect(turns(stride, 2, 400)[1]).toBeCloseTo(300, -1);
  });
});
