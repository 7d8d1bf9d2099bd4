/**
 * Picker: chooses one of the candidates for one attempt. Looking at candidates never changes them.
 *
 * What every picker owes, in this order: an endpoint this call has not tried yet goes before one it has, because the retry that
 * meets the same fault again is wasted; one with room goes before one that is full. Both are preferences: where nothing else is
 * there, the best of what is there is taken, and only an empty list gives nothing.
 */
import type { Millis } from '../core/clock.ts';
import type { EndpointKey } from '../core/endpoint.ts';
import type { Random } from '../core/random.ts';

export interface Candidate {
  readonly key: EndpointKey;
  /** Attempts in flight. */
  readonly pending: number;
  /** Smaller is freer. */
  load(now: Millis): number;
}

export type Picker = <Some extends Candidate>(
  candidates: readonly Some[],
  tried: ReadonlySet<EndpointKey>,
  /** A candidate with this many attempts in flight is full. */
  room: number,
  now: Millis,
  random: Random,
) => Some | undefined;

/** 0 is best: untried with room, untried but full, tried with room, tried and full. */
export function rank(candidate: Candidate, tried: ReadonlySet<EndpointKey>, room: number): number {
  return (tried.size !== 0 && tried.has(candidate.key) ? 2 : 0) + (candidate.pending >= room ? 1 : 0);
}
