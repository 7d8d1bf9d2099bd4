/**
 * Round robin: each in its turn, as often as its weight says (turns.ts).
 *
 * It looks at no latency and no queue, so it is for services whose requests all cost about the same, and for comparison. An
 * endpoint that is full or has been tried misses its turn.
 */
import type { Millis } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { WEIGHT } from './figures.ts';
import { rank, type Candidate, type Picker, type PickRequest } from './picker.ts';
import { Turns } from './turns.ts';

/** Turns that may be missed in a row before all are looked at. */
const MISSED_AT_MOST = 8;

export class RoundRobin<Some extends Candidate> implements Picker<Some> {
  #candidates: readonly Some[] = [];
  readonly #turns: Turns<Some>;
  /** Where the last look at all began. */
  #from = 0;

  constructor(random: Random) {
    this.#turns = new Turns(random);
  }

  use(candidates: readonly Some[]): void {
    this.#candidates = candidates;
    this.#turns.use(candidates, ({ figures }) => figures[WEIGHT]!);
  }

  /** How far its turn is. */
  load(candidate: Some): number {
    const place = this.#candidates.indexOf(candidate);
    return place === -1 ? 1 : this.#turns.wait(place);
  }

  pick({ tried }: PickRequest, room: number, _now: Millis): Some | undefined {
    const count = this.#candidates.length;
    if (count < 2) return this.#candidates[0];
    for (let missed = 0; missed < MISSED_AT_MOST; missed += 1) {
      const candidate = this.#candidates[this.#turns.next()]!;
      if (rank(candidate, tried, room) === 0) return candidate;
    }
    return this.#bestOff(tried, room);
  }

  /** One of the best rank; looked for from another place each time. */
  #bestOff(tried: PickRequest['tried'], room: number): Some {
    const candidates = this.#candidates;
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
