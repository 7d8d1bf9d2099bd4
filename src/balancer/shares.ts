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
import { decay } from './decay.ts';
import { AHEAD, AHEAD_AT, COST, IN_FLIGHT, WEIGHT, type Figures } from './figures.ts';

/** With 4, of two weights 9:1 the smaller gets a quarter too much one call at a time; with 16, 8 %. */
const MEMORY = 16;
/** Less than 1, as pressure has to stay above 0. */
const MOST_BEHIND = 0.75;

/** What a weight of 0 counts as: "a very small chance of being selected" (RFC 2782), not none. */
const SMALLEST_WEIGHT = 0.01;

export class Shares {
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

  /** From now on these have a share. `moved`: some of them cost more or less than before. */
  use(candidates: readonly { readonly figures: Figures; readonly endpoint: { readonly weight: number } }[], moved: boolean): void {
    this.#even = true;
    this.#total = 0;
    this.#totals.fill(0);
    for (const { figures, endpoint } of candidates) {
      figures[WEIGHT] = Math.max(endpoint.weight, SMALLEST_WEIGHT);
      this.#total += figures[WEIGHT];
      this.#totals[groupOf(figures)]! += figures[WEIGHT];
      if (moved) {
        figures[AHEAD] = 0;
        figures[AHEAD_AT] = this.#times[groupOf(figures)]!;
      }
      if (figures[WEIGHT] !== candidates[0]!.figures[WEIGHT]) this.#even = false;
    }
  }

  /** Nobody has a larger share than another. */
  get even(): boolean {
    return this.#even;
  }

  /** The next request goes to this endpoint. */
  took(figures: Figures): void {
    if (this.#even) return;
    const group = groupOf(figures);
    this.#times[group]! += 1 / this.#totals[group]!;
    figures[AHEAD] = this.#ahead(figures) + 1;
    figures[AHEAD_AT] = this.#times[group]!;
  }

  /** How crowded an endpoint is. `usual` attempts in flight are where only its own past counts. */
  pressure(figures: Figures, usual: number): number {
    const inFlight = figures[IN_FLIGHT]!;
    if (this.#even) return (inFlight + 1) / (usual + 1);
    const expected = (this.inFlight * figures[WEIGHT]!) / this.#total;
    return (inFlight + this.#ahead(figures) + 1) / (expected + 1);
  }

  /** Requests beyond its part. */
  #ahead(figures: Figures): number {
    const due = (this.#times[groupOf(figures)]! - figures[AHEAD_AT]!) * figures[WEIGHT]!;
    return Math.max((figures[AHEAD]! + MEMORY) * decay(due / MEMORY) - MEMORY, groupOf(figures) === 0 ? -MOST_BEHIND : 0);
  }
}

function groupOf(figures: Figures): 0 | 1 {
  return figures[COST] === 1 ? 0 : 1;
}
