/**
 * Tier shares: how much of a limit calls of one criticality may fill, so that something is left for those that matter more.
 *
 *     critical-plus 1    critical .9    sheddable-plus .8    sheddable .7        divided by that of the highest tier in use
 *
 * A tier is in use when a call of it came within the last ten seconds. The division makes a limit mean what it says where all
 * calls are of one tier, whichever it is: a reserve for calls that never come would be capacity thrown away.
 *
 * 1, .9 and .7 are the shares with which three tiers were simulated at twice the load (test/simulation/overload-limits.test.ts);
 * sheddable-plus stands halfway between its neighbours. The steps need not be large: whatever comes free above a tier's share
 * goes to the tiers above it alone, until they have what they want.
 */
import type { Millis } from '../core/clock.ts';
import { sheddability, type Criticality } from '../core/criticality.ts';

const SHARES = [1, 0.9, 0.8, 0.7] as const;

/** Longer than the pauses in ordinary traffic, and short beside the time that operators watch a dashboard. */
const IN_USE: Millis = 10_000;

export class TierShares {
  /** When a call of each tier last came. */
  readonly #cameAt = [-Infinity, -Infinity, -Infinity, -Infinity];

  /** A call of this criticality comes, now. */
  came(criticality: Criticality, now: Millis): void {
    this.#cameAt[sheddability(criticality)] = now;
  }

  /** Of a limit; 1 for the highest tier in use. */
  of(criticality: Criticality, now: Millis): number {
    const tier = sheddability(criticality);
    for (let higher = 0; higher < tier; higher += 1) {
      if (now - this.#cameAt[higher]! < IN_USE) return SHARES[tier] / SHARES[higher]!;
    }
    return 1;
  }
}
