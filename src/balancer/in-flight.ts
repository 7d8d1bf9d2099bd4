/**
 * What is on its way to one endpoint: how many attempts there are, and how long the oldest unanswered one has waited.
 *
 * The count is over when a body has ended; the wait is over when an answer has begun. A download of ten minutes occupies the
 * endpoint all that time, but does not make it look ten minutes slow.
 *
 * The unanswered ones form a list through the attempts themselves (an intrusive list). Attempts are added in the order in
 * which time passes, so its head is the oldest: adding, removing from anywhere, and asking for the oldest are O(1), without
 * allocating.
 */
import type { Millis } from '../core/clock.ts';

/** One attempt, as a link of the list. */
export class Flight {
  readonly startedAt: Millis;
  older: Flight | undefined = undefined;
  newer: Flight | undefined = undefined;
  /** Attempts that were in flight to the endpoint when it began. */
  before = 0;

  constructor(startedAt: Millis) {
    this.startedAt = startedAt;
  }
}

export class InFlight {
  #count = 0;
  #oldest: Flight | undefined = undefined;
  #newest: Flight | undefined = undefined;

  /** Attempts that have begun and whose bodies have not ended. */
  get count(): number {
    return this.#count;
  }

  /** How long the oldest unanswered attempt has waited; 0 where none waits. */
  oldestAge(now: Millis): Millis {
    return this.#oldest === undefined ? 0 : now - this.#oldest.startedAt;
  }

  begin(flight: Flight): void {
    flight.before = this.#count;
    this.#count += 1;
    flight.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = flight;
    else this.#newest.newer = flight;
    this.#newest = flight;
  }

  /** An answer has begun, or there will be none. To be called once per flight, before or with `end`. */
  answered(flight: Flight): void {
    if (flight.older === undefined) this.#oldest = flight.newer;
    else flight.older.newer = flight.newer;
    if (flight.newer === undefined) this.#newest = flight.older;
    else flight.newer.older = flight.older;
    flight.older = flight.newer = undefined;
  }

  end(): void {
    this.#count -= 1;
  }
}
