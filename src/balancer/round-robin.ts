/**
 * Round robin: each in its turn, as often as its weight says (turns.ts).
 *
 * It looks at no latency and no queue, so it is for services whose requests all cost about the same, and for comparison. An
 * endpoint that is full or has been tried misses its turn (in-turn.ts).
 */
import type { Millis } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { WEIGHT, type Figures } from './figures.ts';
import { InTurn } from './in-turn.ts';
import type { Candidate, Picker, PickRequest } from './picker.ts';
import { Turns } from './turns.ts';

export class RoundRobin<Some extends Candidate> implements Picker<Some> {
  /** As they have places in turns.ts. */
  #candidates: readonly Some[] = [];
  readonly #turns: Turns<Some>;
  readonly #inTurn: InTurn<Some>;
  readonly #figures: Figures;

  constructor(figures: Figures, random: Random) {
    this.#figures = figures;
    this.#turns = new Turns(random);
    this.#inTurn = new InTurn(this.#turns, figures);
  }

  use(candidates: readonly Some[]): void {
    const { weights } = this.#figures;
    this.#candidates = this.#turns.use(candidates, ({ row }) => weights[row + WEIGHT]!);
    this.#inTurn.use(this.#candidates);
  }

  /** How far its turn is. */
  load(candidate: Some): number {
    const place = this.#candidates.indexOf(candidate);
    return place === -1 ? 1 : this.#turns.wait(place);
  }

  pick({ tried }: PickRequest, room: number, _now: Millis): Some | undefined {
    const candidates = this.#candidates;
    return candidates.length < 2 ? candidates[0] : this.#inTurn.pick(tried, room);
  }
}
