/**
 * Predictive: how long an answer of this endpoint would take, were it asked now.
 *
 *     score = L × ((R + 1) / (m + 1))^1.25 / max(0.001, p)²
 *
 * L, the predicted latency. Two means of it are kept: F, which follows within 300 ms, and S, which follows within 10 s. Without
 * samples F drifts to S, and S to the mean of the fleet, never to zero: an endpoint of which nothing was heard for long is
 * presumed ordinary, not infinitely fast. One that was never measured is presumed ordinary at once.
 *
 *     S' = fleet + (S − fleet)·e^(−dt/10 s)        L = S' + (F − S')·e^(−dt/300 ms)
 *
 * L is no less than the age of the oldest unanswered attempt, so a hung endpoint looks slow before its first timeout; and no
 * less than what is left of a Retry-After.
 *
 * R attempts are in flight, where m was usual when the samples were taken: the latency is that of a queue of m, and what is in
 * flight now says what the next queue will be. The exponent overstates that a little, as what others sent is not seen.
 *
 * p, the share of attempts that succeed; without samples it drifts to 1 within 10 s. A failure never enters F or S, else an
 * endpoint that refuses in 1 ms looks like the fastest one (test/simulation/one-bad-endpoint.test.ts).
 *
 * The trade: it sends unequal numbers of requests to endpoints of unequal speed, which is what it is for, and is wrong where
 * requests are counted or cached by endpoint. What is measured is divided by the usual latency of its route, so that an endpoint
 * that happened to get the slow requests does not look slow.
 *
 * Least predicted response time with a memory of good endpoints (predictive-picker.ts): the normalised queue is Prequal's and C3's
 * idea (NSDI '24, '15), the memory Mitzenmacher, Prabhakar and Shah's (2002), the local view that need not be fresh LSQ's (2020).
 */
import type { Millis } from '../core/clock.ts';
import type { Outcome } from '../core/outcome.ts';
import type { PredictiveKnobs } from '../core/policy.ts';
import { decay } from './decay.ts';
import type { Fleet } from './fleet.ts';
import type { Flight, InFlight } from './in-flight.ts';
import { LONGEST_RETRY_AFTER, type Load } from './load.ts';
import type { Share } from './shares.ts';

/** What is known of an instant's queue is old after this; a pause of a collector takes about as long. */
const FAST: Millis = 300;
/** How long an endpoint keeps its character. */
const SLOW: Millis = 10_000;
/**
 * How long a failure is held against it. With 5 s, 50 clients of ten black holes among fifty endpoints lose 1.1 % of their calls, with 10 s
 * 0.7 %; counting a failure twice does the same, but makes more of a shared outage (test/simulation/many-bad-endpoints.test.ts).
 */
const FORGIVING: Millis = 10_000;
/** The least share of a sample in F, in S, and in p: twenty samples make S forget, ten p. */
const FAST_SHARE = 0.3;
const SLOW_SHARE = 0.05;
const SUCCESS_SHARE = 0.1;
/** A score may not become nothing, or how many are in flight would not matter any more: at 10 µs nothing is measured here. */
const LEAST_LATENCY: Millis = 0.01;
/** Squared, a million: as good as never, and still comparable. */
const LEAST_SUCCESS = 0.001;

export class Predictive implements Load {
  readonly #knobs: () => PredictiveKnobs;
  readonly #fleet: Fleet;
  readonly #inFlight: InFlight;
  readonly #share: Share;
  #samples = 0;
  #sampledAt: Millis = 0;
  /** F, S and m as of `#sampledAt`. */
  #fast: Millis = 0;
  #slow: Millis = 0;
  #queue = 0;
  /** p as of `#triedAt`. */
  #success = 1;
  #triedAt: Millis = 0;
  /** Until when it asked to be left alone. */
  #restsUntil: Millis = -Infinity;

  constructor(knobs: () => PredictiveKnobs, fleet: Fleet, inFlight: InFlight, share: Share) {
    this.#knobs = knobs;
    this.#fleet = fleet;
    this.#inFlight = inFlight;
    this.#share = share;
  }

  get measured(): boolean {
    return this.#samples > 0;
  }

  load(now: Millis): number {
    const usual = this.#samples === 0 ? (this.#fleet.queue.mean ?? 0) : this.#queue;
    const latency = Math.max(this.latency(now), this.#inFlight.oldestAge(now), this.#restsUntil - now, LEAST_LATENCY);
    const queue = this.#share.pressure(usual);
    const success = Math.max(this.#successRate(now), LEAST_SUCCESS);
    // x^1.25, without the price of a power.
    return (latency * queue * Math.sqrt(Math.sqrt(queue))) / (success * success);
  }

  latency(now: Millis): Millis {
    if (this.#samples === 0) return this.#usual();
    const elapsed = now - this.#sampledAt;
    const slow = this.#slowLatency(elapsed);
    return slow + (this.#fast - slow) * decay(elapsed / FAST);
  }

  observe(outcome: Outcome, elapsed: Millis, now: Millis, flight: Flight): void {
    switch (outcome.kind) {
      case 'success':
        this.#sample(elapsed, flight.before, now);
        return this.#try(1, now);
      case 'overload':
        this.#restsUntil = now + Math.min(outcome.retryAfter ?? 0, LONGEST_RETRY_AFTER);
        return this.#try(0, now);
      case 'failure':
        return this.#try(0, now);
      case 'cancelled':
        return outcome.outrun ? this.#outrun(elapsed, flight.before, now) : undefined;
      case 'local':
        return;
    }
  }

  forget(): void {
    this.#samples = 0;
    this.#success = 1;
    this.#restsUntil = -Infinity;
  }

  adopt(other: Load, now: Millis): void {
    if (other.measured) this.#sample(other.latency(now), this.#inFlight.count, now);
  }

  #sample(latency: Millis, queue: number, now: Millis): void {
    const elapsed = now - this.#sampledAt;
    if (this.#samples === 0) {
      this.#fast = this.#slow = latency;
      this.#queue = queue;
    } else {
      const fast = this.latency(now);
      const slow = this.#slowLatency(elapsed);
      const share = Math.max(this.#samples < 20 ? 1 / (this.#samples + 1) : 0, SLOW_SHARE, 1 - decay(elapsed / SLOW));
      this.#slow = slow + share * (latency - slow);
      this.#fast = fast + Math.max(FAST_SHARE, 1 - decay(elapsed / FAST)) * (latency - fast);
      this.#queue += share * (queue - this.#queue);
    }
    this.#samples += 1;
    this.#sampledAt = now;
  }

  /** An answer would have taken longer than this. How much longer nobody knows, so it never makes the endpoint look better. */
  #outrun(waited: Millis, queue: number, now: Millis): void {
    if (waited <= this.latency(now)) return;
    this.#sample(waited, queue, now);
    // What takes long with a short queue takes long without one: believed as quickly as the latency. Hedges keep the queue short.
    if (queue < this.#queue) this.#queue += FAST_SHARE * (queue - this.#queue);
  }

  #try(succeeded: number, now: Millis): void {
    const before = this.#successRate(now);
    const after = before + SUCCESS_SHARE * (succeeded - before);
    this.#success = after > 1 - 1e-4 ? 1 : after;
    this.#triedAt = now;
  }

  #slowLatency(elapsed: Millis): Millis {
    const usual = this.#usual();
    return usual + (this.#slow - usual) * decay(elapsed / SLOW);
  }

  #successRate(now: Millis): number {
    // Nearly always.
    if (this.#success === 1) return 1;
    return 1 - (1 - this.#success) * decay((now - this.#triedAt) / FORGIVING);
  }

  #usual(): Millis {
    return this.#fleet.latency.mean ?? this.#knobs().initialLatency;
  }
}
