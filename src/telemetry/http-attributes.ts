/**
 * An HTTP client span as OpenTelemetry's semantic conventions want it (HTTP client spans, stable since 1.23). The dozen names
 * used here are written out: a package of some thousand constants is a lot to load for that.
 *
 * `server.*` is what the caller asked for (the Host header), `network.peer.*` where it went. So a pod's address never becomes
 * the identity of a service, and is still there when one pod misbehaves.
 */
import type { Attributes } from '@opentelemetry/api';
import type { Attempt, MeshRequest } from '../core/call.ts';
import { MeshError } from '../core/errors.ts';
import type { OutcomeKind } from '../core/outcome.ts';

/** RFC 9110, PATCH (RFC 5789) and QUERY; anything else could be any string and would make any number of span names. */
const KNOWN_METHODS = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'QUERY', 'TRACE']);

/** Signatures and credentials of the clouds' presigned URLs: the convention's list, and what AWS's fourth version uses. */
const SECRET_PARAMETERS = /([?&](?:AWSAccessKeyId|Signature|sig|X-Goog-Signature|X-Amz-Signature|X-Amz-Credential|X-Amz-Security-Token)=)[^&#]+/g;

export function spanName(method: string): string {
  return KNOWN_METHODS.has(method) ? method : 'HTTP';
}

export function knownMethod(method: string): string {
  return KNOWN_METHODS.has(method) ? method : '_OTHER';
}

/** What is known before the attempt is sent. */
export function requestAttributes({ call, number }: Attempt, { address, port, origin }: Target = targetOf(call.request)): Attributes {
  const { request, hops } = call;
  const method = knownMethod(request.method);
  const attributes: Attributes = {
    'http.request.method': method,
    'server.address': address,
    'server.port': port,
    'url.full': fullUrl(origin, request.path),
  };
  if (method !== request.method) attributes['http.request.method_original'] = request.method;
  const resent = hops === undefined ? number - 1 : hops.sent++;
  if (resent > 0) attributes['http.request.resend_count'] = resent;
  if (request.upgrade !== undefined) attributes['network.protocol.name'] = request.upgrade.toLowerCase();
  return attributes;
}

/** `error.type` of something thrown: few values, the codes of docs/errors.md in lower case. */
export function errorType(error: unknown): string {
  return error instanceof MeshError ? error.code.toLowerCase() : '_OTHER';
}

/** Of a call that ended with this. What it says about an endpoint (`classifyError`) is another question. */
export function outcomeOf(error: unknown): OutcomeKind {
  return error instanceof MeshError ? error.outcome : 'local';
}

export interface Server {
  readonly address: string;
  readonly port: number;
}

export function serverOf({ scheme, authority }: MeshRequest): Server {
  const [, address = authority, port] = /^(?:.*@)?(?:\[(?=.*\]))?([^\]]*?)\]?(?::(\d+))?$/.exec(authority) ?? [];
  return { address, port: port === undefined ? (scheme === 'https' ? 443 : 80) : Number(port) };
}

/** Whom a request is for, worked out once for all that are for the same. */
export interface Target extends Server {
  readonly scheme: string;
  readonly authority: string;
  /** Without credentials. */
  readonly origin: string;
}

export function targetOf(request: MeshRequest): Target {
  const { scheme, authority } = request;
  const at = authority.lastIndexOf('@');
  const host = at === -1 ? authority : `REDACTED:REDACTED@${authority.slice(at + 1)}`;
  return { ...serverOf(request), scheme, authority, origin: `${scheme}://${host}` };
}

function fullUrl(origin: string, path: string): string {
  // `OPTIONS *` and CONNECT have no path.
  if (!path.startsWith('/')) return origin;
  return origin + (path.includes('?') ? path.replace(SECRET_PARAMETERS, '$1REDACTED') : path);
}
