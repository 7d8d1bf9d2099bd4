/**
 * Exact counts of successes and failures over the last while.
 *
 * Counts, not averages, decide about health: "a tight burst gives each sample almost no weight and can hide a total outage.
 * Exact counts over a fixed window have no such blind spot" (linkerd2-proxy, breaker/success_rate.rs). And a window that
 * rolls by the time gone by, not by one bucket per event: cockatiel's SamplingBreaker still counts failures of an hour ago
 * after an hour of silence.
 *
 * The window is a ring of ten buckets, so what is counted is between 9/10 and the whole of it. `now` is an argument. The ring is made with the first
 * count: a mesh has some for each of hundreds of services, and most of them never count anything.
 */
import type { Millis } from './clock.ts';

const BUCKETS = 10;

export class OutcomeWindow {
  /** Successes of each bucket, then failures of each. Small numbers in an array take less than half of what typed arrays do. */
  #counts: number[] | undefined;
  /** Index of the current bucket on an endless scale: floor(now / width). */
  #current = -1;
  #width: Millis = 0;
  #successCount = 0;
  #failureCount = 0;

  record(failed: boolean, now: Millis, window: Millis): void {
    const counts = (this.#counts ??= new Array<number>(2 * BUCKETS).fill(0));
    this.#roll(counts, now, window);
    const bucket = this.#current % BUCKETS;
    if (failed) {
      counts[BUCKETS + bucket]! += 1;
      this.#failureCount += 1;
    } else {
      counts[bucket]! += 1;
      this.#successCount += 1;
    }
  }

  /** What was counted as a success turned out a failure: its body broke off. */
  revise(now: Millis, window: Millis): void {
    this.record(true, now, window);
    const counts = this.#counts!;
    for (let age = 0; age < BUCKETS; age += 1) {
      const bucket = (this.#current + BUCKETS - age) % BUCKETS;
      if (counts[bucket] === 0) continue;
      // Nearly always its own bucket; if it has left the window, one that stands for it.
      counts[bucket]! -= 1;
      this.#successCount -= 1;
      return;
    }
  }

  successes(now: Millis, window: Millis): number {
    if (this.#counts !== undefined) this.#roll(this.#counts, now, window);
    return this.#successCount;
  }

  failures(now: Millis, window: Millis): number {
    if (this.#counts !== undefined) this.#roll(this.#counts, now, window);
    return this.#failureCount;
  }

  clear(): void {
    this.#counts?.fill(0);
    this.#successCount = 0;
    this.#failureCount = 0;
  }

  /** Forgets what has left the window. Idempotent for one `now`, so reading changes no later answer. */
  #roll(counts: number[], now: Millis, window: Millis): void {
    const width = window / BUCKETS;
    if (width !== this.#width) {
      // A reload changed the window. The counts have no place on the new scale; they go into its present bucket and age from here.
      const [successes, failures] = [this.#successCount, this.#failureCount];
      this.clear();
      this.#width = width;
      this.#current = Math.floor(now / width);
      counts[this.#current % BUCKETS] = this.#successCount = successes;
      counts[BUCKETS + (this.#current % BUCKETS)] = this.#failureCount = failures;
      return;
    }
    const current = Math.floor(now / width);
    const steps = Math.min(current - this.#current, BUCKETS);
    for (let step = 1; step <= steps; step += 1) {
      const bucket = (current - steps + step) % BUCKETS;
      this.#successCount -= counts[bucket]!;
      this.#failureCount -= counts[BUCKETS + bucket]!;
      counts[bucket] = counts[BUCKETS + bucket] = 0;
    }
    if (steps > 0) this.#current = current;
  }
}
