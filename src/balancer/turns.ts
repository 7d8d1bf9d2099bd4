/**
 * Turns: whose turn it is, where each has turns as its weight says (earliest deadline first).
 *
 *     due ← due + 1 / weight    for the one with the earliest due, whose turn it is
 *
 * In W turns, W being the sum of the weights, each has as many as its weight, evenly spread. A heap keeps the earliest in front: O(log n).
 *
 * Where it begins is drawn, by weight, and the others are at a random place between two turns of theirs. A schedule that begins with all due at once
 * gives everybody one turn first, and each client that begins, or learns of a change, does the same:
 * with many clients that make a few requests each the weights mean nothing. Who stays keeps its place when the set or the weights change.
 */
import type { Random } from '../core/random.ts';

export class Turns<Some> {
  readonly #random: Random;
  #members: readonly Some[] = [];
  /** By place in `#members`. */
  #weights = new Float64Array(0);
  #due = new Float64Array(0);
  /** Places; of each, none of the two below it in the tree is due earlier. */
  #heap = new Uint32Array(0);
  /** When the last turn was due. */
  #now = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** From now on these take turns, with these weights, which are above 0. */
  use(members: readonly Some[], weightOf: (member: Some) => number): void {
    const known = new Map<Some, number>();
    this.#members.forEach((member, place) => known.set(member, this.wait(place)));
    const fresh = !members.some((member) => known.has(member));
    this.#members = members;
    this.#weights = Float64Array.from(members, weightOf);
    this.#due = Float64Array.from(members, (member, place) => this.#now + (known.get(member) ?? this.#random.next()) / this.#weights[place]!);
    if (fresh && members.length > 0) this.#due[this.#drawn()] = this.#now;
    this.#heap = Uint32Array.from(members, (_, place) => place);
    for (let place = members.length >> 1; place >= 0; place -= 1) this.#sink(place);
  }

  /** The place of the one whose turn it is; it has had it now. There has to be one. */
  next(): number {
    const place = this.#heap[0]!;
    this.#now = this.#due[place]!;
    this.#due[place] = this.#now + 1 / this.#weights[place]!;
    this.#sink(0);
    return place;
  }

  /** How far it is from its next turn: 0 now, 1 when it has just had one. */
  wait(place: number): number {
    return (this.#due[place]! - this.#now) * this.#weights[place]!;
  }

  #drawn(): number {
    let left = this.#random.next() * this.#weights.reduce((sum, weight) => sum + weight, 0);
    const place = this.#weights.findIndex((weight) => (left -= weight) < 0);
    return Math.max(place, 0);
  }

  #sink(from: number): void {
    const [heap, due] = [this.#heap, this.#due];
    const moved = heap[from]!;
    let place = from;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && due[heap[child + 1]!]! < due[heap[child]!]!) child += 1;
      if (due[heap[child]!]! >= due[moved]!) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = moved;
  }
}
