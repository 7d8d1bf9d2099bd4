/**
 * Rendezvous hashing (highest random weight; Thaler and Ravishankar 1996): which endpoints this process talks to.
 *
 *     subset = the `size` endpoints with the highest hash(client, endpoint)
 *
 * Every client draws its own order of all endpoints, and keeps it. So an endpoint that leaves is replaced by the next in order
 * and nothing else moves; one that comes displaces at most one. Nobody has to know how many clients there are. The trade: the
 * subsets of all clients cover the endpoints as evenly as chance does, not evenly (gRFC A68 makes the same one).
 *
 * The hash is FNV-1a over the endpoint's key, begun from the client's own hash, with murmur3's finaliser: FNV alone leaves keys
 * that differ in their last character close together, and pods' addresses do just that. It need not resist anybody: who can
 * choose addresses in the answer already decides where traffic goes.
 */
import { endpointKey, type Endpoint } from '../core/endpoint.ts';

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** The first `size` endpoints in this client's order, highest first; all of them, in their own order, where there are no more. */
export function rendezvous(endpoints: readonly Endpoint[], size: number, identity: string): readonly Endpoint[] {
  if (endpoints.length <= size) return endpoints;
  const seed = hash(identity, FNV_OFFSET);
  const chosen: Ranked[] = [];
  for (const endpoint of endpoints) {
    const key = endpointKey(endpoint);
    const ranked = { endpoint, key, score: hash(key, seed) };
    if (chosen.length === size && !goesBefore(ranked, chosen[size - 1]!)) continue;
    // Kept in order by insertion: after the first few hundred endpoints hardly any gets here.
    let place = chosen.length === size ? size - 1 : chosen.length;
    for (; place > 0 && goesBefore(ranked, chosen[place - 1]!); place -= 1) chosen[place] = chosen[place - 1]!;
    chosen[place] = ranked;
  }
  return chosen.map((ranked) => ranked.endpoint);
}

interface Ranked {
  readonly endpoint: Endpoint;
  readonly key: string;
  readonly score: number;
}

/** Equal scores are ordered by key, so that the order of the answer never matters. */
function goesBefore(a: Ranked, b: Ranked): boolean {
  return a.score === b.score ? a.key < b.key : a.score > b.score;
}

function hash(text: string, seed: number): number {
  let mixed = seed;
  for (let at = 0; at < text.length; at += 1) mixed = Math.imul(mixed ^ text.charCodeAt(at), FNV_PRIME);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
