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
import { IN_FLIGHT, WAITING_SINCE, type Figures, type Row } from './figures.ts';

/** One attempt, as a link of the list. */
export class Flight {
  readonly startedAt: Millis;
  older: Flight | undefined = undefined;
  newer: Flight | undefined = undefined;
  /** What was in flight at the endpoint when it began, as far as was known. */
  before = 0;

  constructor(startedAt: Millis) {
    this.startedAt = startedAt;
  }
}

export class InFlight {
  readonly #figures: Figures;
  #newest: Flight | undefined = undefined;

  /** Count and wait are kept in the figures, where pickers read them; in which row is said with each attempt, as it may become another. */
  constructor(figures: Figures) {
    this.#figures = figures;
  }

  /** Attempts that have begun and whose bodies have not ended. */
  count(row: Row): number {
    return this.#figures.numbers[row + IN_FLIGHT]!;
  }

  begin(flight: Flight, row: Row): void {
    this.#figures.numbers[row + IN_FLIGHT]! += 1;
    flight.older = this.#newest;
    if (this.#newest === undefined) this.#waitsFor(flight, row);
    else this.#newest.newer = flight;
    this.#newest = flight;
  }

  /** An answer has begun, or there will be none. To be called once per flight, before or with `end`. */
  answered(flight: Flight, row: Row): void {
    if (flight.older === undefined) this.#waitsFor(flight.newer, row);
    else flight.older.newer = flight.newer;
    if (flight.newer === undefined) this.#newest = flight.older;
    else flight.newer.older = flight.older;
    flight.older = flight.newer = undefined;
  }

  end(row: Row): void {
    this.#figures.numbers[row + IN_FLIGHT]! -= 1;
  }

  #waitsFor(oldest: Flight | undefined, row: Row): void {
    this.#figures.numbers[row + WAITING_SINCE] = oldest === undefined ? Infinity : oldest.startedAt;
  }
}
