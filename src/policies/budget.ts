/**
 * Retry budget: retries are paid for by successes.
 *
 *     success:  level ← min(cap, level + perSuccess)          retry:  level ← level − 1, if level ≥ 1
 *
 * A retry of what was provably never sent is free (gRPC A6: transparent retries are not throttled): it adds nothing to the load
 * of the service, and a replica that is gone must not eat up what resets elsewhere will need.
 *
 * So over any while there are at most cap + perSuccess · successes retries. When nothing succeeds, retries stop after `cap`
 * of them and stay stopped, however many calls fail: a service that is down is not asked three times as often. A floor of
 * retries per second, as Finagle's and Linkerd's budgets have, is given by every client of a fleet at once and keeps an
 * overloaded service down; this one recovers as fast as no retries at all (Marc Brooker, "Fixing retries with token buckets
 * and circuit breakers", 2022; gRPC A6 has the same shape with a threshold).
 */
import type { RetryKnobs } from '../core/policy.ts';

/** Ten deposits of 0.1 are 0.9999999999999999 in binary, and must buy a retry. */
const ROUNDING = 1e-9;

export class RetryBudget {
  readonly #knobs: () => RetryKnobs['budget'];
  #level: number;

  /** Starts full. */
  constructor(knobs: () => RetryKnobs['budget']) {
    this.#knobs = knobs;
    this.#level = knobs().cap;
  }

  /** Retries that could be paid for now. */
  get level(): number {
    return Math.min(this.#level, this.#knobs().cap);
  }

  /** Something succeeded. */
  deposit(): void {
    const { perSuccess, cap } = this.#knobs();
    this.#level = Math.min(cap, this.#level + perSuccess);
  }

  /** Pays for one retry; false, and nothing is taken, where there is too little. */
  withdraw(): boolean {
    const level = this.level;
    if (level < 1 - ROUNDING) return false;
    this.#level = Math.max(0, level - 1);
    return true;
  }
}
