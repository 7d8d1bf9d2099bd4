/**
 * Load: how busy an endpoint is, judged by what this process has seen of it. Each kind of balancer judges in its own way; a cluster has
 * one, and every node has a row of figures for it.
 *
 * Only a success says how long work takes. A failure or an overload never makes an endpoint look better than it did, `local` and
 * `cancelled` say nothing at all, and asking changes nothing.
 */
import type { Millis } from '../core/clock.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Figures, Row } from './figures.ts';
import type { Fleet } from './fleet.ts';
import type { Shares } from './shares.ts';

/**
 * The most that a Retry-After counts, as in Linkerd (`load-biaser-max-retry-after`): a server that asks for a day, by mistake
 * or by malice, is asked again before that.
 */
export const LONGEST_RETRY_AFTER: Millis = 300_000;

/** What a cluster knows of its endpoints, of each and of all. */
export interface Knowledge {
  readonly figures: Figures;
  readonly fleet: Fleet;
  readonly shares: Shares;
}

export interface Load {
  /**
   * Writes how busy each of the first `count` is, by their rows, to `loads`; smaller is freer. All of a pick at once: a fraction that a function returns is put on
   * the heap where the function is not inlined, and whether it is, where a pick calls ten times what calls six others, is a matter of luck.
   */
  weigh(rows: Int32Array, count: number, now: Millis, loads: Float64Array): void;
  /** What an answer is expected to take. */
  latency(row: Row, now: Millis): Millis;
  /** What came of an attempt, and after how long; `before` were in flight when it began. */
  observe(row: Row, outcome: Outcome, elapsed: Millis, now: Millis, before: number): void;
  /** How many are in flight there, as far as is known: an attempt that begins now is told of it as `before`. */
  queue(row: Row, now: Millis): number;
  /** It says how many are in flight there, from everybody. */
  reported(row: Row, inFlight: number, now: Millis): void;
  /** Latencies were estimated in another way until now: makes of that what it can. */
  adopt(row: Row, before: Load, now: Millis): void;
}
