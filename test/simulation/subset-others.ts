/**
 * Ways of choosing subsets that the library does not use, as it would have to if they were better. Each works out the subsets of all
 * clients at once, once per answer; what matters here is the result.
 */
import type { Endpoint } from '../../src/core/endpoint.ts';
import { below, seededRandom } from '../../src/core/random.ts';
import { hash, mix } from '../../src/balancer/hash.ts';
import type { WayOfChoosing } from './subset-fleet.ts';

/** For each client the keys of its endpoints. `keys` are in the order of the answer, which is that of their numbers where they have some. */
type Assign = (keys: readonly string[], clients: readonly number[], size: number) => readonly (readonly string[])[];

function other(name: string, numbered: boolean, assign: Assign): WayOfChoosing {
  const memo = new Map<number, { endpoints: readonly Endpoint[]; all: readonly (readonly string[])[] }>();
  return {
    name, numbered, reports: false,
    client: (index, clients, seed, size) => ({
      dueAt: Infinity,
      choose(endpoints) {
        let known = memo.get(seed);
        if (known?.endpoints !== endpoints) {
          const ordered = numbered ? [...endpoints].sort((a, b) => a.ordinal! - b.ordinal!) : endpoints;
          const ids = Array.from({ length: clients }, (_, each) => hash(`client ${seed} ${each}`));
          known = { endpoints, all: assign(ordered.map(({ host, port }) => `${host}:${port}`), ids, size) };
          memo.set(seed, known);
        }
        return known.all[index]!;
      },
    }),
  };
}

function shuffled<Item>(items: readonly Item[], seed: number): Item[] {
  const random = seededRandom(seed);
  const order = [...items];
  for (let place = order.length - 1; place > 0; place -= 1) {
    const another = below(random, place + 1);
    [order[place], order[another]] = [order[another]!, order[place]!];
  }
  return order;
}

const byHash = (keys: readonly string[], seed: number) => [...keys].sort((a, b) => mix(seed, hash(a)) - mix(seed, hash(b)));

/** The SRE book's, chapter 20: rounds of clients share a shuffle, and each takes its slice. */
const slices: Assign = (keys, clients, size) => {
  const perRound = Math.floor(keys.length / size);
  return clients.map((_, index) => {
    const at = (index % perRound) * size;
    return shuffled(keys, Math.floor(index / perRound) + 1).slice(at, at + size);
  });
};

/** The same, with an order by hash in the place of a shuffle, so that one endpoint more shifts others by one place only. */
const windows: Assign = (keys, clients, size) => {
  const perRound = Math.floor(keys.length / size);
  return clients.map((_, index) => {
    const at = (index % perRound) * size;
    return byHash(keys, Math.floor(index / perRound) + 77).slice(at, at + size);
  });
};

/** And with places on a ring that do not depend on how many endpoints there are. */
const arcs: Assign = (keys, clients, size) => {
  const perRound = Math.max(1, Math.round(keys.length / size));
  return clients.map((_, index) => {
    const seed = Math.floor(index / perRound) + 77;
    const ring = byHash(keys, seed);
    const begin = ((index % perRound) / perRound) * 2 ** 32;
    const first = Math.max(0, ring.findIndex((key) => mix(seed, hash(key)) >= begin));
    return Array.from({ length: size }, (_, step) => ring[(first + step) % ring.length]!);
  });
};

/** Each client takes the endpoints that rank it highest. */
const ranking: Assign = (keys, clients, size) => {
  const ranks = keys.map((key) => {
    const order = [...clients].sort((a, b) => mix(b, hash(key)) - mix(a, hash(key)));
    return new Map(order.map((client, place) => [client, place]));
  });
  return clients.map((client) => {
    const rank = (at: number) => ranks[at]!.get(client)! - mix(client, hash(keys[at]!)) / 2 ** 33;
    return keys.map((_, at) => at).sort((a, b) => rank(a) - rank(b)).slice(0, size).map((at) => keys[at]!);
  });
};

/** Each endpoint chooses its clients, but none that has a tenth more than its size. */
const bounded: Assign = (keys, clients, size) => {
  const each = Math.max(1, Math.round((clients.length * size) / keys.length));
  const chosen = clients.map((): string[] => []);
  for (const key of byHash(keys, 1)) {
    const order = clients.map((client, index) => ({ index, score: mix(client, hash(key)) })).sort((a, b) => b.score - a.score);
    let wanted = each;
    for (const { index } of order) {
      if (wanted === 0) break;
      if (chosen[index]!.length >= Math.ceil(1.1 * size)) continue;
      chosen[index]!.push(key);
      wanted -= 1;
    }
  }
  return chosen;
};

export const sreBook = other('SRE book, numbers', true, slices);
export const sreBookSorted = other('SRE book, endpoints sorted', false, (keys, clients, size) => slices([...keys].sort(), clients, size));
export const sharedOrder = other('windows of a shared order', false, windows);
export const fixedPlaces = other('windows at fixed places', false, arcs);
export const highestRank = other('the 20 that rank it highest', false, ranking);
export const boundedLoads = other('bounded loads of 1.1', false, bounded);
