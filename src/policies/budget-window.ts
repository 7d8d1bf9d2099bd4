/**
 * The other shape of a retry budget, which Gateway API's GEP-3388 wrote down after Finagle's and Linkerd's: a share of the calls of
 * the last while, and never less than a rate.
 *
 *     granted if   retries(interval) + 1 ≤ percent/100 · calls(interval)   or   retries(minRetryRate.interval) < minRetryRate.count
 *
 * Calls are counted, not attempts: a share of what retries add to would grow with them. The floor is a floor, as the GEP has it
 * ("the budget for retries never goes below this minimum value"); Finagle and Linkerd add theirs to the share.
 *
 * Counts are exact to a bucket of a tenth of the interval, and err towards fewer retries: calls are counted over nine to ten
 * tenths of it, retries over ten to eleven. What the floor grants is timed one by one.
 */
import type { Millis } from '../core/clock.ts';
import type { WindowBudgetKnobs } from '../core/policy.ts';

const BUCKETS = 10;

/** A tenth of a hundred calls is 10.000000000000002 in binary. */
const ROUNDING = 1e-9;

export class BudgetWindow {
  readonly #calls = new Uint32Array(BUCKETS + 1);
  readonly #retries = new Uint32Array(BUCKETS + 1);
  /** Index of the present bucket on an endless scale: floor(now / width). */
  #current = 0;
  #width: Millis = 0;
  /** When the last ones were granted, as many as the floor asks about. */
  readonly #granted: Millis[] = [];

  called(knobs: WindowBudgetKnobs, now: Millis): void {
    this.#roll(now, knobs.interval);
    this.#calls[this.#current % this.#calls.length]! += 1;
  }

  withdraw(knobs: WindowBudgetKnobs, now: Millis): boolean {
    if (this.left(knobs, now) < 1) return false;
    this.#retries[this.#current % this.#retries.length]! += 1;
    this.#granted.push(now);
    return true;
  }

  /** How many would be granted now, one after the other. */
  left(knobs: WindowBudgetKnobs, now: Millis): number {
    this.#roll(now, knobs.interval);
    const ofShare = (knobs.percent / 100) * sum(this.#calls, this.#oldest()) - sum(this.#retries);
    return Math.max(0, Math.floor(ofShare + ROUNDING), this.#ofFloor(knobs.minRetryRate, now));
  }

  #ofFloor({ count, interval }: WindowBudgetKnobs['minRetryRate'], now: Millis): number {
    const granted = this.#granted;
    while (granted.length > 0 && (granted.length > count || granted[0]! <= now - interval)) granted.shift();
    return count - granted.length;
  }

  /** The bucket that lies partly outside of the interval. */
  #oldest(): number {
    return (this.#current + 1) % this.#calls.length;
  }

  /** Forgets what has left the window. */
  #roll(now: Millis, interval: Millis): void {
    const width = interval / BUCKETS;
    const current = Math.floor(now / width);
    if (width !== this.#width) {
      // A reload changed the interval. The counts have no place on the new scale; they go into its present bucket and age from here.
      const [calls, retries] = [sum(this.#calls), sum(this.#retries)];
      this.#calls.fill(0)[current % this.#calls.length] = calls;
      this.#retries.fill(0)[current % this.#retries.length] = retries;
      this.#width = width;
    } else {
      for (let bucket = Math.max(this.#current, current - this.#calls.length) + 1; bucket <= current; bucket += 1) {
        this.#calls[bucket % this.#calls.length] = 0;
        this.#retries[bucket % this.#retries.length] = 0;
      }
    }
    this.#current = current;
  }
}

function sum(buckets: Uint32Array, except = -1): number {
  let total = 0;
  for (let index = 0; index < buckets.length; index += 1) if (index !== except) total += buckets[index]!;
  return total;
}
