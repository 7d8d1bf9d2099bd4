/**
 * The knobs that decide how much is sent: how many calls at a time, how many of those a service would refuse, how many a second.
 * Defaults are in policy.ts.
 */
import type { Millis } from './clock.ts';
import type { Mode, Switchable } from './switchable.ts';

/** A concurrency limit that finds itself. */
export interface AdaptiveKnobs {
  /** `gradient`: by how much slower the service gets · `aimd`: by what times out or is refused. */
  readonly type: 'gradient' | 'aimd';
  /** It never falls below this: a few calls must go on, or nothing could be learnt. Each process of a fleet has them. */
  readonly min: number;
  /** What it begins with. */
  readonly initial: number;
  /** `gradient` holds the limit where calls take this many times as long as they need. */
  readonly tolerance: number;
}

export interface ConcurrencyKnobs {
  /** Calls of this service in flight. */
  readonly max: number;
  /** Calls that wait for their turn; for one more, the least critical fails with OVERLOADED. */
  readonly queue: number;
  readonly adaptive: Switchable<AdaptiveKnobs>;
  readonly mode: Mode;
}

export interface ThrottleKnobs {
  /** Calls that are sent for each one that the service accepts; at least 1. */
  readonly k: number;
  /** What is counted: the calls of this last while. */
  readonly window: Millis;
  /** With fewer calls than this in it, nothing is throttled. */
  readonly minRequests: number;
  /** Largest share of the calls that is not sent. */
  readonly maxRejection: number;
  readonly mode: Mode;
}

export interface RateLimitKnobs {
  /** Calls per second. */
  readonly rate: number;
  /** Calls at once, after a while without any. */
  readonly burst: number;
  readonly mode: Mode;
}
