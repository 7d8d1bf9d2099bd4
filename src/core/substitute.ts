/**
 * Substitute: what a caller gives in the place of a reply, read as status, headers and body.
 *
 * A Response counts by its shape: fetch's own, undici's and node-fetch's are three classes. Its body may come over a network and is passed on
 * as it comes, but for one that is given as a value: that is read once and kept, for it stands in for any number of replies.
 */
import type { Substitute } from './call.ts';
import type { LocalContent } from './local-reply.ts';

/** They describe how bytes were on the wire; these bytes are not on it, and have been decoded. */
const OF_THE_WIRE = new Set(['connection', 'content-encoding', 'content-length', 'keep-alive', 'transfer-encoding']);

export function isSubstitute(value: unknown): value is Substitute {
  return typeof value === 'string' || value instanceof Uint8Array || isResponse(value);
}

function isResponse(value: unknown): value is Response {
  if (typeof value !== 'object' || value === null) return false;
  const { status, headers, arrayBuffer } = value as Partial<Response>;
  // Response.error() has status 0.
  return typeof status === 'number' && status >= 200 && status <= 599 && typeof headers === 'object' && typeof arrayBuffer === 'function';
}

/** As it comes; for this once. */
export function contentOf(substitute: Substitute): LocalContent {
  if (typeof substitute === 'string') return { ...plain('text/plain;charset=UTF-8'), body: [Buffer.from(substitute)] };
  if (substitute instanceof Uint8Array) return { ...plain('application/octet-stream'), body: [substitute] };
  return { ...head(substitute), body: substitute.body ?? [] };
}

const kept = new WeakMap<Response, Promise<LocalContent>>();

/** For any number of times. Of the Response that is given only a copy is read. */
export function lastingContentOf(substitute: Substitute): LocalContent | Promise<LocalContent> {
  if (!isResponse(substitute)) return contentOf(substitute);
  let content = kept.get(substitute);
  if (content === undefined) kept.set(substitute, (content = read(substitute)));
  return content;
}

async function read(response: Response): Promise<LocalContent> {
  return { ...head(response), body: [new Uint8Array(await response.clone().arrayBuffer())] };
}

function head({ status, statusText, headers }: Response): Omit<LocalContent, 'body'> {
  return { status, statusText, headers: [...headers].filter(([name]) => !OF_THE_WIRE.has(name)) };
}

function plain(contentType: string): Omit<LocalContent, 'body'> {
  return { status: 200, statusText: 'OK', headers: [['content-type', contentType]] };
}
