/**
 * Picker: chooses one of the candidates for one attempt. A cluster has one, of the kind that its policy names; it may remember
 * what it needs between picks (good endpoints, whose turn it is). Looking at candidates never changes them.
 *
 * What every picker owes, in this order: an endpoint this call has not tried yet goes before one it has, because the retry that
 * meets the same fault again is wasted; one with room goes before one that is full; one that is not held back goes before one that is. All
 * are preferences: where nothing else is there, the best of what is there is taken, and only an empty list gives nothing.
 */
import type { HeaderList } from '../core/call.ts';
import type { Millis } from '../core/clock.ts';
import type { EndpointKey } from '../core/endpoint.ts';
import type { Tried } from '../core/tried.ts';
import { IN_FLIGHT, PHASE, type Figures, type Row } from './figures.ts';
import type { LoadReport } from './load-report.ts';

/**
 * What a picker sees of an endpoint. At that of those that are compared and not taken it does not look: of ten thousand each is somewhere else in
 * memory, and what is compared is in their rows.
 */
export interface Candidate {
  readonly key: EndpointKey;
  readonly row: Row;
  /** What it last said of its own load. */
  readonly report?: LoadReport | undefined;
  /** It has just come, and this pick is to leave it alone (slow-start.ts). Asked of those alone whose figures say that they are new. */
  readonly heldBack?: boolean;
}

/** For whom an endpoint is picked. A Call is one. */
export interface PickRequest {
  /** Endpoints that attempts of the same call went to. */
  readonly tried: Tried;
  /** Requests with the same key should go to the same endpoint, where the policy says `hash`. */
  readonly hashKey?: string | undefined;
  /** What is sent: the policy may say that a header of it names the key. */
  readonly request?: { readonly headers: HeaderList };
}

export interface Picker<Some extends Candidate = Candidate> {
  /** From now on these are the candidates; the array is shared, and replaced whole when anything about it changes. */
  use(candidates: readonly Some[], now: Millis): void;
  /** Undefined where there are no candidates, and only then. One with `room` attempts in flight is full. */
  pick(request: PickRequest, room: number, now: Millis): Some | undefined;
  /** What it compares; smaller is freer. Asking changes nothing. */
  load(candidate: Some, now: Millis): number;
  /** An attempt at this one has been answered well. */
  succeeded?(candidate: Some, now: Millis): void;
}

/** By place. */
export function rowsOf(candidates: readonly Candidate[]): Int32Array<ArrayBuffer> {
  return Int32Array.from(candidates, ({ row }) => row);
}

/** 0 is best: tried weighs more than full, and full more than held back. `row`: that of the candidate. */
export function rank({ numbers, history, warming }: Figures, row: Row, candidate: Candidate, tried: Tried, room: number): number {
  return (tried.size !== 0 && tried.has(candidate.key) ? 4 : 0) + (numbers[row + IN_FLIGHT]! >= room ? 2 : 0) + (warming && history[row + PHASE]! !== 0 && candidate.heldBack === true ? 1 : 0);
}
