/**
 * What was sent, of attempts that failed: the typed proof on which everything rests that is sent again.
 */
import { MeshError, type Sent } from '../core/errors.ts';

/** What is no MeshError is a fault of this process somewhere on the way; nobody knows how far it got. */
export function evidence(error: unknown): Sent {
  return error instanceof MeshError ? error.sent : 'maybe';
}

/** Of two attempts together. */
export function more(one: Sent, other: Sent): Sent {
  if (one === 'yes' || other === 'yes') return 'yes';
  return one === 'maybe' || other === 'maybe' ? 'maybe' : 'no';
}
