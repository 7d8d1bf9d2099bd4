/**
 * Power of two choices: draw two different candidates, take the less loaded one. With a memory, of those two and a few that did
 * well lately.
 *
 * Always taking the least loaded of all makes every client run to the same endpoint with the same stale knowledge; of two
 * drawn ones, the longest queue is still only log log n, at O(1) (Mitzenmacher 1996). Distinct, as in Finagle
 * (p2c/P2CPick.scala): with replacement, one pick in n has no choice at all, which is half of them with two endpoints.
 *
 * Memory: where a body ended well, its endpoint moves to the front; where that makes too many, the worst of them is forgotten.
 * The two drawn ones are ordinary, those remembered are known to be good, and the drawn ones find the next ones. In simulation it
 * is what matters most: without it the 99th percentile beside noisy neighbours is twice as long (63 → 135 ms), with pauses of a
 * collector four times (63 → 285). It is Mitzenmacher, Prabhakar and Shah's (2002); that each client remembers others, so that
 * they do not run together, is why a local and stale view does well (LSQ; Vargaftik, Keslassy and Orda 2020).
 *
 * Where not two of those looked at are untried and have room, all candidates are looked at once, to draw two of those that are
 * best off. Without memory that happens to a share of about 2k/n of the picks when k of n have been tried or are full, so it costs O(k) on
 * average; with it, hardly ever. It never allocates, and takes nothing apart that it puts together: what the engine inlines of a pick it counts in bytecodes,
 * and `const [a, b] = [x, y]` is a hundred of them.
 */
import type { Millis } from '../core/clock.ts';
import { below, type Random } from '../core/random.ts';
import type { Tried } from '../core/tried.ts';
import { COST, WEIGHT, type Figures } from './figures.ts';
import type { Load } from './load.ts';
import { rank, rowsOf, type Candidate, type Picker, type PickRequest } from './picker.ts';
import { WeightedDraw } from './weighted-draw.ts';

/**
 * So many more are drawn where some of those drawn cannot be taken. With half of them tried, full or held back, of eight drawn hardly ever
 * fewer than two are left; looking at all of ten thousand instead would take 50 µs.
 */
const REDRAWN = 6;

export interface P2cOptions {
  /** How many are drawn. */
  readonly choices: () => number;
  /** How many are remembered. */
  readonly memory: () => number;
}

export class P2c<Some extends Candidate> implements Picker<Some> {
  readonly #load: Load;
  readonly #figures: Figures;
  readonly #random: Random;
  readonly #options: P2cOptions;
  #candidates: readonly Some[] = [];
  /** Theirs, in the same order: of those that are compared and not taken, nothing else is looked at. */
  #rows = new Int32Array(0);
  /** Indices drawn for one pick, in order; kept, so that a pick allocates nothing. */
  readonly #drawn: number[] = [];
  /** Those that cost least, by place, where others cost more (locality.ts): the first of each pick is drawn from them. */
  #near: Uint32Array | undefined;
  /** Of these, or of all, where their weights are not all the same. */
  #byWeight: WeightedDraw | undefined;
  /** The latest first, and their rows. */
  #memory: Some[] = [];
  #memoryRows = new Int32Array(16);
  /** The rows of those looked at for one pick, and which they are: by place, or of those remembered by −1 − place. Kept, so that a pick allocates nothing. */
  #weighed = new Int32Array(16);
  #compared = new Int32Array(16);
  #loads = new Float64Array(16);

  constructor(load: Load, figures: Figures, random: Random, options: P2cOptions) {
    this.#load = load;
    this.#figures = figures;
    this.#random = random;
    this.#options = options;
  }

  use(candidates: readonly Some[]): void {
    const { weights } = this.#figures;
    const rows = rowsOf(candidates);
    const near = nearest(rows, weights);
    const firsts = near === undefined ? rows : near.map((place) => rows[place]!);
    this.#candidates = candidates;
    this.#rows = rows;
    this.#near = near;
    this.#byWeight = firsts.some((row) => weights[row + WEIGHT] !== weights[firsts[0]! + WEIGHT]) ? new WeightedDraw(Array.from(firsts, (row) => weights[row + WEIGHT]!)) : undefined;
    this.#memory = this.#memory.filter((candidate) => candidates.includes(candidate));
    this.#memory.forEach(({ row }, place) => (this.#memoryRows[place] = row));
  }

  load({ row }: Some, now: Millis): number {
    this.#weighed[0] = row;
    this.#load.weigh(this.#weighed, 1, now, this.#loads);
    return this.#loads[0]! * this.#figures.weights[row + COST]!;
  }

  pick({ tried }: PickRequest, room: number, now: Millis): Some | undefined {
    const candidates = this.#candidates;
    const count = candidates.length;
    if (count < 2) return candidates[0];
    // First who is compared, then how they compare: so the processor waits for those that are far away in memory at one time, not in turn.
    const figures = this.#figures;
    const rows = this.#rows;
    const choices = this.#options.choices();
    const most = Math.min(choices + REDRAWN, count);
    const remembered = Math.min(this.#options.memory(), this.#memory.length);
    this.#makeRoom(choices + remembered);
    const weighed = this.#weighed;
    const compared = this.#compared;
    let among = 0;
    for (let drawn = 0; among < choices && drawn < most; drawn += 1) {
      const place = this.#draw(drawn, count);
      const row = rows[place]!;
      if (rank(figures, row, candidates[place]!, tried, room) !== 0) continue;
      weighed[among] = row;
      compared[among++] = place;
    }
    for (let place = 0; place < remembered; place += 1) {
      const row = this.#memoryRows[place]!;
      if (rank(figures, row, this.#memory[place]!, tried, room) !== 0) continue;
      weighed[among] = row;
      compared[among++] = -1 - place;
    }
    if (among < 2) return this.#ofBestOff(tried, room, now);
    const found = compared[this.#least(among, now)]!;
    return found < 0 ? this.#memory[-1 - found] : candidates[found];
  }

  /** Of the first so many that are compared. Of equals the first, as those drawn come before those remembered. */
  #least(among: number, now: Millis): number {
    this.#weigh(among, now);
    const loads = this.#loads;
    let best = 0;
    for (let place = 1; place < among; place += 1) if (loads[place]! < loads[best]!) best = place;
    return best;
  }

  /** The first so many of `#weighed`. */
  #weigh(count: number, now: Millis): void {
    const weighed = this.#weighed;
    const loads = this.#loads;
    this.#load.weigh(weighed, count, now, loads);
    if (this.#near === undefined) return;
    const { weights } = this.#figures;
    for (let place = 0; place < count; place += 1) loads[place]! *= weights[weighed[place]! + COST]!;
  }

  /** To compare so many. */
  #makeRoom(count: number): void {
    if (count <= this.#loads.length) return;
    this.#weighed = new Int32Array(2 * count);
    this.#compared = new Int32Array(2 * count);
    this.#loads = new Float64Array(2 * count);
  }

  succeeded(candidate: Some, now: Millis): void {
    const [memory, most] = [this.#memory, this.#options.memory()];
    const known = memory.indexOf(candidate);
    for (let place = known === -1 ? memory.length : known; place > 0; place -= 1) memory[place] = memory[place - 1]!;
    memory[0] = candidate;
    while (memory.length > most) this.#forgetWorst(now);
    if (memory.length > this.#memoryRows.length) this.#memoryRows = new Int32Array(2 * memory.length);
    for (let place = 0; place < memory.length; place += 1) this.#memoryRows[place] = memory[place]!.row;
  }

  #forgetWorst(now: Millis): void {
    const memory = this.#memory;
    this.#makeRoom(memory.length);
    for (let place = 0; place < memory.length; place += 1) this.#weighed[place] = memory[place]!.row;
    this.#weigh(memory.length, now);
    const loads = this.#loads;
    let worst = 0;
    for (let place = 1; place < memory.length; place += 1) if (loads[place]! >= loads[worst]!) worst = place;
    for (let place = worst; place < memory.length - 1; place += 1) memory[place] = memory[place + 1]!;
    memory.pop();
  }

  /** An index other than the `before` ones drawn for the same pick. The first is drawn by weight, and near; of the others all are equally likely. */
  #draw(before: number, count: number): number {
    const drawn = this.#drawn;
    let index = before === 0 && count === this.#candidates.length ? this.#first(count) : below(this.#random, count - before);
    let place = 0;
    while (place < before && index >= drawn[place]!) {
      index += 1;
      place += 1;
    }
    for (let later = before; later > place; later -= 1) drawn[later] = drawn[later - 1]!;
    drawn[place] = index;
    return index;
  }

  #first(count: number): number {
    const near = this.#near;
    const byWeight = this.#byWeight;
    const place = byWeight === undefined ? below(this.#random, near === undefined ? count : near.length) : byWeight.next(this.#random);
    return near === undefined ? place : near[place]!;
  }

  /** The less loaded of two drawn from those of the best rank. */
  #ofBestOff(tried: Tried, room: number, now: Millis): Some {
    const candidates = this.#candidates;
    let best = Infinity;
    let among = 0;
    for (let place = 0; place < candidates.length; place += 1) {
      const found = this.#rank(place, tried, room);
      if (found > best) continue;
      among = found < best ? 1 : among + 1;
      best = found;
    }
    const a = candidates[this.#nth(this.#draw(0, among), best, tried, room)]!;
    if (among === 1) return a;
    const b = candidates[this.#nth(this.#draw(1, among), best, tried, room)]!;
    return this.load(a, now) <= this.load(b, now) ? a : b;
  }

  /** The place of the one of this rank that has `before` others of it before it. */
  #nth(before: number, wanted: number, tried: Tried, room: number): number {
    let place = -1;
    for (let left = before; left >= 0; ) if (this.#rank(++place, tried, room) === wanted) left -= 1;
    return place;
  }

  #rank(place: number, tried: Tried, room: number): number {
    return rank(this.#figures, this.#rows[place]!, this.#candidates[place]!, tried, room);
  }
}

/** The places of those that cost least; undefined where that is all of them, or none. */
function nearest(rows: Int32Array, weights: Float64Array): Uint32Array | undefined {
  let count = 0;
  for (const row of rows) if (weights[row + COST] === 1) count += 1;
  if (count === 0 || count === rows.length) return undefined;
  const near = new Uint32Array(count);
  for (let place = 0, found = 0; place < rows.length; place += 1) if (weights[rows[place]! + COST] === 1) near[found++] = place;
  return near;
}
