/**
 * Turns: whose turn it is, where each has turns as its weight says (earliest deadline first).
 *
 *     due ← due + 1 / weight    for the one with the earliest due, whose turn it is
 *
 * In W turns, W being the sum of the weights, each has as many as its weight, evenly spread. Those of equal weight have their turns in the same order
 * for ever, as whoever has had one is the last of them: so they are a ring, and only the rings are compared, in a heap. Where all weights are the same a turn is
 * one step; with k different ones it is O(log k), however many members there are.
 *
 * Where it begins is drawn, by weight, and the others are at a random place between two turns of theirs. A schedule that begins with all due at once
 * gives everybody one turn first, and each client that begins, or learns of a change, does the same:
 * with many clients that make a few requests each the weights mean nothing. Who stays keeps its place when the set or the weights change.
 */
import type { Random } from '../core/random.ts';

/** Of one member. */
interface Turn<Some> {
  readonly member: Some;
  readonly weight: number;
  due: number;
}

export class Turns<Some> {
  readonly #random: Random;
  /** Ring after ring, in each in the order of their turns: what is looked at turn after turn lies side by side. */
  #members: readonly Some[] = [];
  /** By place among them. */
  #weights = new Float64Array(0);
  #due = new Float64Array(0);
  /** By ring: its first place, and after the last ring where that ends; who of it is next, and when. */
  #begins: number[] = [];
  #heads = new Uint32Array(0);
  #dues = new Float64Array(0);
  /** Rings; of each, none of the two below it in the tree is due earlier. */
  #heap = new Uint32Array(0);
  /** When the last turn was due. */
  #now = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** From now on these take turns, with these weights, which are above 0. Returns them in the order in which they have places. */
  use(members: readonly Some[], weightOf: (member: Some) => number): readonly Some[] {
    const fresh = new Set(members);
    const turns: Turn<Some>[] = [];
    const add = (member: Some, wait: number) => {
      const weight = weightOf(member);
      turns.push({ member, weight, due: this.#now + wait / weight });
    };
    // In the order of their turns: where most stay, most of it is sorted already.
    for (const place of this.#inOrder()) {
      const member = this.#members[place]!;
      if (fresh.delete(member)) add(member, this.wait(place));
    }
    const begins = turns.length === 0;
    for (const member of fresh) add(member, this.#random.next());
    if (begins && members.length > 0) turns[this.#drawn(turns)]!.due = this.#now;
    turns.sort((one, other) => one.weight - other.weight || one.due - other.due);
    this.#members = turns.map(({ member }) => member);
    this.#weights = Float64Array.from(turns, ({ weight }) => weight);
    this.#due = Float64Array.from(turns, ({ due }) => due);
    this.#makeRings();
    return this.#members;
  }

  /** The place of the one whose turn it is; it has had it now. There has to be one. */
  next(): number {
    const due = this.#due;
    const ring = this.#heap[0]!;
    const place = this.#heads[ring]!;
    this.#now = due[place]!;
    due[place] = this.#now + 1 / this.#weights[place]!;
    const head = place + 1 === this.#begins[ring + 1] ? this.#begins[ring]! : place + 1;
    this.#heads[ring] = head;
    this.#dues[ring] = due[head]!;
    this.#sink(0);
    return place;
  }

  /** How far it is from its next turn: 0 now, 1 when it has just had one. */
  wait(place: number): number {
    return (this.#due[place]! - this.#now) * this.#weights[place]!;
  }

  #makeRings(): void {
    const weights = this.#weights;
    this.#begins = [];
    for (let place = 0; place < weights.length; place += 1) if (place === 0 || weights[place] !== weights[place - 1]) this.#begins.push(place);
    this.#heads = Uint32Array.from(this.#begins);
    this.#dues = Float64Array.from(this.#heads, (place) => this.#due[place]!);
    this.#heap = Uint32Array.from(this.#heads, (_, ring) => ring);
    this.#begins.push(weights.length);
    for (let at = this.#heap.length >> 1; at >= 0; at -= 1) this.#sink(at);
  }

  /** Places, ring after ring, each from its head around. */
  #inOrder(): Uint32Array {
    const places = new Uint32Array(this.#members.length);
    for (const [ring, head] of this.#heads.entries()) {
      const [from, to] = [this.#begins[ring]!, this.#begins[ring + 1]!];
      for (let at = from, place = head; at < to; at += 1, place += 1) places[at] = place < to ? place : place - to + from;
    }
    return places;
  }

  #drawn(turns: readonly Turn<Some>[]): number {
    let left = this.#random.next() * turns.reduce((sum, { weight }) => sum + weight, 0);
    const place = turns.findIndex(({ weight }) => (left -= weight) < 0);
    return Math.max(place, 0);
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const dues = this.#dues;
    if (heap.length < 2) return;
    const moved = heap[from]!;
    let place = from;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && dues[heap[child + 1]!]! < dues[heap[child]!]!) child += 1;
      if (dues[heap[child]!]! >= dues[moved]!) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = moved;
  }
}
