/**
 * AdaptiveLimit: a concurrency limit that nobody has to know. Windows of at least 100 ms and 20 calls (sample-window.ts) move it:
 *
 *     gradient    g     = clamp(tolerance · base / median, ½, 1)
 *                 limit ← 0.8 · limit + 0.2 · (g · limit + √limit)          0.9 · limit where most were lost
 *     aimd        limit ← 0.9 · limit where more than 1 % were lost, else limit + 1
 *
 * It grows only in windows in which half of it was in use: where nobody comes near a limit, nothing says that it could be
 * higher (concurrency-limits#134 crept up for ever). It never falls below `min` nor rises above `concurrency.max`.
 *
 * `base` is what a call takes while nobody waits (base-latency.ts). So `gradient` sees a queue form, and holds the limit where
 * calls take about half as long again as they need (1.5 and the √limit that lets it grow at all); `aimd` sees only what was lost,
 * and goes up and down around the point where the service begins to lose. (Gradient and headroom are Netflix's and Envoy's;
 * they have an average over ten minutes or a limit pinned to 3 for a base, for which see the same file.)
 *
 * There is no timer, and no call, no change: all is reckoned when a call ends. A window is also no shorter than a call takes, up
 * to a second, so that what a change did is seen before the next.
 */
import type { Clock, Millis } from '../core/clock.ts';
import type { AdaptiveKnobs } from '../core/policy.ts';
import { BaseLatency } from './base-latency.ts';
import { SampleWindow } from './sample-window.ts';

/** Of a window: so many calls, and so long; in a dip, more of both. */
const CALLS = 20;
const SHORTEST: Millis = 100;
const CALLS_IN_DIP = 100;
const SHORTEST_IN_DIP: Millis = 200;
/** No window need be longer than this for the sake of slow calls. */
const LONGEST: Millis = 1_000;

/** How much of what a window says is believed at once. */
const BELIEVED = 0.2;
const LEAST = 0.5;
const BACKOFF = 0.9;
const LOST_AT_MOST = 0.01;

/** What the limit knows, as plain data for `inspect()`. */
export interface AdaptiveSnapshot {
  readonly type: 'gradient' | 'aimd';
  readonly limit: number;
  /** What a call takes while nobody waits, as far as is known; `gradient` alone asks. */
  readonly base: Millis | undefined;
  /** Calls that ended in the present window. */
  readonly samples: number;
}

export class AdaptiveLimit {
  readonly #base: BaseLatency;
  readonly #window = new SampleWindow();
  /** Not rounded; undefined before anybody asked. */
  #limit: number | undefined;
  /** What calls took lately, as far as the length of a window goes. */
  #latency: Millis = 0;

  constructor(clock: Clock) {
    this.#base = new BaseLatency(clock);
  }

  /** Calls that may be in flight now. */
  places(knobs: AdaptiveKnobs, max: number): number {
    const limit = this.#within(knobs, max);
    return bounded(Math.floor(knobs.type === 'gradient' ? this.#base.part(limit) : limit), knobs, max);
  }

  /** An answer has come, after `latency`, to one of so many calls in flight; Infinity: it timed out, or was refused. */
  sampled(latency: Millis, inFlight: number, now: Millis, knobs: AdaptiveKnobs, max: number): void {
    const gradient = knobs.type === 'gradient';
    if (gradient && this.#base.passed(now, this.#latency)) this.#window.start(now);
    if (gradient && this.#base.phase === 'draining') return;
    this.#window.add(latency, inFlight, now);
    // Where most are lost there is nothing to measure, and no time to lose.
    const dip = gradient && this.#base.phase === 'measuring' && this.#window.lost <= 0.5;
    if (!this.#window.over(now, dip ? CALLS_IN_DIP : CALLS, Math.max(dip ? SHORTEST_IN_DIP : SHORTEST, this.#latency))) return;

    const median = this.#window.median();
    if (median !== Infinity) this.#latency = Math.min(LONGEST, median);
    if (!gradient || !this.#base.takes(median, now)) this.#judge(median, knobs, max);
    this.#window.start(now);
  }

  snapshot(knobs: AdaptiveKnobs, max: number): AdaptiveSnapshot {
    return { type: knobs.type, limit: this.#within(knobs, max), base: this.#base.value, samples: this.#window.count };
  }

  #judge(median: Millis, knobs: AdaptiveKnobs, max: number): void {
    const limit = this.#within(knobs, max);
    const next = knobs.type === 'aimd' ? aimd(limit, this.#window.lost) : gradient(limit, median, this.#base.value, knobs.tolerance);
    if (next > limit && this.#window.used < limit / 2) return;
    this.#limit = bounded(next, knobs, max);
  }

  #within(knobs: AdaptiveKnobs, max: number): number {
    return bounded((this.#limit ??= knobs.initial), knobs, max);
  }
}

function gradient(limit: number, median: Millis, base: Millis | undefined, tolerance: number): number {
  // Nobody is served: there is nothing to make headroom for.
  if (median === Infinity) return (1 - BELIEVED + BELIEVED * LEAST) * limit;
  const g = base === undefined || median <= tolerance * base ? 1 : Math.max(LEAST, (tolerance * base) / median);
  return (1 - BELIEVED) * limit + BELIEVED * (g * limit + Math.sqrt(limit));
}

function aimd(limit: number, lost: number): number {
  return lost > LOST_AT_MOST ? limit * BACKOFF : limit + 1;
}

/** Where the two contradict each other, as `max` was lowered by a reload, `max` holds. */
function bounded(limit: number, { min }: AdaptiveKnobs, max: number): number {
  return Math.min(max, Math.max(min, limit));
}
