/**
 * HealthRecord: how the attempts at one endpoint went, as far as that says something of its health: exact counts over the last
 * while, how it compares with the others at the same moments, and how many failures there were in a row.
 *
 * An attempt that was answered and then broke off is a failure: for the counts, which are revised, and for the row, which ends
 * when an answer has arrived whole and not before.
 *
 * Of thousands of endpoints most may never be called: what counts is made when there is something to count.
 */
import type { Millis } from '../core/clock.ts';
import { OutcomeWindow } from '../core/outcome-window.ts';
import type { OutlierKnobs, SuccessRateKnobs } from '../core/policy.ts';
import { Matched, type FleetTally } from './matched.ts';
import { windowOf, type Tally } from './outlier.ts';

export class HealthRecord {
  readonly #fleet: FleetTally;
  #window: OutcomeWindow | undefined;
  /** Only where the success rate is counted over another time than the rest. */
  #rateWindow: OutcomeWindow | undefined;
  #matched: Matched | undefined;
  /** The fleet's counts when this began. */
  #successes: number;
  #failures: number;
  #failuresInARow = 0;

  constructor(fleet: FleetTally) {
    this.#fleet = fleet;
    this.#successes = fleet.successes;
    this.#failures = fleet.failures;
  }

  /** Failures with no success in between. */
  get failuresInARow(): number {
    return this.#failuresInARow;
  }

  /** An attempt was answered, or failed. */
  count(failed: boolean, now: Millis, knobs: OutlierKnobs): void {
    (this.#window ??= new OutcomeWindow()).record(failed, now, windowOf(knobs));
    if (countsApart(knobs)) (this.#rateWindow ??= new OutcomeWindow()).record(failed, now, knobs.successRate.window);
    if (knobs.relative !== 'off') this.#compare(failed);
    if (failed) this.#failuresInARow += 1;
  }

  /** An answer that was counted as a success has arrived whole. */
  completed(): void {
    this.#failuresInARow = 0;
  }

  /** … or broke off. */
  brokeOff(now: Millis, knobs: OutlierKnobs): void {
    (this.#window ??= new OutcomeWindow()).revise(now, windowOf(knobs));
    if (countsApart(knobs)) (this.#rateWindow ??= new OutcomeWindow()).revise(now, knobs.successRate.window);
    if (knobs.relative !== 'off') this.#compare(true);
    this.#failuresInARow += 1;
  }

  /** Successes and failures of the last while. */
  recent(now: Millis, window: Millis): Tally {
    return tallyOf(this.#window, now, window);
  }

  /** Those that `successRate` judges. */
  rated(now: Millis, knobs: OutlierKnobs): Tally {
    if (!countsApart(knobs)) return this.recent(now, windowOf(knobs));
    const { window } = knobs.successRate;
    return tallyOf(this.#rateWindow, now, window);
  }

  /** Whether it fails more than the others at the same moments. */
  standsOut(sigmas: number): boolean {
    return this.#matched?.standsOut(sigmas) ?? false;
  }

  clear(): void {
    this.#window?.clear();
    this.#rateWindow?.clear();
    this.#matched?.clear(this.#fleet);
    this.#successes = this.#fleet.successes;
    this.#failures = this.#fleet.failures;
    this.#failuresInARow = 0;
  }

  #compare(failed: boolean): void {
    this.#matched ??= new Matched({ successes: this.#successes, failures: this.#failures });
    this.#matched.observe(failed, this.#fleet);
  }
}

function tallyOf(window: OutcomeWindow | undefined, now: Millis, length: Millis): Tally {
  return { successes: window?.successes(now, length) ?? 0, failures: window?.failures(now, length) ?? 0 };
}

/** Whether the success rate is counted over a time of its own. */
function countsApart(knobs: OutlierKnobs): knobs is OutlierKnobs & { readonly successRate: SuccessRateKnobs } {
  return knobs.successRate !== 'off' && knobs.successRate.window !== windowOf(knobs);
}
