/**
 * Draws an index with a chance proportional to its weight, in O(1): the alias method (Walker 1977, in Vose's form of 1991).
 *
 * Every index owns a column of height 1. What a light one leaves of its column is filled up by one heavier one, so a draw is a
 * column and a height in it.
 */
import type { Random } from '../core/random.ts';

export class WeightedDraw {
  readonly #own: Float64Array;
  readonly #other: Uint32Array;

  constructor(weights: readonly number[]) {
    const count = weights.length;
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    this.#own = Float64Array.from(weights, (weight) => (weight * count) / total);
    this.#other = Uint32Array.from({ length: count }, (_, index) => index);
    const light: number[] = [];
    const heavy: number[] = [];
    this.#own.forEach((height, index) => (height < 1 ? light : heavy).push(index));
    while (light.length > 0 && heavy.length > 0) {
      const filled = light.pop()!;
      const donor = heavy.at(-1)!;
      this.#other[filled] = donor;
      this.#own[donor]! -= 1 - this.#own[filled]!;
      if (this.#own[donor]! >= 1) continue;
      heavy.pop();
      light.push(donor);
    }
  }

  next(random: Random): number {
    const place = random.next() * this.#own.length;
    const column = Math.floor(place);
    return place - column < this.#own[column]! ? column : this.#other[column]!;
  }
}
