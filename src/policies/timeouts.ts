/**
 * Timeouts: very many instants that hardly ever come, for the price of a list entry each.
 *
 * Nearly every deadline and attempt timeout is taken back long before it is due, so beginning and ending one must be cheap
 * and being exact to the microsecond is worth nothing. Calls of a service share their durations, and what begins later is
 * due later: each duration has a list in order of beginning, entries join at the tail and leave from anywhere, both in O(1),
 * and one clock timer waits for the earliest head of all lists. It is armed lazily: when the entry it was armed for has left,
 * it fires once for nothing and is armed for the next head, if there is one. (Varghese and Lauck 1987, scheme 2, one list
 * per duration; Node keeps its own timers so, lib/internal/timers.js. About 50 ns here against 300 ns for set and clear there.)
 *
 * Durations are not always the same: callers bring their own. Below 256 ms they share a list by the millisecond, above with
 * durations up to 1/128 longer, so an entry fires less than 1 ms or 0.8 % late and there can be no more than some 3,000 lists.
 *
 * The timer is a background one: a call in flight holds a socket, a backoff or a place in a queue, and those decide whether
 * the process stays alive.
 */
import type { Clock, Millis, Timer } from '../core/clock.ts';
import type { Stalls } from '../core/stalls.ts';

/** A pause of this process shorter than this is everyday life (garbage collection, a large JSON) … */
const STALL_AT_LEAST: Millis = 100;
/** … and one that is short beside the timeout left the other side nearly all of its time. */
const STALL_SHARE = 0.1;

/**
 * Whether a timeout fired so late that this process, not the other side, is to blame: while our event loop stood still, an
 * answer may have come and could not be read.
 */
export function stalled(late: Millis, duration: Millis): boolean {
  return late >= STALL_AT_LEAST && late >= duration * STALL_SHARE;
}

/** An entry, which the layer that needs it extends with what it knows. */
export abstract class Timeout {
  /** Neighbours in the list; itself while it stands in none. Only Timeouts touches these three. */
  previous: Timeout = this;
  next: Timeout = this;
  due: Millis = 0;

  /** Its time is over, by `late`, or for so long this process has not read what came in. It stands in no list any more. Must not throw. */
  abstract expired(late: Millis): void;
}

/** The ends of a list, so that no entry is a special case. */
class Ends extends Timeout {
  override expired(): void {}
}

export class Timeouts {
  readonly clock: Clock;
  /** Of this process; where they are not known, only a timeout that fires late itself is seen to be our own doing. */
  readonly stalls: Stalls | undefined;
  readonly #lists = new Map<number, Ends>();
  #size = 0;
  #timer: Timer | undefined;
  #armedFor: Millis = Infinity;
  readonly #fired = (): void => this.#fire();

  constructor(clock: Clock, stalls?: Stalls) {
    this.clock = clock;
    this.stalls = stalls;
  }

  /** Entries that have begun and neither expired nor ended. */
  get size(): number {
    return this.#size;
  }

  /** Expires the entry `duration` after `from`, an instant of the clock that has just been or will be now. */
  begin(timeout: Timeout, duration: Millis, from: Millis): void {
    const key = listOf(duration);
    let ends = this.#lists.get(key);
    if (ends === undefined) this.#lists.set(key, (ends = new Ends()));
    const last = ends.previous;
    timeout.due = from + duration;
    timeout.previous = last;
    timeout.next = ends;
    last.next = timeout;
    ends.previous = timeout;
    this.#size += 1;
    if (timeout.due < this.#armedFor) this.#arm(timeout.due);
  }

  /** It will not expire. Ending twice, or after it expired, does nothing. */
  end(timeout: Timeout): void {
    if (timeout.next === timeout) return;
    timeout.previous.next = timeout.next;
    timeout.next.previous = timeout.previous;
    timeout.previous = timeout.next = timeout;
    this.#size -= 1;
  }

  /** Nothing expires any more; leaves no timer behind. */
  close(): void {
    this.stalls?.close();
    this.#timer?.cancel();
    this.#armedFor = -Infinity;
  }

  #arm(due: Millis): void {
    this.#timer?.cancel();
    this.#armedFor = due;
    this.#timer = this.clock.after(Math.max(0, due - this.clock.now()), this.#fired, 'background');
  }

  #fire(): void {
    const now = this.clock.now();
    // One that is due just after a stall is not late itself, and its answer may be there all the same.
    const unread = this.stalls === undefined ? 0 : this.stalls.late(now);
    this.#armedFor = Infinity;
    try {
      for (const ends of this.#lists.values()) {
        for (let head = ends.next; head !== ends && head.due <= now; head = ends.next) {
          this.end(head);
          head.expired(Math.max(now - head.due, unread));
        }
      }
    } finally {
      // Whatever one of them does, the others have their time.
      this.#armForEarliest();
    }
  }

  #armForEarliest(): void {
    let earliest = Infinity;
    for (const [key, ends] of this.#lists) {
      if (ends.next === ends) this.#lists.delete(key);
      else earliest = Math.min(earliest, ends.next.due);
    }
    if (earliest < this.#armedFor) this.#arm(earliest);
  }
}

/** Drops all but the highest 8 bits of the whole milliseconds, so that durations less than 1/128 apart have the same key. */
function listOf(duration: Millis): number {
  const whole = Math.min(duration, 2 ** 31 - 1) | 0;
  const shift = Math.max(0, 24 - Math.clz32(whole));
  return (whole >> shift) << shift;
}
