/**
 * Stalls: since when this process has not looked at its sockets.
 *
 * Node runs timers first, then what came in. So when the event loop stood still for 300 ms (a collection, a large JSON, a machine that
 * gives no time), timeouts fire although their answers are there to be read, and answers that are read look 300 ms slow. Neither is the
 * fault of any endpoint.
 *
 * A background timer is due every 20 ms while anybody waits for an answer. Where it is overdue, the loop stood still at some time since it fired
 * last; and what is read until the loop has turned once more may have come at any time since then.
 *
 *     fires ───due──────stall──────▶ fires, late ──what came in meanwhile──▶ next turn: as usual again
 *
 * With nobody waiting there is no timer, and the process may sleep.
 */
import type { Clock, Millis, Timer } from './clock.ts';

const PERIOD: Millis = 20;
/** What a timer may be late without anybody noticing. */
const NOTICED: Millis = 10;

export class Stalls {
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #dueAt: Millis = Infinity;
  /** What has come in since then is being read; Infinity where the loop runs as it should. */
  #backlogFrom: Millis = Infinity;
  #waiting = 0;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Somebody waits for an answer from now on. */
  begin(now: Millis): void {
    this.#waiting += 1;
    if (this.#timer === undefined && !this.#closed) this.#arm(now, PERIOD);
  }

  /** It has come, or is not waited for any more. */
  end(): void {
    this.#waiting -= 1;
  }

  /** Since when nothing was read that came in; `now` where the loop runs as it should. */
  since(now: Millis): Millis {
    if (this.#backlogFrom !== Infinity) return this.#backlogFrom;
    return now - this.#dueAt >= NOTICED ? this.#dueAt - PERIOD : now;
  }

  /** For how long the loop has certainly not turned; 0 where it runs as it should. */
  late(now: Millis): Millis {
    const from = this.since(now);
    return from === now ? 0 : now - from - PERIOD;
  }

  /** Leaves no timer behind. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#dueAt = this.#backlogFrom = Infinity;
  }

  #arm(now: Millis, delay: Millis): void {
    this.#dueAt = now + delay;
    this.#timer = this.#clock.after(delay, this.#fire, 'background');
  }

  readonly #fire = (): void => {
    const now = this.#clock.now();
    if (now - this.#dueAt >= NOTICED) {
      this.#backlogFrom = Math.min(this.#backlogFrom, this.#dueAt - PERIOD);
      return this.#arm(now, 0);
    }
    this.#backlogFrom = Infinity;
    this.#timer = undefined;
    this.#dueAt = Infinity;
    if (this.#waiting > 0) this.#arm(now, PERIOD);
  };
}
