/**
 * What was sent, of attempts that failed or were turned away: the typed proof on which everything rests that is sent again.
 */
import type { Attempt, Reply } from '../core/call.ts';
import { MeshError, type Sent } from '../core/errors.ts';
import { NOT_PROCESSED_HEADER, saysNotProcessed } from '../core/not-processed.ts';

/** What is no MeshError is a fault of this process somewhere on the way; nobody knows how far it got. */
function evidence(error: unknown): Sent {
  return error instanceof MeshError ? error.sent : 'maybe';
}

/** Of an attempt that was answered: `no` where the endpoint says itself that it did not begin with it, and the policy believes that. */
function evidenceOfReply({ call, endpoint }: Attempt, reply: Reply): Sent {
  if (reply.status !== 503 && reply.status !== 504) return 'yes';
  const { retry } = call.policy;
  if (retry === 'off' || !retry.notProcessed || endpoint === undefined) return 'yes';
  return saysNotProcessed(reply.header(NOT_PROCESSED_HEADER), endpoint) ? 'no' : 'yes';
}

/** Of an attempt that has ended, with one or the other. */
export function evidenceOf(attempt: Attempt, reply: Reply | undefined, error: unknown): Sent {
  return reply === undefined ? evidence(error) : evidenceOfReply(attempt, reply);
}

/** Of two attempts together. */
export function more(one: Sent, other: Sent): Sent {
  if (one === 'yes' || other === 'yes') return 'yes';
  return one === 'maybe' || other === 'maybe' ? 'maybe' : 'no';
}
