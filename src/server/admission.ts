/**
 * Admission: how many requests this process serves at one time.
 *
 *     a request of one tier is let in while inFlight < ⌈limit · share of the tier⌉
 *
 * The limit finds itself, by how much slower answers get the more of them are under way (policies/adaptive-limit.ts, as on the side of the
 * client), and the shares leave the last places to those that matter most (policies/tier-shares.ts): `critical-plus` is shed last.
 *
 * There is no queue. Whoever is turned away here is turned away at once, and can be served by another process before this one had time for
 * him; who waits, waits where he comes from, in order of how much he matters.
 *
 * An answer's time is that from the beginning of its handler to its headers. It is lost where it was too late: the handler answered with 504, or the
 * client left as its time was over. Failures come at any speed and say nothing; a 503 of a handler is about somebody behind it.
 *
 * What it cannot see: requests that wait for the event loop to come to them at all. A service that computes for long without a pause has few
 * requests in flight however many wait; its remedy is in `application_utilization`, which clients balance by.
 */
import type { Clock, Millis } from '../core/clock.ts';
import type { Criticality } from '../core/criticality.ts';
import type { AdmissionKnobs } from '../core/inbound-policy.ts';
import { AdaptiveLimit, type AdaptiveSnapshot } from '../policies/adaptive-limit.ts';
import { TierShares } from '../policies/tier-shares.ts';

/** 10 · (0.7 / 0.7 …) may be 7.000000000000001 in binary, and is seven places. */
const ROUNDING = 1e-9;

/** A client's clock says that his time is over when ours says that a little is left, for his request took as long to come. */
const ON_ITS_WAY: Millis = 20;

export class Admission {
  readonly #shares = new TierShares();
  readonly #limit: AdaptiveLimit;

  constructor(clock: Clock) {
    this.#limit = new AdaptiveLimit(clock);
  }

  /** Whether there is a place for one more. */
  hasPlace(criticality: Criticality, inFlight: number, now: Millis, knobs: AdmissionKnobs): boolean {
    this.#shares.came(criticality, now);
    return inFlight < Math.ceil(this.#limit.places(knobs, knobs.max) * this.#shares.of(criticality, now) - ROUNDING);
  }

  /** A handler has answered after so long, one of so many in flight. */
  answered(status: number, latency: Millis, inFlight: number, now: Millis, knobs: AdmissionKnobs): void {
    if (status === 504) this.#limit.sampled(Infinity, inFlight, now, knobs, knobs.max);
    else if (status < 500) this.#limit.sampled(latency, inFlight, now, knobs, knobs.max);
  }

  /** A client has left without an answer; `deadline` is his. */
  left(deadline: Millis, inFlight: number, now: Millis, knobs: AdmissionKnobs): void {
    if (now >= deadline - ON_ITS_WAY) this.#limit.sampled(Infinity, inFlight, now, knobs, knobs.max);
  }

  snapshot(knobs: AdmissionKnobs): AdaptiveSnapshot {
    return this.#limit.snapshot(knobs, knobs.max);
  }
}
