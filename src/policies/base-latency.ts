/**
 * BaseLatency: what a call takes while nobody waits for anybody. It cannot be seen under load, so every ten seconds of use the
 * limit *dips*, for a window of at least 200 ms and 100 calls, and its median is remembered; of the last five, the least counts.
 *
 *     dip = 0.6 · (limit − √limit)                                     base = min of the last 5 dips
 *
 * It must not run away: a base that is measured a little too high lets the limit grow until calls wait longer, and then the
 * next one is higher still. Behind a server that serves C calls a millisecond, calls take L/C once all of it is busy, and the
 * gradient (adaptive-limit.ts) rests at L = tolerance · base · C + √L. The next base is therefore at most
 * 0.6 · (L − √L) / C = 0.6 · 1.5 = 0.9 of this one: it falls until calls no longer wait in a dip. Without the √L in it, that is
 * untrue of every limit below 100 (test/simulation/overload-runaway.test.ts shows both, and a base that may drift up).
 *
 * Dips begin at the tens of seconds of the time of day, for all clients of a server at once: a queue that twenty clients keep full
 * does not get any shorter when one of them holds back, and each would take the others' calls for the server's own slowness
 * (the same test). Clocks need not agree to more than a part of a dip, and whoever's does not is merely not helped.
 *
 * Before a dip counts, the calls from before it must be gone: for that long, nothing is measured. And the least of five medians is
 * only as good as the worst of them: where latencies spread widely, as they do, one of 20 calls is off by a half now and then,
 * and a base that is too low keeps calls out that could be served.
 */
import type { Clock, Millis } from '../core/clock.ts';

const DIP = 0.6;
const EVERY: Millis = 10_000;
const DIPS_KEPT = 5;

type Phase =
  /** Until `at`; not fixed before the first window after a dip, so that dips are never one upon another. */
  | { readonly kind: 'free'; at: Millis | undefined }
  | { readonly kind: 'draining'; readonly until: Millis }
  | { readonly kind: 'measuring' };

export class BaseLatency {
  readonly #clock: Clock;
  readonly #dips: Millis[] = [];
  /** The first call begins the first dip. */
  #phase: Phase = { kind: 'measuring' };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Undefined before the first dip is over. */
  get value(): Millis | undefined {
    return this.#dips.length === 0 ? undefined : Math.min(...this.#dips);
  }

  get phase(): Phase['kind'] {
    return this.#phase.kind;
  }

  /** What of a limit may be used now. */
  part(limit: number): number {
    return this.#phase.kind === 'free' ? limit : DIP * (limit - Math.sqrt(limit));
  }

  /** Goes on to the next phase where it is time; true: it did, and a window begins anew. `latency` is what calls take now. */
  passed(now: Millis, latency: Millis): boolean {
    const phase = this.#phase;
    if (phase.kind === 'free' && phase.at !== undefined && now >= phase.at) this.#phase = { kind: 'draining', until: now + latency };
    else if (phase.kind === 'draining' && now >= phase.until) this.#phase = { kind: 'measuring' };
    else return false;
    return true;
  }

  /** A window is over. True: it was that of a dip, and says nothing about the limit. */
  takes(median: Millis, now: Millis): boolean {
    const phase = this.#phase;
    if (phase.kind === 'free') phase.at ??= now + EVERY - (this.#clock.wall() % EVERY);
    // Where most are lost even so, there is no latency to measure, and the limit is far too high.
    if (phase.kind !== 'measuring' || median === Infinity) return false;
    if (this.#dips.push(median) > DIPS_KEPT) this.#dips.shift();
    this.#phase = { kind: 'free', at: undefined };
    return true;
  }
}
