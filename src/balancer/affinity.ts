/**
 * Affinity: requests with the same key go to the same endpoint, from whichever client they come, as long as it is not asked for more than
 * its part (`balancer: hash`).
 *
 *     order of a key      by hash(key, endpoint), highest first; by weights w: by ln(hash) / w, hash in (0, 1)
 *     home                the first of it that is there
 *     taken               the first of it that is untried, has room and is within its bound:
 *                         in flight + 1 ≤ ⌈ c · (all in flight + 1) · its weight / all weights ⌉, and it may always have a few
 *
 * Every key draws its own order of all endpoints, so who leaves gives its own keys to as many others as there are, and moves no other key; who comes
 * takes its part of everybody's. A retry goes to the next in the order, where the next retry of another client goes as well. It is rendezvous hashing
 * (Thaler and Ravishankar 1996; weights: Schindelhauer and Schomaker 2005). A ring of points is quicker for thousands of endpoints and less
 * even, Maglev's table more even and moves half as many keys again.
 *
 * Keys are not equally popular, and without a bound whoever has the most popular one has almost four times the mean in flight. With c = 1.5 it has one
 * and a half times the mean, and eight of ten requests still go home (test/simulation/sticky-keys.test.ts). Consistent hashing with bounded loads is Mirrokni,
 * Thorup and Zadimoghaddam's (2016). Those in flight are this process's: where all clients have about the same keys, what each of them keeps within bounds is.
 *
 * The trade: it looks at no latency, so a slow endpoint keeps its keys until it is full or ejected. Whoever has no key is served as by `predictive`.
 * A home is found by looking at all endpoints once, and remembered for a few thousand keys, with those that come next: where the home has its part
 * already, nearly always one of these has not, and nobody need look at all of them again.
 */
import type { Millis } from '../core/clock.ts';
import type { HashKnobs } from '../core/balancer-policy.ts';
import type { Tried } from '../core/tried.ts';
import { IN_FLIGHT, WEIGHT, type Figures, type Row } from './figures.ts';
import { hashKeyOf } from './hash-key.ts';
import { signedHash, signedMix } from './hash.ts';
import { rank, rowsOf, type Candidate, type Picker, type PickRequest } from './picker.ts';
import type { Knowledge } from './load.ts';
import type { Shares } from './shares.ts';

/**
 * Keys that are remembered: by their last bits, a power of two apart, and so many that are alike in these. Sixteen are a cache line, and with a
 * thousand keys nobody is forgotten; with four, two in a hundred would be found anew each time.
 */
const APART = 256;
const ALIKE = 16;
/** Of each key so many are remembered, from its home on. With half of all beyond their bound, one key in 256 has none among eight that is within. */
const FIRST = 8;
/** In flight to one endpoint at any rate: of a handful of requests in flight two at one place are no crowd, and a bound of 1 would send every third away. */
const ALWAYS = 2;
const NOBODY = -1;

export class Affinity<Some extends Candidate> implements Picker<Some> {
  readonly #knobs: () => HashKnobs;
  readonly #figures: Figures;
  readonly #shares: Shares;
  /** Picks for requests without a key. */
  readonly #others: Picker<Some>;
  #candidates: readonly Some[] = [];
  #rows = new Int32Array(0);
  /** By place. */
  #hashes = new Int32Array(0);
  #even = true;
  #weights = 1;
  /** Of the two that are compared. Not returned by a function: what is no small whole number would be put on the heap where that is not inlined. */
  readonly #nearness = new Float64Array(2);
  /** c, as these knobs have it. Asked of it at each pick whether it is `off`, the fraction would be put on the heap. */
  #factor = Infinity;
  #applied: HashKnobs | undefined = undefined;
  /** In flight to all of them together, that of each may have its part. Of one pick. */
  #bound = Infinity;
  /** By some bits of a key's hash: the hash, and the places of the first in its order. */
  readonly #keys = new Int32Array(APART * ALIKE);
  readonly #firsts = new Int32Array(APART * ALIKE * FIRST).fill(NOBODY);
  /** Which of those alike is forgotten next. */
  #oldest = 0;

  /** Knobs are asked for when they are used, so a policy reload is felt at once and forgets nothing. */
  constructor(knobs: () => HashKnobs, { figures, shares }: Pick<Knowledge, 'figures' | 'shares'>, others: Picker<Some>) {
    this.#knobs = knobs;
    this.#figures = figures;
    this.#shares = shares;
    this.#others = others;
  }

  use(candidates: readonly Some[], now: Millis): void {
    this.#candidates = candidates;
    this.#hashes = Int32Array.from(candidates, ({ key }) => signedHash(key));
    this.#rows = rowsOf(candidates);
    this.#even = this.#rows.every((row) => this.#weight(row) === this.#weight(this.#rows[0]!));
    this.#weights = this.#rows.reduce((sum, row) => sum + this.#weight(row), 0);
    this.#firsts.fill(NOBODY);
    this.#others.use(candidates, now);
  }

  /** As for a request without a key; with one, nothing is compared but hashes. */
  load(candidate: Some, now: Millis): number {
    return this.#others.load(candidate, now);
  }

  succeeded(candidate: Some, now: Millis): void {
    this.#others.succeeded?.(candidate, now);
  }

  pick(request: PickRequest, room: number, now: Millis): Some | undefined {
    const candidates = this.#candidates;
    if (candidates.length < 2) return candidates[0];
    const knobs = this.#knobs();
    const key = hashKeyOf(request, knobs);
    if (key === undefined) return this.#others.pick(request, room, now);
    const hashed = signedHash(key);
    const { tried } = request;
    if (knobs !== this.#applied) this.#apply(knobs);
    this.#bound = this.#factor * (this.#shares.inFlight + 1);
    const from = FIRST * this.#remembered(hashed);
    for (let next = 0; next < FIRST; next += 1) {
      const place = this.#firsts[from + next]!;
      if (place === NOBODY) break;
      if (this.#distance(place, tried, room) === 0) return candidates[place];
    }
    return candidates[this.#nearest(hashed, tried, room)];
  }

  #apply(knobs: HashKnobs): void {
    this.#applied = knobs;
    this.#factor = knobs.boundedLoad === 'off' ? Infinity : knobs.boundedLoad;
  }

  /** Where the first in the order of a key stand. */
  #remembered(hashed: number): number {
    const alike = (hashed & (APART - 1)) * ALIKE;
    for (let one = alike; one < alike + ALIKE; one += 1) if (this.#keys[one] === hashed && this.#firsts[FIRST * one] !== NOBODY) return one;
    this.#oldest = (this.#oldest + 1) % ALIKE;
    const forgotten = alike + this.#oldest;
    this.#keys[forgotten] = hashed;
    this.#find(hashed, FIRST * forgotten);
    return forgotten;
  }

  /** Writes where the first in the order of a key are. */
  #find(hashed: number, from: number): void {
    const firsts = this.#firsts;
    let found = 0;
    for (let place = 0; place < this.#candidates.length; place += 1) {
      let next = found;
      while (next > 0 && this.#goesBefore(place, firsts[from + next - 1]!, hashed)) next -= 1;
      if (next === FIRST) continue;
      if (found < FIRST) found += 1;
      for (let later = found - 1; later > next; later -= 1) firsts[from + later] = firsts[from + later - 1]!;
      firsts[from + next] = place;
    }
  }

  /** Of those that are best off the first in the order of the key. */
  #nearest(hashed: number, tried: Tried, room: number): number {
    let nearest = 0;
    let least = Infinity;
    for (let place = 0; place < this.#rows.length; place += 1) {
      const own = this.#distance(place, tried, room);
      if (own > least || (own === least && !this.#goesBefore(place, nearest, hashed))) continue;
      nearest = place;
      least = own;
    }
    return nearest;
  }

  #goesBefore(place: number, other: number, hashed: number): boolean {
    const nearness = this.#nearness;
    this.#measure(place, hashed, 0);
    this.#measure(other, hashed, 1);
    // Equals are ordered by key, so that the order of the candidates never matters.
    return nearness[0] === nearness[1] ? this.#candidates[place]!.key < this.#candidates[other]!.key : nearness[0]! > nearness[1]!;
  }

  #measure(place: number, hashed: number, at: 0 | 1): void {
    const mixed = signedMix(hashed, this.#hashes[place]!) >>> 0;
    this.#nearness[at] = this.#even ? mixed : Math.log((mixed + 0.5) / 2 ** 32) / this.#weight(this.#rows[place]!);
  }

  #weight(row: Row): number {
    return this.#figures.weights[row + WEIGHT]!;
  }

  /** 0 is best: as the contract of pickers has it, and of equals within the bound before beyond it. */
  #distance(place: number, tried: Tried, room: number): number {
    const row = this.#rows[place]!;
    const mayHave = Math.max(Math.ceil((this.#bound * this.#weight(row)) / this.#weights), ALWAYS);
    return 2 * rank(this.#figures, row, this.#candidates[place]!, tried, room) + (this.#figures.numbers[row + IN_FLIGHT]! < mayHave ? 0 : 1);
  }
}
