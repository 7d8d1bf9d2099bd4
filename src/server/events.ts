/**
 * What the server half decides, as events; docs/server.md is checked against this list by a test.
 */
import type { Criticality } from '../core/criticality.ts';
import { TypedEvents } from '../core/typed-events.ts';

export interface ServerEventMap {
  /** A request was turned away before it was begun; it would have been, where it is not `enforced`. */
  'request.refused': { service: string; reason: RefusedReason; method: string; path: string; criticality: Criticality; caller: string | undefined; enforced: boolean };
  /** It is on its way out (drain.ts); at the end, with so many requests broken off. */
  'drain.phase': { service: string; phase: Exclude<DrainPhase, 'serving'>; inFlight: number; brokenOff: number };
}

export type DrainPhase = 'serving' | 'leaving' | 'closing' | 'closed';

/** Who asks may not · its time was over when it came · there was no room for one of its criticality. */
export type RefusedReason = 'forbidden' | 'deadline' | 'overload';

export class ServerEvents extends TypedEvents<ServerEventMap> {}
