/**
 * Shares: where endpoints have different weights, each gets requests as its weight says.
 *
 * Dividing what is compared by the weight does not do it. With one call at a time nothing is in flight, the endpoint of the greatest weight
 * always looks best and gets everything; weight ÷ (in flight + 1), as Envoy has it, gives the right shares then, and those of the
 * square root of the weight under load. Two things are counted instead, and stand in the place of "attempts in flight":
 *
 *     pressure = (in flight + ahead + 1) / (expected + 1)
 *
 *     expected   its part, by weight, of all that is in flight to the cluster: decides under load
 *     ahead      requests it got lately beyond its part of those that were sent: decides where hardly anything is in flight
 *
 * `ahead` falls by w/W (1 + ahead/16) with each request that somebody gets, W = Σ w, and rises by 1 with each of its own. So it is
 * forgotten over what would be 16 requests of its own, and shares are as the weights say between endpoints that do about equally
 * well, while one that is ten times slower, or fails, loses most of its own as soon as there is some load. It is never further behind
 * than 0.75 of a request: an endpoint that was away is not flooded when it is back, and one that does badly is not pushed forward.
 *
 * Those that cost more (locality.ts) have their parts among themselves, and are never behind: else what is kept at home would be owed to them.
 *
 * Where all weights are the same there is nothing to do, and pressure is (in flight + 1) / (usual + 1).
 */
import { decayAll } from './decay.ts';
import { AHEAD, AHEAD_AT, COST, IN_FLIGHT, WEIGHT, type Figures, type Row } from './figures.ts';

/** With 4, of two weights 9:1 the smaller gets a quarter too much one call at a time; with 16, 8 %. */
const MEMORY = 16;
/** Less than 1, as pressure has to stay above 0. */
const MOST_BEHIND = 0.75;

/** What a weight of 0 counts as: "a very small chance of being selected" (RFC 2782), not none. */
const SMALLEST_WEIGHT = 0.01;

export class Shares {
  readonly #figures: Figures;
  /** Attempts in flight to all endpoints. */
  inFlight = 0;
  /** All weights are the same. */
  #even = true;
  /** Of all weights. */
  #total = 1;
  /** Of the weights of those that cost nothing more, and of the others. */
  readonly #totals = new Float64Array(2);
  /** Requests that an endpoint of weight 1 should have had so far, of these and of the others. */
  readonly #times = new Float64Array(2);
  /** Requests beyond their parts, of those looked at for one pick. Kept, so that a pick allocates nothing. */
  #ahead = new Float64Array(16);
  readonly #picked = new Int32Array(1);

  constructor(figures: Figures) {
    this.#figures = figures;
  }

  /** From now on these have a share. `moved`: some of them cost more or less than before. */
  use(candidates: readonly { readonly row: Row; readonly endpoint: { readonly weight: number } }[], moved: boolean): void {
    const { weights } = this.#figures;
    this.#even = true;
    this.#total = 0;
    this.#totals.fill(0);
    for (const { row, endpoint } of candidates) {
      const weight = Math.max(endpoint.weight, SMALLEST_WEIGHT);
      const group = groupOf(weights, row);
      weights[row + WEIGHT] = weight;
      this.#total += weight;
      this.#totals[group]! += weight;
      if (moved) {
        weights[row + AHEAD] = 0;
        weights[row + AHEAD_AT] = this.#times[group]!;
      }
      if (weight !== weights[candidates[0]!.row + WEIGHT]) this.#even = false;
    }
  }

  /** Nobody has a larger share than another. */
  get even(): boolean {
    return this.#even;
  }

  /** The next request goes to this endpoint. To be told only where they are not even: so nobody need look who it is. */
  took({ row }: { readonly row: Row }): void {
    const { weights } = this.#figures;
    const group = groupOf(weights, row);
    this.#times[group]! += 1 / this.#totals[group]!;
    this.#picked[0] = row;
    this.#lookAhead(this.#picked, 1);
    weights[row + AHEAD] = this.#ahead[0]! + 1;
    weights[row + AHEAD_AT] = this.#times[group]!;
  }

  /**
   * Writes how crowded each of the first `count` is, by their rows. In its place stands before how many attempts are usual to be in flight there, which
   * matters where weights are even. All of a pick at once, for the reason that `Load.weigh` has.
   */
  pressure(rows: Int32Array, count: number, pressures: Float64Array): void {
    const { numbers, weights } = this.#figures;
    if (this.#even) {
      for (let place = 0; place < count; place += 1) pressures[place] = (numbers[rows[place]! + IN_FLIGHT]! + 1) / (pressures[place]! + 1);
      return;
    }
    this.#lookAhead(rows, count);
    const ahead = this.#ahead;
    for (let place = 0; place < count; place += 1) {
      const row = rows[place]!;
      const expected = (this.inFlight * weights[row + WEIGHT]!) / this.#total;
      pressures[place] = (numbers[row + IN_FLIGHT]! + ahead[place]! + 1) / (expected + 1);
    }
  }

  /** Writes how many requests each has had beyond its part. */
  #lookAhead(rows: Int32Array, count: number): void {
    const { weights } = this.#figures;
    if (count > this.#ahead.length) this.#ahead = new Float64Array(2 * count);
    const ahead = this.#ahead;
    for (let place = 0; place < count; place += 1) {
      const row = rows[place]!;
      ahead[place] = ((this.#times[groupOf(weights, row)]! - weights[row + AHEAD_AT]!) * weights[row + WEIGHT]!) / MEMORY;
    }
    decayAll(ahead, count);
    for (let place = 0; place < count; place += 1) {
      const row = rows[place]!;
      ahead[place] = Math.max((weights[row + AHEAD]! + MEMORY) * ahead[place]! - MEMORY, groupOf(weights, row) === 0 ? -MOST_BEHIND : 0);
    }
  }
}

function groupOf(weights: Float64Array, row: Row): 0 | 1 {
  return weights[row + COST] === 1 ? 0 : 1;
}
