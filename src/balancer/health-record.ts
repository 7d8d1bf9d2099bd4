/**
 * HealthRecord: how the attempts at one endpoint went, as far as that says something of its health: exact counts over the last
 * while, how it compares with the others at the same moments, and how many failures there were in a row.
 *
 * An attempt that was answered and then broke off is a failure: for the counts, which are revised, and for the row, which ends
 * when an answer has arrived whole and not before.
 */
import type { Millis } from '../core/clock.ts';
import { OutcomeWindow } from '../core/outcome-window.ts';
import type { OutlierKnobs, SuccessRateKnobs } from '../core/policy.ts';
import { Matched, type FleetTally } from './matched.ts';
import { windowOf, type Tally } from './outlier.ts';

export class HealthRecord {
  readonly #fleet: FleetTally;
  readonly #window = new OutcomeWindow();
  /** Only where the success rate is counted over another time than the rest. */
  #rateWindow: OutcomeWindow | undefined;
  readonly #matched: Matched;
  #failuresInARow = 0;

  constructor(fleet: FleetTally) {
    this.#fleet = fleet;
    this.#matched = new Matched(fleet);
  }

  /** Failures with no success in between. */
  get failuresInARow(): number {
    return this.#failuresInARow;
  }

  /** An attempt was answered, or failed. */
  count(failed: boolean, now: Millis, knobs: OutlierKnobs): void {
    this.#window.record(failed, now, windowOf(knobs));
    if (countsApart(knobs)) (this.#rateWindow ??= new OutcomeWindow()).record(failed, now, knobs.successRate.window);
    if (knobs.relative !== 'off') this.#matched.observe(failed, this.#fleet);
    if (failed) this.#failuresInARow += 1;
  }

  /** An answer that was counted as a success has arrived whole. */
  completed(): void {
    this.#failuresInARow = 0;
  }

  /** … or broke off. */
  brokeOff(now: Millis, knobs: OutlierKnobs): void {
    this.#window.revise(now, windowOf(knobs));
    if (countsApart(knobs)) (this.#rateWindow ??= new OutcomeWindow()).revise(now, knobs.successRate.window);
    if (knobs.relative !== 'off') this.#matched.observe(true, this.#fleet);
    this.#failuresInARow += 1;
  }

  /** Successes and failures of the last while. */
  recent(now: Millis, window: Millis): Tally {
    return { successes: this.#window.successes(now, window), failures: this.#window.failures(now, window) };
  }

  /** Those that `successRate` judges. */
  rated(now: Millis, knobs: OutlierKnobs): Tally {
    if (!countsApart(knobs)) return this.recent(now, windowOf(knobs));
    const { window } = knobs.successRate;
    return { successes: this.#rateWindow?.successes(now, window) ?? 0, failures: this.#rateWindow?.failures(now, window) ?? 0 };
  }

  /** Whether it fails more than the others at the same moments. */
  standsOut(sigmas: number): boolean {
    return this.#matched.standsOut(sigmas);
  }

  clear(): void {
    this.#window.clear();
    this.#rateWindow?.clear();
    this.#matched.clear(this.#fleet);
    this.#failuresInARow = 0;
  }
}

/** Whether the success rate is counted over a time of its own. */
function countsApart(knobs: OutlierKnobs): knobs is OutlierKnobs & { readonly successRate: SuccessRateKnobs } {
  return knobs.successRate !== 'off' && knobs.successRate.window !== windowOf(knobs);
}
