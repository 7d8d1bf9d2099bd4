/**
 * Inbound: what is asked of a request before it is served, from whatever framework it comes.
 */
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { Socket } from 'node:net';
import type { InboundHeaders } from '../core/context-headers.ts';

export interface Inbound {
  readonly method: string;
  /** Path with query, as sent. */
  readonly target: string;
  readonly headers: InboundHeaders;
  /** Undefined where there is none to be seen: behind fetch's interface alone. */
  readonly socket: Socket | undefined;
  /** Takes a header off, before any handler sees it; undefined where that cannot be done. */
  strip?(name: string): void;
}

/** Of HTTP/1 or, by Node's compatibility interface, of HTTP/2. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;

export class NodeInbound implements Inbound {
  readonly method: string;
  readonly target: string;
  readonly headers: InboundHeaders;
  readonly socket: Socket | undefined;
  readonly #request: NodeRequest;

  constructor(request: NodeRequest) {
    this.#request = request;
    this.method = request.method ?? 'GET';
    // Express takes the mount path off `url`, and keeps what was sent.
    this.target = (request as { originalUrl?: string }).originalUrl ?? request.url ?? '/';
    this.headers = request.headers;
    this.socket = socketOf(request);
  }

  strip(name: string): void {
    const { headers, rawHeaders } = this.#request;
    if (headers[name] === undefined) return;
    delete headers[name];
    for (let index = rawHeaders.length - 2; index >= 0; index -= 2) if (rawHeaders[index]!.toLowerCase() === name) rawHeaders.splice(index, 2);
  }
}

/** HTTP/2's is behind a proxy that refuses much, and its session has the real one. */
function socketOf(request: NodeRequest): Socket | undefined {
  return 'stream' in request ? request.stream.session?.socket : request.socket;
}

/** Without its query, which may hold what is nobody's business. */
export function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
}
