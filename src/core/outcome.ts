/**
 * Outcome: the kind of a result (outcome-kind.ts), read off a reply or an error.
 */
import type { Clock, Millis } from './clock.ts';
import { MeshError } from './errors.ts';
import { parseHttpDate } from './http-date.ts';
import type { OutcomeKind } from './outcome-kind.ts';

export type { OutcomeKind } from './outcome-kind.ts';

export interface Outcome {
  readonly kind: OutcomeKind;
  /** How long the server asked us to stay away (Retry-After); undefined where it did not say. */
  readonly retryAfter?: Millis | undefined;
  /** There was no connection, or one to somebody else: whatever is or was at this address cannot be talked to now. */
  readonly unreachable?: true;
  /** Cancelled because another attempt of the same call was answered first: an answer would have taken longer than it was waited for. */
  readonly outrun?: true;
}

const outcomes: { readonly [Kind in OutcomeKind]: Outcome } = {
  success: { kind: 'success' },
  failure: { kind: 'failure' },
  overload: { kind: 'overload' },
  local: { kind: 'local' },
  cancelled: { kind: 'cancelled' },
};

const unreachable: Outcome = { kind: 'failure', unreachable: true };

/** What the headers of a reply say, for every layer to ask for itself. Without a clock, what Retry-After dates say is not for how long. */
export function classifyReply(reply: { readonly status: number; header(name: string): string | undefined }, clock?: Pick<Clock, 'wall'>): Outcome {
  const status = reply.status;
  if (status < 500 && status !== 429) return outcomes.success;
  // 501: "I do not know this method": every endpoint would say the same, so it is nobody's fault.
  if (status === 501) return outcomes.success;
  if (status !== 429 && status !== 503) return outcomes.failure;
  const retryAfter = parseRetryAfter(reply.header('retry-after'), clock?.wall() ?? 0);
  if (retryAfter !== undefined) return { kind: 'overload', retryAfter };
  return status === 429 ? outcomes.overload : outcomes.failure;
}

/**
 * What an error says: a MeshError knows, anything else is a fault of this process and nobody else's.
 *
 * A deadline that passes in the middle of a body says nothing: the endpoint answered, and whether it sent slowly or the
 * caller read slowly cannot be told apart from here.
 */
export function classifyError(error: unknown): Outcome {
  if (!(error instanceof MeshError)) return outcomes.local;
  if (error.code === 'DEADLINE_EXCEEDED' && error.sent === 'yes') return outcomes.cancelled;
  if ((error.code === 'CONNECT_FAILED' || error.code === 'IDENTITY_MISMATCH') && error.outcome === 'failure') return unreachable;
  return outcomes[error.outcome];
}

/**
 * Retry-After (RFC 9110 §10.2.3): seconds or an HTTP date. Undefined where it says nothing usable, so that nonsense means
 * an ordinary backoff and never an immediate retry; a date gone by means "now".
 */
export function parseRetryAfter(value: string | undefined, wall: Millis): Millis | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1000;
  const at = parseHttpDate(text, wall);
  return at === undefined ? undefined : Math.max(0, at - wall);
}
