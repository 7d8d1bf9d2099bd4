/**
 * How long an attempt is waited for before another one is sent beside it.
 *
 *     auto     min(1.1 × p99, 3 × p50)          p95     the 95th percentile          50ms     that
 *
 * A hedge at p99 is wanted by one call in a hundred. But a burst of slow answers moves a percentile of the last half minute
 * to seconds, and would switch hedging off just when it is needed: hence the median, which such a burst does not move. Of a service
 * whose latencies spread widely `auto` wants more hedges than `extraLoad` pays for; those that are sent are still of slow calls.
 * A percentile that somebody chose is taken at his word.
 *
 * With too few measurements there is no delay, and no hedge: a service that is called less than once a second or so needs a fixed one.
 */
import type { Millis } from '../core/clock.ts';
import type { HedgeDelay } from '../core/policy.ts';
import { LatencyWindow } from '../core/latency-window.ts';

/** Fewer say nothing about a median … */
const SAMPLES_AT_LEAST = 20;
/** A delay is worked out this often; Finagle does every three seconds. */
const REFRESH: Millis = 1_000;
/** Finagle's, too: for a service whose percentile is next to nothing, there is still something to gain above it. */
const SHORTEST: Millis = 1;

export class HedgeDelays {
  /** Made with the first measurement: it is the largest thing that a service has, and few services are hedged. */
  #latencies: LatencyWindow | undefined;
  #of: HedgeDelay | undefined;
  #delay: Millis | undefined;
  #refreshAt: Millis = -Infinity;

  /** An attempt took this long to its response headers; or at least this long, where it was not waited for any longer. */
  record(latency: Millis, now: Millis): void {
    (this.#latencies ??= new LatencyWindow()).record(latency, now);
  }

  /** Undefined while too little is known. */
  delay(after: HedgeDelay, now: Millis): Millis | undefined {
    if (typeof after === 'number') return after;
    if (now >= this.#refreshAt || after !== this.#of) {
      this.#of = after;
      this.#refreshAt = now + REFRESH;
      this.#delay = this.#measured(after, now);
    }
    return this.#delay;
  }

  #measured(after: Exclude<HedgeDelay, Millis>, now: Millis): Millis | undefined {
    const latencies = this.#latencies;
    if (latencies === undefined) return undefined;
    const count = latencies.count(now);
    if (count < SAMPLES_AT_LEAST) return undefined;
    if (after === 'auto') return Math.max(SHORTEST, Math.min(1.1 * latencies.percentile(0.99, now), 3 * latencies.percentile(0.5, now)));
    const share = Number(after.slice(1)) / 100;
    // … and a percentile beyond which there is none is the slowest, not the percentile.
    if (count * (1 - share) < 1) return undefined;
    return Math.max(SHORTEST, latencies.percentile(share, now));
  }
}
