/**
 * The headers by which one process tells the next how long it waits, how much it matters and which attempt this is.
 *
 *     x-envoy-expected-rq-timeout-ms   whole milliseconds                          Envoy's router
 *     grpc-timeout                     at most 8 digits and one of H M S m u n     gRPC over HTTP/2
 *     x-envoy-attempt-count            1 for the first                             Envoy's router
 *     x-inmesh-criticality             one of the four names of criticality.ts     ours, for want of a standard
 *
 * Times are what remains, never an instant: clocks differ between machines, and what a request spends on the way is little beside that.
 * (RFC 9218's `priority` is no criticality: it orders the delivery of responses, and what is between client and server may rewrite it.)
 *
 * What comes from outside is read with suspicion: what is not exactly of this form is as good as not there.
 */
import type { CallContext } from './ambient.ts';
import type { Millis } from './clock.ts';
import { isCriticality } from './criticality.ts';

export const EXPECTED_TIMEOUT_HEADER = 'x-envoy-expected-rq-timeout-ms';
export const GRPC_TIMEOUT_HEADER = 'grpc-timeout';
export const ATTEMPT_COUNT_HEADER = 'x-envoy-attempt-count';
export const CRITICALITY_HEADER = 'x-inmesh-criticality';

/** Headers as a server of any kind has them: Node's, fetch's, a plain object of any case. */
export type InboundHeaders = { get(name: string): string | null } | { readonly [name: string]: string | readonly string[] | undefined };

const grpcUnits = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 } as const;

/** As far as timers reach; nobody waits longer, whatever they say. */
const LONGEST: Millis = 24 * 24 * 3_600_000;
/** More attempts than anybody makes. */
const MOST_ATTEMPTS = 1000;

/**
 * What an inbound request says of itself, for `mesh.run`. Of several deadlines the shortest counts. Never throws: nonsense is ignored.
 *
 * Whoever is reachable from outside decides here whom to believe: a stranger may ask for `critical-plus` as anybody may.
 */
export function contextFromHeaders(headers: InboundHeaders): CallContext {
  const said = typeof headers.get === 'function' ? fromMap(headers as HeaderMap) : fromObject(headers as PlainHeaders);
  if (said === undefined) return {};
  const deadline = Math.min(shortest(said[EXPECTED_TIMEOUT_HEADER], parseExpectedTimeout), shortest(said[GRPC_TIMEOUT_HEADER], parseGrpcTimeout));
  const criticality = valuesOf(said[CRITICALITY_HEADER]).find(isCriticality);
  const attempt = Math.max(0, ...valuesOf(said[ATTEMPT_COUNT_HEADER]).map(parseAttemptCount));
  return {
    ...(deadline === Infinity ? {} : { deadline }),
    ...(criticality === undefined ? {} : { criticality }),
    ...(attempt === 0 ? {} : { attempt }),
  };
}

/** Undefined where it says nothing usable. 0 is such a case: it means "no limit" to some and "too late" to others. */
export function parseExpectedTimeout(value: string): Millis | undefined {
  return /^\d{1,15}$/.test(value) && Number(value) > 0 ? Number(value) : undefined;
}

/** Undefined where it says nothing usable. 0 is usable: clients write it when no time is left. */
export function parseGrpcTimeout(value: string): Millis | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(value);
  return match === null ? undefined : Number(match[1]) * grpcUnits[match[2] as keyof typeof grpcUnits];
}

/** In the finest unit that holds it, rounded down so that it is never more; at least 1 ms, as 0 means different things to different servers. */
export function formatGrpcTimeout(remaining: Millis): string {
  for (const unit of ['m', 'S', 'M'] as const) {
    const count = Math.max(1, Math.floor(remaining / grpcUnits[unit]));
    if (count < 1e8) return `${count}${unit}`;
  }
  return `${Math.min(99_999_999, Math.floor(remaining / grpcUnits.H))}H`;
}

function parseAttemptCount(value: string): number {
  const count = /^[1-9]\d{0,3}$/.test(value) ? Number(value) : 0;
  return count <= MOST_ATTEMPTS ? count : 0;
}

/** Infinity where it says nothing usable. */
function shortest(value: HeaderValue, parse: (text: string) => Millis | undefined): Millis {
  let least = Infinity;
  for (const text of valuesOf(value)) least = Math.min(least, parse(text) ?? Infinity);
  return least === Infinity ? least : Math.min(least, LONGEST);
}

/** Nearly always none or one; a header that was repeated arrives as a list, or joined with commas. */
function valuesOf(value: HeaderValue): readonly string[] {
  if (value === undefined || value === null || value.length > 1000) return nothing;
  if (typeof value === 'string' && !value.includes(',')) return [value.trim()];
  return String(value).split(',').map((part) => part.trim());
}

const nothing: readonly string[] = [];

type HeaderMap = Extract<InboundHeaders, { get(name: string): string | null }>;
type PlainHeaders = { readonly [name: string]: string | readonly string[] | undefined };
type HeaderValue = string | readonly string[] | null | undefined;
type Said = Record<string, HeaderValue>;

const names = [EXPECTED_TIMEOUT_HEADER, GRPC_TIMEOUT_HEADER, ATTEMPT_COUNT_HEADER, CRITICALITY_HEADER] as const;
/** No two are of one length. */
const nameOfLength: readonly (string | undefined)[] = Array.from({ length: 1 + Math.max(...names.map(({ length }) => length)) }, (_, length) => names.find((name) => name.length === length));

function fromMap(headers: HeaderMap): Said {
  return Object.fromEntries(names.map((name) => [name, headers.get(name)]));
}

/** One look at each header's name, in whatever letters; one in small letters goes before others. Undefined: there is none of these. */
function fromObject(headers: PlainHeaders): Said | undefined {
  let said: Said | undefined;
  for (const key in headers) {
    const name = nameOfLength[key.length];
    if (name === undefined || (key !== name && key.toLowerCase() !== name) || !Object.hasOwn(headers, key)) continue;
    said ??= {};
    if (key === name || said[name] === undefined) said[name] = headers[key];
  }
  return said;
}
