/**
 * Stride: whose turn it is, where each has turns as its weight says, from a table that nothing is written to.
 *
 * Rows and columns, a column for each, read row by row. The largest weight is the whole, M, and has a turn in each row; in row g
 *
 *     place i has a turn  iff  (w · g + i · M/2) mod M  ≥  M − w
 *
 * which is as often as g · w/M passes a whole number: in w of M rows, evenly spread. The offset of half a row for every other column keeps those of
 * equal weight from all missing the same rows. So a turn costs as many looks as the largest weight is times the mean, however many there are, and
 * weights may be changed without losing one's place.
 *
 * It is gRPC's static stride scheduler, which begins anywhere, so that clients do not march in step. With many clients that make a few requests
 * each, anywhere is not good enough: there, the first turn is by place rather than by weight, so it is drawn until somebody has a turn.
 */
import { below, type Random } from '../core/random.ts';

/** Sixteen bits: products with a row stay whole numbers that are quick to divide. */
const MOST = 65_535;
const HALF = 32_767;

export class Stride {
  readonly #random: Random;
  /** By place; the largest is MOST. */
  #weights = new Uint16Array(0);
  #row = 0;
  #place = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** From now on there are so many, with these weights, which are above 0. */
  use(weights: Float64Array): void {
    const begins = this.#weights.length === 0;
    const most = weights.reduce((so, weight) => Math.max(so, weight), 0);
    if (weights.length !== this.#weights.length) this.#weights = new Uint16Array(weights.length);
    for (let place = 0; place < weights.length; place += 1) this.#weights[place] = Math.max(1, Math.round((weights[place]! / most) * MOST));
    if (begins && weights.length > 0) this.#begin();
    if (this.#place >= weights.length) this.#nextRow();
  }

  /** The place of the one whose turn it is; it has had it now. There has to be one. */
  next(): number {
    for (;;) {
      const place = this.#place;
      const has = this.#hasTurn(place);
      this.#place += 1;
      if (this.#place === this.#weights.length) this.#nextRow();
      if (has) return place;
    }
  }

  #begin(): void {
    do {
      this.#row = below(this.#random, MOST);
      this.#place = below(this.#random, this.#weights.length);
    } while (!this.#hasTurn(this.#place));
  }

  #hasTurn(place: number): boolean {
    const weight = this.#weights[place]!;
    return (weight * this.#row + (place % 2) * HALF) % MOST >= MOST - weight;
  }

  #nextRow(): void {
    this.#place = 0;
    this.#row = (this.#row + 1) % MOST;
  }
}
