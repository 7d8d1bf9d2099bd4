/**
 * Time, as a port. Nothing else in the library reads a clock or arms a timer, so everything that decides runs in
 * virtual time in the tests.
 */
import { performance } from 'node:perf_hooks';

/** A length of time, or an instant on `Clock.now()`'s scale, in milliseconds; fractions are kept. */
export type Millis = number;

export interface Timer {
  /** After this the timer does not fire. Cancelling twice, or after it fired, does nothing. */
  cancel(): void;
}

export interface Clock {
  /** Monotonic: only differences mean something. */
  now(): Millis;
  /** Since the Unix epoch. It jumps when somebody sets the clock: only for what people and other machines read. */
  wall(): Millis;
  /**
   * Calls `fire` once, not before `delay` has passed, never synchronously. A timer keeps the process alive, unless it is a
   * `background` one: what nobody waits for must not hold a process open.
   */
  after(delay: Millis, fire: () => void, kind?: 'background'): Timer;
}

/** setTimeout takes a signed 32-bit number and turns anything larger into 1 ms. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(delay, fire, kind) {
    const timeout = setTimeout(fire, Math.min(Math.ceil(delay), LONGEST_TIMEOUT));
    if (kind === 'background') timeout.unref();
    return { cancel: () => clearTimeout(timeout) };
  },
};
