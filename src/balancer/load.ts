/**
 * Load: how busy an endpoint is, judged by what this process has seen of it. Each kind of balancer judges in its own way; a cluster has
 * one, and every node has figures for it.
 *
 * Only a success says how long work takes. A failure or an overload never makes an endpoint look better than it did, `local` and
 * `cancelled` say nothing at all, and asking changes nothing.
 */
import type { Millis } from '../core/clock.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Figures } from './figures.ts';

/**
 * The most that a Retry-After counts, as in Linkerd (`load-biaser-max-retry-after`): a server that asks for a day, by mistake
 * or by malice, is asked again before that.
 */
export const LONGEST_RETRY_AFTER: Millis = 300_000;

export interface Load {
  /**
   * Writes how busy each of the first `count` is to `loads`; smaller is freer. All of a pick at once: a fraction that a function returns is put on
   * the heap where the function is not inlined, and whether it is, where a pick calls ten times what calls six others, is a matter of luck.
   */
  weigh(some: readonly Figures[], count: number, now: Millis, loads: Float64Array): void;
  /** What an answer is expected to take. */
  latency(figures: Figures, now: Millis): Millis;
  /** What came of an attempt, and after how long; `before` were in flight when it began. */
  observe(figures: Figures, outcome: Outcome, elapsed: Millis, now: Millis, before: number): void;
  /** How many are in flight there, as far as is known: an attempt that begins now is told of it as `before`. */
  queue(figures: Figures, now: Millis): number;
  /** It says how many are in flight there, from everybody. */
  reported(figures: Figures, inFlight: number, now: Millis): void;
  /** Latencies were estimated in another way until now: makes of that what it can. */
  adopt(figures: Figures, before: Load, now: Millis): void;
}
