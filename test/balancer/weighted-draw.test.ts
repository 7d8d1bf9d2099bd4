import fc from 'fast-check';
import { expect, it } from 'vitest';
import { WeightedDraw } from '../../src/balancer/weighted-draw.ts';
import { seededRandom } from '../../src/core/random.ts';

it('draws each index as often as its weight says', () => {
  const weights = [1, 0.5, 7, 0, 3, 100];
  const draw = new WeightedDraw(weights);
  const random = seededRandom(1);
  const counts = weights.map(() => 0);
  const times = 200_000;
  for (let time = 0; time < times; time += 1) counts[draw.next(random)]! += 1;
  for (const [index, weight] of weights.entries()) {
    const chance = weight / 111.5;
    expect(Math.abs(counts[index]! - chance * times)).toBeLessThanOrEqual(5 * Math.sqrt(chance * (1 - chance) * times));
  }
});

it('draws an index that there is, whatever the weights', () => {
  const weights = fc.array(fc.double({ min: 1e-9, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(weights, fc.integer(), (given, seed) => {
      const draw = new WeightedDraw(given);
      const random = seededRandom(seed);
      for (let time = 0; time < 20; time += 1) expect(given[draw.next(random)]).toBeDefined();
    }),
  );
});
