/**
 * A request as HTTP/2 has it (RFC 9113 §8.2, §8.3): method, path and authority are headers, names are in lower case, and what was about the
 * connection alone is left out. node:http2 checks names; values are checked here, for one with a line break would be two headers to whoever
 * translates it to HTTP/1.1.
 */
import type { OutgoingHttpHeaders } from 'node:http2';
import type { HeaderList } from '../core/call.ts';

export interface Http2Request {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  readonly path: string;
  /** `host` among them. */
  readonly headers: HeaderList;
  /** Null: none. */
  readonly body: unknown;
}

const OF_THE_CONNECTION = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'http2-settings', 'expect']);
/** RFC 9110 §5.5, less the line breaks and NUL that it forbids. */
 
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** @throws what says that the caller's request cannot be sent */
export function http2Headers({ method, scheme, path, headers, body }: Http2Request): OutgoingHttpHeaders {
  const out: OutgoingHttpHeaders = { ':method': method, ':scheme': scheme, ':path': path };
  if (!NAME.test(method.toLowerCase())) throw invalid('method', method);
   
  if (/[^\x21-\xff]/.test(path)) throw invalid('path', path);
  for (let index = 0; index < headers.length; index += 2) {
    const name = String(headers[index]).toLowerCase();
    const given = headers[index + 1]!;
    if (!NAME.test(name)) throw invalid('header name', name);
    for (const value of typeof given === 'string' ? [given] : given) {
      if (!VALUE.test(value)) throw invalid(`header ${name}`, value);
      if (OF_THE_CONNECTION.has(name) || (name === 'te' && value.toLowerCase() !== 'trailers')) continue;
      const key = name === 'host' ? ':authority' : name;
      const before = out[key];
      if (before === undefined) out[key] = value;
      else if (key !== ':authority') out[key] = [...(Array.isArray(before) ? before : [String(before)]), value];
    }
  }
  if (out['content-length'] === undefined && (typeof body === 'string' || body instanceof Uint8Array)) out['content-length'] = String(Buffer.byteLength(body));
  return out;
}

/** Names and values in turn, without those that begin with a colon. */
export function rawHeadersOf(raw: readonly string[]): Buffer[] {
  const found: Buffer[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    if (raw[index]!.startsWith(':')) continue;
    found.push(Buffer.from(raw[index]!, 'latin1'), Buffer.from(raw[index + 1]!, 'latin1'));
  }
  return found;
}

function invalid(what: string, value: string): Error {
  return Object.assign(new TypeError(`invalid ${what}: ${JSON.stringify(value.slice(0, 100))}`), { code: 'ERR_INVALID_CHAR' });
}
