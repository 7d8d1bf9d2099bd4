/**
 * Connections: the servers that this process listens with. It knows how many connections they have, and keeps those that do nothing from
 * becoming too many, or staying for long: a client that opens ten thousand and is silent, or sends a header a minute, costs memory and nothing else.
 *
 *     headersTimeout    10 s     from the connection, or the first byte of its next request, to the end of the headers (Node: 60 s)
 *     keepAliveTimeout  35 s     idle between two requests; 5 s more than our clients keep one, so that it is they who close it (Node: 5 s)
 *     maxConnections    10,000   of one server; one more is closed at once (Node: as many as there are descriptors)
 *
 * Node looks for those that are late every 30 s, which would make 10 s into 40; every second is enough here. What the application set itself on its
 * server, other than Node's defaults, stays.
 */
import type { Server as HttpServer } from 'node:http';
import type { Http2Server, ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { Millis } from '../core/clock.ts';

export interface ConnectionLimits {
  readonly headersTimeout?: Millis;
  readonly keepAliveTimeout?: Millis;
  readonly maxConnections?: number;
}

/** One of `node:http`, `node:https` or `node:http2`. */
export type NodeServer = HttpServer | Http2Server;

const LIMITS = { headersTimeout: 10_000, keepAliveTimeout: 35_000, maxConnections: 10_000 } as const;
const CHECK_EVERY: Millis = 1_000;
/** Node's own: who has these has not chosen. */
const UNCHOSEN = { headersTimeout: 60_000, keepAliveTimeout: 5_000, connectionsCheckingInterval: 30_000 } as const;

export class Connections {
  readonly servers = new Set<NodeServer>();
  /** Of HTTP/2, which servers do not keep account of. */
  readonly sessions = new Set<ServerHttp2Session>();
  #open = 0;

  /** Undefined where no server is known. */
  get open(): number | undefined {
    return this.servers.size === 0 ? undefined : this.#open;
  }

  /** The sooner the better: those that are open already are not counted. */
  add(server: NodeServer, limits: ConnectionLimits = {}): void {
    if (this.servers.has(server)) return;
    this.servers.add(server);
    bound(server, limits);
    // HTTP/2 over TLS has its own event for a connection that is secure; this one is for all.
    server.on('connection', (socket: Socket) => {
      this.#open += 1;
      socket.once('close', () => (this.#open -= 1));
    });
    server.on('session', (session: ServerHttp2Session) => {
      this.sessions.add(session);
      session.once('close', () => this.sessions.delete(session));
    });
    server.once('close', () => this.servers.delete(server));
  }

  /** New connections are refused, idle ones closed; HTTP/2's clients are told to go elsewhere with what comes next. */
  stopListening(): void {
    for (const server of [...this.servers]) server.close();
    for (const session of [...this.sessions]) session.close();
  }

  /** Breaks off what is left. What was upgraded is not HTTP any more, and its owner's. */
  destroy(): void {
    for (const server of this.servers) if ('closeAllConnections' in server) server.closeAllConnections();
    for (const session of this.sessions) session.destroy();
  }
}

/** Servers of HTTP/2 have none of the timeouts, and it does no harm there. */
function bound(server: NodeServer, limits: ConnectionLimits): void {
  const own = server as HttpServer & { connectionsCheckingInterval?: Millis };
  for (const key of ['headersTimeout', 'keepAliveTimeout'] as const) {
    if (limits[key] !== undefined) own[key] = limits[key];
    else if (own[key] === UNCHOSEN[key]) own[key] = LIMITS[key];
  }
  // Node reads it when the server begins to listen.
  if (own.connectionsCheckingInterval === UNCHOSEN.connectionsCheckingInterval) own.connectionsCheckingInterval = CHECK_EVERY;
  if (limits.maxConnections !== undefined) own.maxConnections = limits.maxConnections;
  else own.maxConnections ??= LIMITS.maxConnections;
}
