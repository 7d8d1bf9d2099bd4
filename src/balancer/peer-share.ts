/**
 * Peer share: who knows its peers by name needs no numbers, on either side, for an even share. Rendezvous hashing the other way
 * round: not the client chooses its endpoints, each endpoint chooses its clients, by a rule that every client can follow alone.
 *
 *     r = clients · size / endpoints          connections that each endpoint has to have
 *     this process talks to an endpoint   iff   fewer than r peers have a higher hash(peer, endpoint)
 *
 * So every endpoint has r clients, neither more nor less. One that comes chooses r, one that goes leaves its clients with one less,
 * and nobody else moves; a client that goes is replaced, at each of its endpoints, by the next in that one's order.
 *
 * What nobody can have without agreeing with all others is both at once: here the size of a client's own subset is as chance has it,
 * size ± √size. At most half as many more or less are taken. With each client's requests spread evenly over its subset, an endpoint
 * gets up to 1.1 times the mean of them where rendezvous gives it 1.5.
 *
 * For endpoints without numbers, as a Deployment's pods are, this is the best of what was tried (100 clients, 100 endpoints, 20 each;
 * most requests of one endpoint per mean · connections made, of all, when one endpoint comes, when one goes, and in a rolling restart
 * that replaces each once; test/simulation/subset-evenness.test.ts runs them all):
 *
 *                                                       most     100→101    101→100    restart
 *     peer share                                        1.11       1.0 %      0.0 %      1.0
 *     rendezvous                                        1.58       0.8 %      0.8 %      2.0
 *     lots of clients share an order, cut in windows    1.00       3.1 %      3.1 %      5.9
 *     as before, windows begin at fixed places          1.20       1.0 %      1.0 %      2.0
 *     peer share, no client more than 1.1 of its size   1.10       1.7 %      0.7 %      2.2
 *     each client takes the 20 that rank it highest     1.17       1.0 %      1.0 %      2.0
 *     the SRE book's, endpoints sorted                  1.00      48   %     48   %     93
 *
 * The trade: it has to know its peers. Where two clients see different ones for a while, the endpoints between them have one
 * connection more or less.
 */
import type { Entry } from './directory.ts';
import { hash, mix } from './hash.ts';
import { orderOf, whole, type Order, type SubsetStrategy } from './subset-strategy.ts';

/** How far r may be from what it should be before all endpoints take one more or one less: each such step moves 1/r of everything. */
const SLACK_SHARE = 0.05;
const SLACK_LEAST = 0.75;
/** The fewest and the most members, as a share of the size that was asked for. */
const FEWEST = 0.5;
const MOST = 1.5;
/** Endpoints that rank this client so many times r or worse need not be told apart, as long as there are enough others. */
const FAR = 3;

/** What an endpoint thinks of this client. */
interface Rank {
  readonly entry: Entry;
  /** Of the endpoint's name. */
  readonly hash: number;
  /** Of this client, for it. */
  readonly score: number;
  /** How many others it prefers; `counted` or more where it is as many as were counted. */
  above: number;
  counted: number;
  /** Of which peers. */
  version: number;
}

/** Remembers how the endpoints rank this client, and how many clients each should have. */
export class PeerShare implements SubsetStrategy {
  readonly dueAt = Infinity;
  /** This process, as its peers call it. */
  readonly own: string;
  /** Hashes of the others. */
  #others = new Int32Array();
  #version = 0;
  readonly #ranks = new WeakMap<Entry, Rank>();
  /** Clients of each endpoint. */
  #each: number | undefined = undefined;

  constructor(own: string) {
    this.own = own;
  }

  /** These are all there are, this process among them. */
  know(peers: readonly string[]): void {
    this.#others = Int32Array.from(peers.filter((peer) => peer !== this.own), (peer) => hash(peer));
    this.#version += 1;
  }

  choose(entries: readonly Entry[], size: number): Order {
    if (entries.length <= size) return whole(entries);
    const each = this.#clientsOfEach(entries.length, size);
    const ranks = entries.map((entry) => this.#rankOf(entry));
    let near: Rank[] = [];
    for (let far = FAR * each; near.length < Math.min(2 * size, ranks.length); far *= 2) near = ranks.filter((rank) => this.#above(rank, far) < far);
    near.sort((a, b) => a.above - b.above || b.score - a.score || (a.entry.key < b.entry.key ? -1 : 1));
    const choosing = near.findIndex(({ above }) => above >= each);
    const share = choosing === -1 ? near.length : choosing;
    return orderOf(near.map(({ entry }) => entry), Math.min(Math.max(share, Math.ceil(FEWEST * size)), Math.floor(MOST * size)));
  }

  #clientsOfEach(endpoints: number, size: number): number {
    const wanted = ((this.#others.length + 1) * size) / endpoints;
    const slack = Math.max(SLACK_LEAST, SLACK_SHARE * wanted);
    if (this.#each === undefined || Math.abs(wanted - this.#each) > slack) this.#each = Math.max(1, Math.round(wanted));
    return this.#each;
  }

  #rankOf(entry: Entry): Rank {
    const known = this.#ranks.get(entry);
    if (known !== undefined) return known;
    const named = hash(entry.key);
    const rank = { entry, hash: named, score: mix(hash(this.own), named), above: 0, counted: 0, version: 0 };
    this.#ranks.set(entry, rank);
    return rank;
  }

  /**
   * How many others the endpoint prefers to this client, or `most`. Most endpoints prefer many, and one need not count all of these: of
   * 10,000 endpoints and 1,000 peers, some 30 are looked at for each.
   */
  #above(rank: Rank, most: number): number {
    if (rank.version === this.#version && (rank.above < rank.counted || rank.counted >= most)) return rank.above;
    let above = 0;
    for (const other of this.#others) {
      if (mix(other, rank.hash) <= rank.score) continue;
      above += 1;
      if (above === most) break;
    }
    rank.above = above;
    rank.counted = most;
    rank.version = this.#version;
    return above;
  }
}
