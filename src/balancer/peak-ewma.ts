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
import type { PeakEwmaKnobs } from '../core/policy.ts';
import type { Fleet } from './fleet.ts';
import type { InFlight } from './in-flight.ts';
import { LONGEST_RETRY_AFTER, type Load } from './load.ts';
import type { Share } from './shares.ts';

export class PeakEwma implements Load {
  readonly #knobs: () => PeakEwmaKnobs;
  readonly #fleet: Fleet;
  readonly #inFlight: InFlight;
  readonly #share: Share;
  /** Negative: not yet measured. A number all along, so that V8 keeps one shape. */
  #estimate: Millis = -1;
  #sampledAt: Millis = 0;

  /** Knobs are asked for when they are used, so a policy reload is felt at once and forgets nothing. */
  constructor(knobs: () => PeakEwmaKnobs, fleet: Fleet, inFlight: InFlight, share: Share) {
    this.#knobs = knobs;
    this.#fleet = fleet;
    this.#inFlight = inFlight;
    this.#share = share;
  }

  get measured(): boolean {
    return this.#estimate >= 0;
  }

  /** Smaller is freer. Asking changes nothing. */
  load(now: Millis): number {
    return Math.max(this.latency(now), this.#inFlight.oldestAge(now)) * this.#share.pressure(0);
  }

  /** What an answer is expected to take. */
  latency(now: Millis): Millis {
    const knobs = this.#knobs();
    const usual = this.#fleet.latency.mean ?? knobs.initialLatency;
    if (this.#estimate < 0) return usual;
    return usual + (this.#estimate - usual) * this.#weight(now, knobs);
  }

  /** What came of an attempt, and after how long. */
  observe(outcome: Outcome, elapsed: Millis, now: Millis): void {
    switch (outcome.kind) {
      case 'success':
        return this.#sample(elapsed, now);
      case 'failure':
        return this.#sample(Math.max(elapsed, this.#knobs().failurePenalty), now);
      case 'overload': {
        const asked = Math.min(outcome.retryAfter ?? 0, LONGEST_RETRY_AFTER);
        return this.#sample(Math.max(elapsed, asked, this.#knobs().failurePenalty), now);
      }
      case 'cancelled':
        // It would have taken longer; how much longer nobody knows.
        if (outcome.outrun && elapsed > this.latency(now)) this.#sample(elapsed, now);
        return;
      case 'local':
        return;
    }
  }

  /** It is as unknown as a new one. */
  forget(): void {
    this.#estimate = -1;
  }

  adopt(other: Load, now: Millis): void {
    if (other.measured) this.#sample(other.latency(now), now);
  }

  #sample(latency: Millis, now: Millis): void {
    const weight = this.#weight(now, this.#knobs());
    this.#estimate = this.#estimate < 0 ? latency : Math.max(latency, this.#estimate * weight + latency * (1 - weight));
    this.#sampledAt = now;
  }

  #weight(now: Millis, knobs: PeakEwmaKnobs): number {
    return Math.exp((this.#sampledAt - now) / knobs.decay);
  }
}
