/**
 * How much of its time the event loop of this process works: what Node has in the place of a processor's utilisation, since one thread does
 * the work of all requests. A port, as time is.
 */
import type { Millis } from '../core/clock.ts';

/** Both since the process began; only differences mean something. */
export interface LoopTimes {
  readonly active: Millis;
  readonly idle: Millis;
}

export type LoopMeter = () => LoopTimes;

// eslint-disable-next-line no-restricted-globals -- no clock: it says what share of the time was worked, and nothing is decided by it that a test would have to wait for
export const systemLoop: LoopMeter = () => performance.eventLoopUtilization();
