/**
 * Power of two choices: draw two different candidates, take the less loaded one.
 *
 * Always taking the least loaded of all makes every client run to the same endpoint with the same stale knowledge; of two
 * drawn ones, the longest queue is still only log log n, at O(1) (Mitzenmacher 1996). Distinct, as in Finagle
 * (p2c/P2CPick.scala): with replacement, one pick in n has no choice at all, which is half of them with two endpoints.
 *
 * Where one of the two has been tried or is full, all candidates are looked at once, to draw two of those that are best off.
 * That happens to a share of about 2k/n of the picks when k of n are such, so it costs O(k) on average, and never allocates.
 */
import type { Millis } from '../core/clock.ts';
import type { EndpointKey } from '../core/endpoint.ts';
import { below, type Random } from '../core/random.ts';
import { rank, type Candidate, type Picker, type PickRequest } from './picker.ts';

export class P2c<Some extends Candidate> implements Picker<Some> {
  readonly #random: Random;
  #candidates: readonly Some[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  use(candidates: readonly Some[]): void {
    this.#candidates = candidates;
  }

  load(candidate: Some, now: Millis): number {
    return candidate.load(now);
  }

  pick({ tried }: PickRequest, room: number, now: Millis): Some | undefined {
    const candidates = this.#candidates;
    const random = this.#random;
    const count = candidates.length;
    if (count < 2) return candidates[0];
    const first = below(random, count);
    const a = candidates[first]!;
    const b = candidates[other(first, count, random)]!;
    if (rank(a, tried, room) === 0 && rank(b, tried, room) === 0) return freer(a, b, now);

    let best = Infinity;
    let among = 0;
    for (let index = 0; index < count; index += 1) {
      const found = rank(candidates[index]!, tried, room);
      if (found > best) continue;
      among = found < best ? 1 : among + 1;
      best = found;
    }
    const drawn = below(random, among);
    const c = nth(candidates, drawn, best, tried, room);
    return among === 1 ? c : freer(c, nth(candidates, other(drawn, among, random), best, tried, room), now);
  }
}

/** The candidate of this rank that has `place` others of it before it. */
function nth<Some extends Candidate>(candidates: readonly Some[], place: number, wanted: number, tried: ReadonlySet<EndpointKey>, room: number): Some {
  let index = -1;
  for (let left = place; left >= 0; ) if (rank(candidates[++index]!, tried, room) === wanted) left -= 1;
  return candidates[index]!;
}

function freer<Some extends Candidate>(a: Some, b: Some, now: Millis): Some {
  return a.load(now) <= b.load(now) ? a : b;
}

/** Uniform among the indices below `count` other than this one. */
function other(index: number, count: number, random: Random): number {
  const drawn = below(random, count - 1);
  return drawn >= index ? drawn + 1 : drawn;
}
