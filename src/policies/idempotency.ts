/**
 * May this request be sent once more? Only if its work is not done twice by that: it provably never left, its method promises
 * so (RFC 9110 §9.2.2, as the policy lists), or the caller gave it a key by which the server knows a repetition (the
 * Idempotency-Key header). A retry without one of these has paid people twice (istio/istio#13851).
 */
import type { Call } from '../core/call.ts';
import type { Sent } from '../core/errors.ts';

export function mayBeRepeated(call: Call, methods: readonly string[], sent: Sent): boolean {
  return sent === 'no' || methods.includes(call.request.method) || hasIdempotencyKey(call);
}

/**
 * Whether two attempts at this request may run at the same time. Less than may follow each other: of two PUTs the one that lost may
 * still be on its way when the caller, long answered, puts something else in its place.
 */
export function mayRunTwice(call: Call, methods: readonly string[]): boolean {
  const { method } = call.request;
  return (isSafe(method) && methods.includes(method)) || hasIdempotencyKey(call);
}

/** Asks, and changes nothing (RFC 9110 §9.2.1; QUERY, RFC 10008). */
export function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE' || method === 'QUERY';
}

/** An empty key tells no repetition from a new request, so it is none. */
function hasIdempotencyKey({ options, request }: Call): boolean {
  if (options.idempotencyKey) return true;
  const { headers } = request;
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index];
    if (typeof name === 'string' && name.toLowerCase() === 'idempotency-key') return headers[index + 1]!.length > 0;
  }
  return false;
}
