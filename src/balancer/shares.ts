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
 * Where all weights are the same there is nothing to do, and pressure is (in flight + 1) / (usual + 1).
 */
import type { InFlight } from './in-flight.ts';

/** With 4, of two weights 9:1 the smaller gets a quarter too much one call at a time; with 16, 8 %. */
const MEMORY = 16;
/** Less than 1, as pressure has to stay above 0. */
const MOST_BEHIND = 0.75;

/** What a weight of 0 counts as: "a very small chance of being selected" (RFC 2782), not none. */
const SMALLEST_WEIGHT = 0.01;

export function effectiveWeight(weight: number): number {
  return Math.max(weight, SMALLEST_WEIGHT);
}

/** What the shares of a cluster's endpoints are taken of. */
export class Shares {
  /** All weights are the same. */
  even = true;
  /** Attempts in flight to all endpoints. */
  inFlight = 0;
  #total = 1;
  /** Requests that an endpoint of weight 1 should have had so far. */
  #time = 0;

  use(shares: readonly { readonly share: Share; readonly endpoint: { readonly weight: number } }[]): void {
    this.even = true;
    let total = 0;
    for (const { share, endpoint } of shares) {
      share.weight = effectiveWeight(endpoint.weight);
      total += share.weight;
      if (share.weight !== shares[0]!.share.weight) this.even = false;
    }
    this.#total = Math.max(total, SMALLEST_WEIGHT);
  }

  get time(): number {
    return this.#time;
  }

  /** The next request goes to this endpoint. */
  took(share: Share): void {
    if (this.even) return;
    this.#time += 1 / this.#total;
    share.took();
  }

  /** How many attempts in flight are an endpoint's part. */
  expected(weight: number): number {
    return (this.inFlight * weight) / this.#total;
  }
}

/** One endpoint's. */
export class Share {
  weight = 1;
  readonly #shares: Shares;
  readonly #inFlight: InFlight;
  /** As of `#at`. */
  #ahead = 0;
  #at = 0;

  constructor(shares: Shares, inFlight: InFlight) {
    this.#shares = shares;
    this.#inFlight = inFlight;
  }

  /** How crowded it is, 1 being as it should be; `usual` attempts in flight are where only the endpoint's own past counts. */
  pressure(usual: number): number {
    const { count } = this.#inFlight;
    if (this.#shares.even) return (count + 1) / (usual + 1);
    return (count + this.ahead + 1) / (this.#shares.expected(this.weight) + 1);
  }

  /** Requests beyond its part. */
  get ahead(): number {
    const due = (this.#shares.time - this.#at) * this.weight;
    if (due === 0) return this.#ahead;
    return Math.max((this.#ahead + MEMORY) * Math.exp(-due / MEMORY) - MEMORY, -MOST_BEHIND);
  }

  took(): void {
    this.#ahead = this.ahead + 1;
    this.#at = this.#shares.time;
  }
}
