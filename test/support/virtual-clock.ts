/**
 * Time that passes when a test says so. Between two timers all promises settle, so "nothing happened" is provable without
 * waiting.
 */
import type { Clock, Millis, Timer } from '../../src/core/clock.ts';

interface Pending {
  readonly at: Millis;
  readonly order: number;
  readonly background: boolean;
  readonly fire: () => void;
}

export class VirtualClock implements Clock {
  #now: Millis;
  #order = 0;
  readonly #pending = new Set<Pending>();
  readonly #epoch: Millis;

  constructor(now: Millis = 0, epoch: Millis = Date.UTC(2026, 0, 1)) {
    this.#now = now;
    this.#epoch = epoch;
  }

  now(): Millis {
    return this.#now;
  }

  wall(): Millis {
    return this.#epoch + this.#now;
  }

  after(delay: Millis, fire: () => void, kind?: 'background'): Timer {
    const pending = { at: this.#now + Math.max(0, delay), order: this.#order++, background: kind === 'background', fire };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  /** Timers that have neither fired nor been cancelled. */
  get timers(): number {
    return this.#pending.size;
  }

  /** Moves time on by `duration`, firing what falls due, in order, with all promises settled in between. */
  async advance(duration: Millis): Promise<void> {
    const until = this.#now + duration;
    await settle();
    for (;;) {
      let next: Pending | undefined;
      for (const pending of this.#pending) {
        if (pending.at > until) continue;
        if (next === undefined || pending.at < next.at || (pending.at === next.at && pending.order < next.order)) next = pending;
      }
      if (next === undefined) break;
      this.#pending.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.fire();
      await settle();
    }
    this.#now = until;
  }

  /** Moves time on without letting anything run: this process was stalled. Due timers fire late, at the next `advance`. */
  stall(duration: Millis): void {
    this.#now += duration;
  }
}

/** Lets every promise that can settle do so: a macrotask runs only when no microtask is left. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
