/**
 * Rendezvous hashing (highest random weight; Thaler and Ravishankar 1996): which endpoints this process talks to.
 *
 *     subset = the `size` endpoints with the highest hash(client, endpoint)
 *
 * Every client draws its own order of all endpoints, and keeps it. So an endpoint that leaves is replaced by the next in order
 * and nothing else moves; one that comes displaces at most one. Nobody has to know how many clients there are. The trade: the
 * subsets of all clients cover the endpoints as evenly as chance does, not evenly (gRFC A68 makes the same one).
 */
import type { Entry } from './directory.ts';
import { orderOf, whole, type SubsetStrategy } from './subset-strategy.ts';

/** Remembers nothing. */
export const rendezvousStrategy: SubsetStrategy = {
  choose: (entries, size) => (entries.length <= size ? whole(entries) : orderOf(rendezvous(entries, 2 * size), size)),
  dueAt: Infinity,
};

/** Up to so many, inserting each into those that are kept costs less than sorting all. */
const FEW = 64;

/** The first `count` in this client's order, highest first. */
export function rendezvous(entries: readonly Entry[], count: number): readonly Entry[] {
  if (count > FEW) return [...entries].sort((a, b) => (goesBefore(a, b) ? -1 : 1)).slice(0, count);
  const first: Entry[] = [];
  for (const entry of entries) {
    if (first.length === count && !goesBefore(entry, first[count - 1]!)) continue;
    // After the first few hundred endpoints hardly any gets here.
    let place = first.length === count ? count - 1 : first.length;
    for (; place > 0 && goesBefore(entry, first[place - 1]!); place -= 1) first[place] = first[place - 1]!;
    first[place] = entry;
  }
  return first;
}

/** Equal scores are ordered by key, so that the order of the answer never matters. */
function goesBefore(a: Entry, b: Entry): boolean {
  return a.score === b.score ? a.key < b.key : a.score > b.score;
}
