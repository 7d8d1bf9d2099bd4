/**
 * Witness: who hears, with the call in hand, of each decision that changed what becomes of it: the call's span, where it is recorded, and
 * its decision record, where somebody asked for one. Most calls have none, and then nothing is worked out for it.
 *
 * Events (events.ts) tell the same to everybody else, without the call.
 */
import type { Millis } from './clock.ts';
import type { PickCandidate } from './decision.ts';
import type { Endpoint, EndpointKey } from './endpoint.ts';
import type { EjectionReason } from './events.ts';
import type { PanicMode } from './policy.ts';

export type Another = 'retry' | 'hedge';

export interface Pick {
  /** Undefined: there was none. */
  readonly endpoint: EndpointKey | undefined;
  /** Of that endpoint, before the attempt: where it is not `available`, the attempt is a trial, or panic left no better one. */
  readonly state: string;
  readonly panic: false | 'observed' | PanicMode;
  /** All that there were, as they were. */
  readonly candidates: () => readonly PickCandidate[];
}

/** What of an attempt a witness sees. */
export interface WitnessedAttempt {
  /** 1 for the first. */
  readonly number: number;
  /** Undefined: none was picked yet. */
  readonly endpoint: Endpoint | undefined;
}

/** None of these may throw. */
export interface Witness {
  /** Where an attempt goes. */
  picked(attempt: WitnessedAttempt, pick: Pick): void;
  /** What came of it: its headers, or an error. */
  answered(attempt: WitnessedAttempt, status: number | undefined, error: unknown): void;
  /** What came of an attempt took its endpoint out of use; it would have, where it is not enforced. */
  ejected(attempt: WitnessedAttempt, reason: EjectionReason, enforced: boolean): void;
  /** An attempt was delayed or aborted on purpose. */
  faulted(attempt: WitnessedAttempt, delay: Millis | undefined, abort: number | 'reset' | undefined): void;
  /** Another attempt begins, or is scheduled; it would, where it is not enforced. */
  again(what: Another, attempt: number, enforced: boolean): void;
  /** Another attempt was wanted and is not made; where it is not enforced, it is made, and would not be. */
  suppressed(what: Another, reason: string, enforced: boolean): void;
}
