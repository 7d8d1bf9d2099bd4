/**
 * SampleWindow: what calls took while a limit stood still. It is over when it has lasted long enough and seen enough, and is
 * judged as a whole, by its median: an average of latencies says what the slowest of them say.
 *
 * A call that timed out, or that the service refused for want of room, counts as one that took for ever. Otherwise a service
 * all of whose calls end after the same five seconds would look like a steady one (concurrency-limits#137).
 */
import type { Millis } from '../core/clock.ts';

/** The median of more says hardly more. Where a window has more, the last of them count. */
const KEPT = 256;

export class SampleWindow {
  readonly #latencies = new Float64Array(KEPT);
  /** Undefined until the first call of the first window has ended. */
  #startedAt: Millis | undefined;
  #count = 0;
  #lost = 0;
  #used = 0;

  /** Calls that ended in it, the lost ones included. */
  get count(): number {
    return this.#count;
  }

  /** Share of them that timed out or were refused. */
  get lost(): number {
    return this.#count === 0 ? 0 : this.#lost / this.#count;
  }

  /** The most calls that were in flight at one time. */
  get used(): number {
    return this.#used;
  }

  start(now: Millis): void {
    this.#startedAt = now;
    this.#count = this.#lost = this.#used = 0;
  }

  /** One of so many in flight has its answer. `Infinity`: it was lost. */
  add(latency: Millis, inFlight: number, now: Millis): void {
    this.#startedAt ??= now;
    if (inFlight > this.#used) this.#used = inFlight;
    this.#latencies[this.#count % KEPT] = latency;
    this.#count += 1;
    if (latency === Infinity) this.#lost += 1;
  }

  /** It has so many calls, and has lasted so long. */
  over(now: Millis, calls: number, duration: Millis): boolean {
    return this.#count >= calls && this.#startedAt !== undefined && now - this.#startedAt >= duration;
  }

  /** Infinity where most were lost. To be asked once, when it is over: it sorts where they stand. */
  median(): Millis {
    const latencies = this.#latencies.subarray(0, Math.min(this.#count, KEPT)).sort();
    return latencies[latencies.length >> 1]!;
  }
}
