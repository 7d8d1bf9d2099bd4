/**
 * Peak EWMA: how busy an endpoint looks from this process.
 *
 *     load = max(estimate, age of the oldest unanswered attempt) × (pending + 1)
 *
 * The estimate jumps to any slower sample at once and drifts back with time constant τ, so one slow answer is believed
 * immediately and forgiven slowly:
 *
 *     estimate ← max(sample, estimate·w + sample·(1 − w)),   w = exp(−elapsed / τ)
 *
 * Without samples it drifts in the same way to the mean of the fleet, never to zero: an endpoint of which nothing was heard for
 * long is presumed ordinary, not infinitely fast. That is also what a new one is presumed to be, so it gets its share at once.
 *
 * A failed attempt is sampled at no less than `failurePenalty`. Without that floor an endpoint that refuses in 1 ms looks like
 * the fastest one, and draws the traffic it cannot serve (test/simulation/one-bad-endpoint.test.ts). The age makes a hung
 * endpoint look slow before its first timeout.
 *
 * The trade: a single failure keeps most traffic away for a few τ. Where failures are common to all endpoints all carry the
 * penalty, and the count of pending attempts decides.
 *
 * The estimator is Finagle's (loadbalancer/PeakEwma.scala), the floor linkerd2-proxy's (linkerd/load-biaser), the age
 * ServiceTalk's (DefaultRequestTracker.java).
 */
import type { Millis } from '../core/clock.ts';
import type { Outcome } from '../core/outcome.ts';
import type { PeakEwmaKnobs } from '../core/balancer-policy.ts';
import { decay, decayAll } from './decay.ts';
import { IN_FLIGHT, LATENCY, SAMPLED_AT, WAITING_SINCE, type Figures, type Row } from './figures.ts';
import type { Fleet } from './fleet.ts';
import { LONGEST_RETRY_AFTER, type Knowledge, type Load } from './load.ts';
import type { Shares } from './shares.ts';

export class PeakEwma implements Load {
  readonly #knobs: () => PeakEwmaKnobs;
  readonly #figures: Figures;
  readonly #fleet: Fleet;
  readonly #shares: Shares;
  /** Of one `weigh`; kept, so that a pick allocates nothing. */
  #pressures = new Float64Array(16);

  /** Knobs are asked for when they are used, so a policy reload is felt at once and forgets nothing. */
  constructor(knobs: () => PeakEwmaKnobs, { figures, fleet, shares }: Knowledge) {
    this.#knobs = knobs;
    this.#figures = figures;
    this.#fleet = fleet;
    this.#shares = shares;
  }

  weigh(rows: Int32Array, count: number, now: Millis, loads: Float64Array): void {
    const knobs = this.#knobs();
    const { latency: { known, value } } = this.#fleet;
    // `+`: what may be anything would be put on the heap where it is a fraction.
    const usual = known ? value : +knobs.initialLatency;
    const { numbers } = this.#figures;
    if (count > this.#pressures.length) this.#pressures = new Float64Array(2 * count);
    const pressures = this.#pressures;
    for (let place = 0; place < count; place += 1) {
      pressures[place] = 0;
      loads[place] = (now - numbers[rows[place]! + SAMPLED_AT]!) / knobs.decay;
    }
    decayAll(loads, count);
    this.#shares.pressure(rows, count, pressures);
    for (let place = 0; place < count; place += 1) {
      const row = rows[place]!;
      // As in `latency`. Of one that was never measured all is long ago, and nothing is left but what is usual.
      const latency = usual + (numbers[row + LATENCY]! - usual) * loads[place]!;
      loads[place] = Math.max(latency, now - numbers[row + WAITING_SINCE]!) * pressures[place]!;
    }
  }

  latency(row: Row, now: Millis): Millis {
    const knobs = this.#knobs();
    const usual = this.#usual(knobs);
    if (!this.#figures.isMeasured(row)) return usual;
    return usual + (this.#figures.numbers[row + LATENCY]! - usual) * this.#weight(row, now, knobs);
  }

  #usual(knobs: PeakEwmaKnobs): Millis {
    const { latency } = this.#fleet;
    return latency.known ? latency.value : knobs.initialLatency;
  }

  observe(row: Row, outcome: Outcome, elapsed: Millis, now: Millis): void {
    switch (outcome.kind) {
      case 'success':
        return this.#sample(row, elapsed, now);
      case 'failure':
        return this.#sample(row, Math.max(elapsed, this.#knobs().failurePenalty), now);
      case 'overload': {
        const asked = Math.min(outcome.retryAfter ?? 0, LONGEST_RETRY_AFTER);
        return this.#sample(row, Math.max(elapsed, asked, this.#knobs().failurePenalty), now);
      }
      case 'cancelled':
        // It would have taken longer; how much longer nobody knows.
        if (outcome.outrun && elapsed > this.latency(row, now)) this.#sample(row, elapsed, now);
        return;
      case 'local':
        return;
    }
  }

  queue(row: Row): number {
    return this.#figures.numbers[row + IN_FLIGHT]!;
  }

  reported(): void {}

  adopt(row: Row, before: Load, now: Millis): void {
    if (!this.#figures.isMeasured(row)) return;
    const latency = before.latency(row, now);
    this.#figures.forget(row);
    this.#sample(row, latency, now);
  }

  #sample(row: Row, latency: Millis, now: Millis): void {
    const { numbers } = this.#figures;
    const peak = numbers[row + LATENCY]!;
    const kept = this.#weight(row, now, this.#knobs());
    numbers[row + LATENCY] = this.#figures.isMeasured(row) ? Math.max(latency, peak * kept + latency * (1 - kept)) : latency;
    numbers[row + SAMPLED_AT] = now;
  }

  #weight(row: Row, now: Millis, knobs: PeakEwmaKnobs): number {
    return decay((now - this.#figures.numbers[row + SAMPLED_AT]!) / knobs.decay);
  }
}
