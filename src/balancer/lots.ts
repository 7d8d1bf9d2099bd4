/**
 * Lots: an even share of numbered endpoints for numbered clients (after "Rocksteadier" of Wu and others, Reinventing Backend
 * Subsetting at Google, ACM Queue 2022).
 *
 *     endpoints 0…9 | 10…19 | …     lots of ten, on a ring at van der Corput's places 0, ½, ¼, ¾, ⅛ …
 *     clients   0…9 | 10…19 | …     each lot begins at a place of its own and goes round
 *
 * In each lot of endpoints that a lot of clients passes, each of the ten clients takes another one of the ten endpoints, in an order
 * drawn anew for each pair of lots; who needs more than there are lots goes round again, and takes the next of that order. So a lot
 * of clients loads a lot of endpoints evenly, one connection each, and who is together with whom is mixed all the same. A number
 * that nobody has is passed over.
 *
 * A new lot is set between two others on the ring and moves none, so one endpoint more is one more stop on the way of a few
 * clients. The SRE book's deterministic subsetting (ch. 20) is as even, and shuffles everything anew. For 100 clients with 20
 * each, per connection (test/simulation/subset-evenness.test.ts):
 *
 *                       most/mean   100→101 endpoints   101→100
 *     lots                1.00           1 %              1 %
 *     SRE book            1.00          60 %             60 %
 *     rendezvous          1.58           1 %              1 %
 *
 * The trade: both sides have to have numbers, and with fewer clients than it takes to fill a few lots the last ones are uneven.
 */
import { seededRandom, below } from '../core/random.ts';
import type { Entry } from './directory.ts';
import { hash } from './hash.ts';
import { rendezvous } from './rendezvous.ts';
import { orderOf, whole, type Order, type SubsetStrategy } from './subset-strategy.ts';

/** With fewer, two clients that share one endpoint share many; with more, fewer clients fill their lot. Google's is ten as well. */
const LOT = 10;

/** Remembers nothing. */
export class Lots implements SubsetStrategy {
  readonly dueAt = Infinity;
  readonly #place: number;
  readonly #lot: number;
  readonly #set: string;

  /** `index`: of this client; `set`: whom it is one of, so that the first of each of many services do not all choose alike. */
  constructor(index: number, set: string) {
    this.#lot = Math.floor(index / LOT);
    this.#place = index % LOT;
    this.#set = set;
  }

  choose(entries: readonly Entry[], size: number): Order {
    if (entries.length <= size) return whole(entries);
    const numbered: Entry[] = [];
    for (const entry of entries) if (entry.ordinal !== undefined) numbered[entry.ordinal] = entry;
    const ring = ringOf(Math.ceil(numbered.length / LOT));
    const beginning = (vanDerCorput(this.#lot) + hash(this.#set) / 2 ** 32) % 1;
    const first = ring.findIndex(({ place }) => place >= beginning);
    const way: Entry[] = [];
    // After ten rounds each of the ten in each lot has had its turn.
    for (let round = 0; round < LOT; round += 1) {
      for (let step = 0; step < ring.length; step += 1) {
        const { lot } = ring[(Math.max(first, 0) + step) % ring.length]!;
        const entry = numbered[lot * LOT + this.#order(lot)[(this.#place + round) % LOT]!];
        if (entry !== undefined) way.push(entry);
        if (way.length === 2 * size) return orderOf(way, size);
      }
    }
    // Those without a number, or with one that another has as well, are no part of this; but they are better than nothing.
    const passed = new Set(way);
    return orderOf([...way, ...rendezvous(entries.filter((entry) => !passed.has(entry)), 2 * size - way.length)], size);
  }

  /** In which order this client's lot meets the endpoints of that one. */
  #order(lot: number): readonly number[] {
    const random = seededRandom(hash(`${this.#set} ${this.#lot} ${lot}`));
    const order = Array.from({ length: LOT }, (_, place) => place);
    for (let place = LOT - 1; place > 0; place -= 1) {
      const other = below(random, place + 1);
      [order[place], order[other]] = [order[other]!, order[place]!];
    }
    return order;
  }
}

/** Lots by their places on the ring. */
function ringOf(lots: number): readonly { readonly lot: number; readonly place: number }[] {
  return Array.from({ length: lots }, (_, lot) => ({ lot, place: vanDerCorput(lot) })).sort((a, b) => a.place - b.place);
}

/** The digits of a number, in base 2, mirrored at the point: 1, 2, 3, 4 are ½, ¼, ¾, ⅛. However many there are, they lie evenly. */
function vanDerCorput(number: number): number {
  let place = 0;
  for (let rest = number, digit = 0.5; rest > 0; rest >>>= 1, digit /= 2) if ((rest & 1) === 1) place += digit;
  return place;
}
