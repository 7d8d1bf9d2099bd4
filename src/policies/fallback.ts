/**
 * Fallback: what the caller wants in the place of a reply that cannot be had. It is for the calls that this client turned away or gave up:
 *
 *     CIRCUIT_OPEN   OVERLOADED  THROTTLED  RATE_LIMITED   NO_ENDPOINTS  DISCOVERY_FAILED   DEADLINE_EXCEEDED
 *
 * and for no others: a final 5xx is a response, a connection that broke says nothing about the next call, and who has left
 * wants nothing any more. It stands above all other layers, so it is asked once, after the last retry, and what it takes is outside of the
 * deadline. (Polly's outermost strategy; Finagle's ResponseClassifier and `rescue`.)
 *
 * What it gives is a reply like any other, so fetch, request and handlers of the dispatcher all see it as the response.
 */
import type { Call, Layer, Reply } from '../core/call.ts';
import { MeshError, type ErrorCode } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { LocalReply } from '../core/local-reply.ts';
import { contentOf, isSubstitute, lastingContentOf } from '../core/substitute.ts';

const replaced: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['CIRCUIT_OPEN', 'OVERLOADED', 'THROTTLED', 'RATE_LIMITED', 'NO_ENDPOINTS', 'DISCOVERY_FAILED', 'DEADLINE_EXCEEDED']);

export function fallback({ emit }: { readonly emit: Emit }): Layer<Call> {
  return (next) =>
    function fallback(call) {
      if (call.options.fallback === undefined) return next(call);
      return next(call).catch((error: unknown) => {
        if (!(error instanceof MeshError) || !replaced.has(error.code)) throw error;
        // There a response is no answer, and a socket cannot be made here.
        if (call.request.upgrade !== undefined || call.request.method === 'CONNECT') throw error;
        return fallBack(call, error, emit);
      });
    };
}

async function fallBack(call: Call, error: MeshError, emit: Emit): Promise<Reply> {
  const { service } = call;
  call.fellBack = error;
  try {
    const content = await substituteFor(call, error);
    emit('call.fallback', { service, because: error.code, failed: false });
    const { body } = call.request.method === 'HEAD' ? { body: [] } : content;
    return new LocalReply({ ...content, body }, call.cancellation);
  } catch (thrown) {
    emit('call.fallback', { service, because: error.code, failed: true });
    throw becauseOf(error, thrown);
  }
}

async function substituteFor({ service, options }: Call, error: MeshError): Promise<ReturnType<typeof contentOf>> {
  const { fallback } = options;
  if (typeof fallback !== 'function') return lastingContentOf(fallback!);
  const given: unknown = await fallback(error);
  if (isSubstitute(given)) return contentOf(given);
  const what = given === undefined || given === null ? 'nothing' : `something of type ${typeof given}`;
  throw new MeshError('INVALID_REQUEST', `${service}: mesh.fallback gave ${what} (expected: a Response, a string or bytes)`, { service, cause: error });
}

/** What was thrown, with the error for which the fallback was asked as its cause, unless it has one. */
function becauseOf(error: MeshError, thrown: unknown): unknown {
  if (!(thrown instanceof Error)) return new Error(`the fallback threw ${String(thrown)}`, { cause: error });
  if (thrown.cause === undefined && thrown !== error && Object.isExtensible(thrown)) Object.defineProperty(thrown, 'cause', { value: error, configurable: true, writable: true });
  return thrown;
}
