/**
 * In turn: the one whose turn it is; one that is full or has been tried misses its turn.
 *
 * Where many in a row would, all are looked at once, each time from another place, for one that is best off. It never allocates.
 */
import type { Tried } from '../core/tried.ts';
import type { Figures } from './figures.ts';
import { rank, rowsOf, type Candidate } from './picker.ts';

/** Says whose turn it is, by place; they have had it then. */
export interface Schedule {
  next(): number;
}

/** Turns that may be missed in a row before all are looked at. */
const MISSED_AT_MOST = 8;

export class InTurn<Some extends Candidate> {
  readonly #schedule: Schedule;
  readonly #figures: Figures;
  #candidates: readonly Some[] = [];
  #rows = new Int32Array(0);
  /** Where the last look at all ended. */
  #from = 0;

  constructor(schedule: Schedule, figures: Figures) {
    this.#schedule = schedule;
    this.#figures = figures;
  }

  use(candidates: readonly Some[]): void {
    this.#candidates = candidates;
    this.#rows = rowsOf(candidates);
  }

  /** Of at least one. */
  pick(tried: Tried, room: number): Some {
    for (let missed = 0; missed < MISSED_AT_MOST; missed += 1) {
      const place = this.#schedule.next();
      if (this.#rank(place, tried, room) === 0) return this.#candidates[place]!;
    }
    return this.#bestOff(tried, room);
  }

  #rank(place: number, tried: Tried, room: number): number {
    return rank(this.#figures, this.#rows[place]!, this.#candidates[place]!, tried, room);
  }

  #bestOff(tried: Tried, room: number): Some {
    const count = this.#candidates.length;
    let best = Infinity;
    let found = 0;
    for (let step = 1; step <= count; step += 1) {
      const place = (this.#from + step) % count;
      const one = this.#rank(place, tried, room);
      if (one >= best) continue;
      best = one;
      found = place;
    }
    this.#from = found;
    return this.#candidates[found]!;
  }
}
