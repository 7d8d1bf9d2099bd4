/**
 * Load: what this process has learnt of how busy an endpoint is. Each kind of balancer has its own estimate; a node keeps one.
 *
 * Only a success says how long work takes. A failure or an overload never makes an endpoint look better than it did, `local` and
 * `cancelled` say nothing at all, and asking changes nothing.
 */
import type { Millis } from '../core/clock.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Flight } from './in-flight.ts';

/**
 * The most that a Retry-After counts, as in Linkerd (`load-biaser-max-retry-after`): a server that asks for a day, by mistake
 * or by malice, is asked again before that.
 */
export const LONGEST_RETRY_AFTER: Millis = 300_000;

export interface Load {
  /** Whether `latency` is the endpoint's own, or what the fleet lets presume. */
  readonly measured: boolean;
  /** Smaller is freer. */
  load(now: Millis): number;
  /** What an answer is expected to take. */
  latency(now: Millis): Millis;
  /** What came of an attempt, and after how long. */
  observe(outcome: Outcome, elapsed: Millis, now: Millis, flight: Flight): void;
  /** It is as unknown as a new one. */
  forget(): void;
  /** Takes over what an estimate of another kind knew. */
  adopt(other: Load, now: Millis): void;
}
