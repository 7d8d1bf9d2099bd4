/**
 * The latencies of the last half minute, for percentiles: counts in bins that grow by 4.4 % (sixteen to an octave), in six slices
 * of five seconds of which the oldest is dropped. Finagle asks its windowed histogram about the same length of time
 * (3 × 10 s, WindowedPercentileHistogram). Recording is one logarithm and two increments; memory is fixed.
 */
import type { Millis } from './clock.ts';

const PER_OCTAVE = 16;
/** Shorter ones are in the first bin, and what took longer than 28 minutes is in the last. */
const SHORTEST: Millis = 0.05;
const BINS = PER_OCTAVE * 25;

const SLICES = 6;
const SLICE: Millis = 5_000;

export class LatencyWindow {
  readonly #slices = Array.from({ length: SLICES }, () => new Uint32Array(BINS));
  readonly #total = new Uint32Array(BINS);
  #count = 0;
  /** Index of the present slice on an endless scale. */
  #current = 0;

  record(latency: Millis, now: Millis): void {
    this.#roll(now);
    const bin = Math.min(BINS - 1, Math.max(0, Math.ceil(Math.log2(latency / SHORTEST) * PER_OCTAVE)));
    this.#slices[this.#current % SLICES]![bin]! += 1;
    this.#total[bin]! += 1;
    this.#count += 1;
  }

  count(now: Millis): number {
    this.#roll(now);
    return this.#count;
  }

  /** This share of them took no longer; at most 4.4 % more than the true one. 0 where there is none. */
  percentile(share: number, now: Millis): Millis {
    this.#roll(now);
    if (this.#count === 0) return 0;
    let left = Math.max(1, Math.ceil(share * this.#count));
    for (let bin = 0; bin < BINS; bin += 1) {
      left -= this.#total[bin]!;
      if (left <= 0) return SHORTEST * 2 ** (bin / PER_OCTAVE);
    }
    return Infinity;
  }

  #roll(now: Millis): void {
    const current = Math.floor(now / SLICE);
    for (let slice = Math.max(this.#current, current - SLICES) + 1; slice <= current; slice += 1) {
      const oldest = this.#slices[slice % SLICES]!;
      for (let bin = 0; bin < BINS; bin += 1) {
        this.#total[bin]! -= oldest[bin]!;
        this.#count -= oldest[bin]!;
      }
      oldest.fill(0);
    }
    this.#current = Math.max(this.#current, current);
  }
}
