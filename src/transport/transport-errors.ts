/**
 * What undici and the socket said, as a MeshError: the code, whose fault it is, and how sure we are that nothing was sent.
 *
 * `sent` rests on one fact: undici announces a request (`onConnect`) on a connected socket just before its first byte is
 * written. What fails before that never left. A reset after it proves nothing, also on a reused socket: that the
 * connection was idle says how it was chosen, not that the request was not processed.
 */
import type { Millis } from '../core/clock.ts';
import type { Endpoint } from '../core/endpoint.ts';
import { endpointKey } from '../core/endpoint.ts';
import { MeshError, type Sent } from '../core/errors.ts';
import { PeerNotVerified, refusedOurCertificate } from './secure-connect.ts';

/** What the caller got wrong; every endpoint would say the same. */
const CALLERS_MISTAKES = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED', 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH', 'ERR_INVALID_ARG_TYPE', 'ERR_INVALID_CHAR']);

/**
 * No connection, and not the endpoint's fault: the pool was closed between the pick and the send, or this machine has no
 * descriptors, ports or memory left. To eject endpoints for that would take a healthy fleet down.
 */
const OUR_OWN = new Set(['UND_ERR_DESTROYED', 'UND_ERR_CLOSED', 'EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL', 'EACCES', 'EPERM']);

/** A timer that fires this late fired in a process that stood still; the connection may have been there long since. */
const STALL: Millis = 100;

export function stalled(late: Millis, limit: Millis): boolean {
  return late >= STALL && late >= limit / 10;
}

/** The server said, in the words of HTTP/2, that it did not process a request; or the request was never begun. */
export class NotProcessed extends Error {
  constructor(message: string, cause?: Error) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'NotProcessed';
  }
}

/** What ends a connection that was not made in time. */
export class ConnectTimeout extends Error {
  readonly stalled: boolean;

  constructor(limit: Millis, late: Millis) {
    super(`not connected within ${limit} ms`);
    this.stalled = stalled(late, limit);
  }
}

export interface ErrorContext {
  readonly service: string;
  readonly endpoint: Endpoint;
  readonly attempts: number;
  readonly sent: Sent;
  /** The request body, not the connection, failed. */
  readonly bodyFailed: boolean;
}

export function toMeshError(error: unknown, context: ErrorContext): MeshError {
  if (error instanceof MeshError) {
    if (error.code === 'CLIENT_CLOSED') return clientClosed(error, context);
    error.sent = context.sent;
    error.endpoint ??= endpointKey(context.endpoint);
    return error;
  }
  const { service, sent, attempts } = context;
  const endpoint = endpointKey(context.endpoint);
  const details = { service, endpoint, attempts, sent, cause: error };
  const code = codeOf(error);
  const what = describe(error);
  if (context.bodyFailed || CALLERS_MISTAKES.has(code)) {
    return new MeshError('INVALID_REQUEST', `${service}: the request could not be sent: ${what}`, details);
  }
  if (error instanceof PeerNotVerified) {
    return new MeshError('IDENTITY_MISMATCH', `${service}: ${endpoint} did not prove who it is: ${what}`, details);
  }
  if (sent !== 'yes' && refusedOurCertificate(error)) {
    return new MeshError('IDENTITY_MISMATCH', `${service}: ${endpoint} did not accept who we are: ${what}`, { ...details, sent: 'no' });
  }
  // It is alive, and takes no more, for now or for good.
  if (error instanceof NotProcessed && sent !== 'yes') {
    return new MeshError('CONNECTION_RESET', `${service}: ${endpoint} did not take the request: ${what}`, { ...details, sent: 'no', outcome: 'overload' });
  }
  if (sent === 'no') {
    const outcome = OUR_OWN.has(code) || (error instanceof ConnectTimeout && error.stalled) ? 'local' : 'failure';
    return new MeshError('CONNECT_FAILED', `${service}: could not connect to ${endpoint}: ${what}`, { ...details, outcome });
  }
  if (code === 'UND_ERR_HEADERS_TIMEOUT') {
    return new MeshError('ATTEMPT_TIMEOUT', `${service}: no response headers from ${endpoint} within headersTimeout`, details);
  }
  const when = sent === 'yes' ? 'in the middle of the response' : 'before a response';
  return new MeshError('CONNECTION_RESET', `${service}: connection to ${endpoint} broke ${when}: ${what}`, details);
}

/** One reason breaks everything in flight; what was sent, and where, is each attempt's own. */
function clientClosed(reason: MeshError, { service, endpoint, attempts, sent }: ErrorContext): MeshError {
  return new MeshError('CLIENT_CLOSED', reason.message, { service, endpoint: endpointKey(endpoint), attempts, sent, cause: reason });
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : '';
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Happy Eyeballs wraps its failures in an AggregateError without a message.
  if (error instanceof AggregateError && error.message === '') return error.errors.map(describe).join('; ');
  const code = codeOf(error);
  return code === '' || error.message.includes(code) ? error.message : `${error.message} (${code})`;
}
