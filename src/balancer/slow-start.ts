/**
 * Slow start: an endpoint that has just come gets a part of its share at first, and all of it after a while.
 *
 *     warmth  = age / window, at least minWeight and at most 1
 *     part    = warmth / mean warmth of all candidates, at most 1
 *
 * A process that has just begun compiles, connects and fills its caches with its first requests; with its whole share at once it is the
 * slowest of all. The ramp is Envoy's (slow_start.rst, with its defaults), but for three things that its users complain about:
 *
 *  - It is relative to the others. Where all are new nobody is held back, for their work has to be done; and of a rolling restart the
 *    last old endpoint is not buried under what the new ones are spared. Ages are those that this process saw: of its first answer
 *    all are equally old, and who joins others that have served nothing yet is as old as they are.
 *  - It is a part of the requests, not of a weight: whatever the picker, and at whatever rate. Ten requests a minute or a thousand a
 *    second, at age 0 an endpoint gets a tenth of what it would get. Where there is only one endpoint it gets everything.
 *  - It begins when discovery names the endpoint, which Kubernetes does when it is ready, not when it was created.
 *
 * For each pick a place on a ring is drawn, and each new endpoint has a place of its own there; it may be chosen if it lies less than its
 * part behind. So it may be chosen in that part of all picks, and in each pick about as many of them may as there are parts. Their
 * places are multiples of the golden ratio, which lie evenly however many there are. Who may not be chosen ranks behind who may (picker.ts):
 * every picker sees to that, and nobody is left without an endpoint for it.
 *
 * Time that an endpoint spent ejected or unhealthy is taken off its age: one that was away for a window begins again.
 */
import type { Millis } from '../core/clock.ts';
import type { SlowStartKnobs, Switchable } from '../core/policy.ts';
import type { Random } from '../core/random.ts';
import { PHASE, SINCE, type Figures, type Row } from './figures.ts';

/** Of the window: how often the mean is worked out anew. */
const REVIEWED_EVERY = 1 / 30;
const GOLDEN = (Math.sqrt(5) - 1) / 2;

export class SlowStart {
  readonly #knobs: () => Switchable<SlowStartKnobs>;
  readonly #random: Random;
  readonly #figures: Figures;
  #candidates: readonly { readonly row: Row }[] = [];
  /** As the knobs said when candidates were last looked at. */
  #window: Millis = 1;
  #least = 1;
  #mean = 1;
  /** Of this pick. */
  #now: Millis = 0;
  #place = 0;
  #places = 0;
  #dueAt: Millis = Infinity;

  constructor(knobs: () => Switchable<SlowStartKnobs>, random: Random, figures: Figures) {
    this.#knobs = knobs;
    this.#random = random;
    this.#figures = figures;
  }

  /** From now on these may be chosen. */
  use(candidates: readonly { readonly row: Row }[], now: Millis): void {
    this.#candidates = candidates;
    this.#review(now);
  }

  /** A pick begins. */
  begin(now: Millis): void {
    if (now >= this.#dueAt) this.#review(now);
    if (this.#figures.warming) this.#draw(now);
  }

  /** Whether this pick is to leave it alone, as far as there are others. */
  holdsBack(row: Row): boolean {
    if (!this.#figures.warming) return false;
    const { history } = this.#figures;
    const behind = this.#place - history[row + PHASE]!;
    // As in `#part`, once more: a fraction that a function returns is put on the heap where it is not inlined.
    const warmth = Math.min(Math.max((this.#now - history[row + SINCE]!) / this.#window, this.#least), 1);
    return (behind < 0 ? behind + 1 : behind) >= Math.min(warmth / this.#mean, 1);
  }

  /** Which part of its share it gets. */
  part(row: Row, now: Millis): number {
    return this.#figures.history[row + PHASE] === 0 ? 1 : this.#part(row, now);
  }

  /** An endpoint is back that had no traffic for so long. */
  returned(row: Row, away: Millis, now: Millis): void {
    const knobs = this.#knobs();
    if (knobs === 'off') return;
    const { history } = this.#figures;
    const age = Math.min(now - away - history[row + SINCE]!, knobs.window);
    history[row + SINCE] = now - Math.max(age - away, 0);
  }

  /** By itself, as where a pick is compiled as a whole nothing is left to inline, and the number that is drawn would be put on the heap. */
  #draw(now: Millis): void {
    this.#now = now;
    this.#place = this.#random.next();
  }

  #part(row: Row, now: Millis): number {
    return Math.min(this.#warmth(row, now) / this.#mean, 1);
  }

  #warmth(row: Row, now: Millis): number {
    return Math.min(Math.max((now - this.#figures.history[row + SINCE]!) / this.#window, this.#least), 1);
  }

  #review(now: Millis): void {
    const knobs = this.#knobs();
    const { history } = this.#figures;
    this.#figures.warming = false;
    this.#dueAt = Infinity;
    if (knobs !== 'off') {
      this.#window = knobs.window;
      this.#least = knobs.minWeight;
    }
    let sum = 0;
    let coldest = 1;
    for (const { row } of this.#candidates) {
      const warmth = knobs === 'off' ? 1 : this.#warmth(row, now);
      sum += warmth;
      if (warmth < coldest) coldest = warmth;
      if (warmth === 1) history[row + PHASE] = 0;
      else if (history[row + PHASE] === 0) history[row + PHASE] = this.#nextPlace();
    }
    if (knobs === 'off' || coldest === 1) return;
    const mean = sum / this.#candidates.length;
    // Adding up rounds.
    const alike = mean - coldest < 1e-9;
    this.#mean = alike ? coldest : mean;
    this.#figures.warming = knobs.mode === 'enforce' && !alike;
    this.#dueAt = now + knobs.window * REVIEWED_EVERY;
  }

  /** Never 0. */
  #nextPlace(): number {
    this.#places += 1;
    return (this.#places * GOLDEN) % 1;
  }
}
