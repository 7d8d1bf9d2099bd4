/**
 * Retry budget: what retries and hedges together may add to the calls of a service. By default they are paid for by successes:
 *
 *     success:  level ← min(cap, level + perSuccess)          retry, hedge:  level ← level − 1, if level ≥ 1
 *
 * A retry of what was provably never sent is free (gRPC A6: transparent retries are not throttled): it adds nothing to the load
 * of the service, and a replica that is gone must not eat up what resets elsewhere will need.
 *
 * So over any while there are at most cap + perSuccess · successes of them. When nothing succeeds, retries stop after `cap`
 * of them and stay stopped, however many calls fail: a service that is down is not asked three times as often. A floor of
 * retries per second, as Finagle's and Linkerd's budgets have, is given by every client of a fleet at once and keeps an
 * overloaded service down; this one recovers as fast as no retries at all (Marc Brooker, "Fixing retries with token buckets
 * and circuit breakers", 2022; gRPC A6 has the same shape with a threshold).
 *
 * Whoever wants the other shape, a share of the calls and a floor, has it: budget-window.ts.
 */
import type { Millis } from '../core/clock.ts';
import type { BudgetKnobs, WindowBudgetKnobs } from '../core/policy.ts';
import { BudgetWindow } from './budget-window.ts';

/** Ten deposits of 0.1 are 0.9999999999999999 in binary, and must buy a retry. */
const ROUNDING = 1e-9;

export class RetryBudget {
  readonly #knobs: () => BudgetKnobs;
  /** Made where the knobs ask for it. */
  #made: BudgetWindow | undefined;
  #saved: number;

  /** Starts full. */
  constructor(knobs: () => BudgetKnobs) {
    this.#knobs = knobs;
    const now = knobs();
    this.#saved = isWindow(now) ? 0 : now.cap;
  }

  get #window(): BudgetWindow {
    return (this.#made ??= new BudgetWindow());
  }

  /** Retries that could be paid for now. */
  level(now: Millis): number {
    const knobs = this.#knobs();
    return isWindow(knobs) ? this.#window.left(knobs, now) : Math.min(this.#saved, knobs.cap);
  }

  /** A call begins. */
  called(now: Millis): void {
    const knobs = this.#knobs();
    if (isWindow(knobs)) this.#window.called(knobs, now);
  }

  /** Something succeeded. */
  deposit(): void {
    const knobs = this.#knobs();
    if (!isWindow(knobs)) this.#saved = Math.min(knobs.cap, this.#saved + knobs.perSuccess);
  }

  /** Pays for one retry; false, and nothing is taken, where there is too little. */
  withdraw(now: Millis): boolean {
    const knobs = this.#knobs();
    if (isWindow(knobs)) return this.#window.withdraw(knobs, now);
    const level = Math.min(this.#saved, knobs.cap);
    if (level < 1 - ROUNDING) return false;
    this.#saved = Math.max(0, level - 1);
    return true;
  }
}

function isWindow(knobs: BudgetKnobs): knobs is WindowBudgetKnobs {
  return 'percent' in knobs;
}
