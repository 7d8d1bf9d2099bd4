/**
 * In turn: the one whose turn it is; one that is full or has been tried misses its turn.
 *
 * Where many in a row would, all are looked at once, each time from another place, for one that is best off. It never allocates.
 */
import type { Tried } from '../core/tried.ts';
import { rank, type Candidate } from './picker.ts';

/** Says whose turn it is, by place; they have had it then. */
export interface Schedule {
  next(): number;
}

/** Turns that may be missed in a row before all are looked at. */
const MISSED_AT_MOST = 8;

export class InTurn {
  readonly #schedule: Schedule;
  /** Where the last look at all ended. */
  #from = 0;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  /** Of at least one. */
  pick<Some extends Candidate>(candidates: readonly Some[], tried: Tried, room: number): Some {
    for (let missed = 0; missed < MISSED_AT_MOST; missed += 1) {
      const candidate = candidates[this.#schedule.next()]!;
      if (rank(candidate, tried, room) === 0) return candidate;
    }
    return this.#bestOff(candidates, tried, room);
  }

  #bestOff<Some extends Candidate>(candidates: readonly Some[], tried: Tried, room: number): Some {
    const count = candidates.length;
    let best = Infinity;
    let found = 0;
    for (let step = 1; step <= count; step += 1) {
      const place = (this.#from + step) % count;
      const one = rank(candidates[place]!, tried, room);
      if (one >= best) continue;
      best = one;
      found = place;
    }
    this.#from = found;
    return candidates[found]!;
  }
}
