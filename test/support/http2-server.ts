/** A real HTTP/2 server on a free loopback port: over TLS with ALPN where it is given a certificate, else with prior knowledge. */
import { createSecureServer, createServer, type Http2Server, type SecureServerOptions, type ServerHttp2Session, type ServerHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';

export interface Http2Running {
  readonly host: string;
  readonly port: number;
  readonly address: string;
  /** `METHOD path` of requests that arrived whole. */
  readonly requests: string[];
  readonly sessions: ServerHttp2Session[];
  readonly sockets: Set<Socket>;
  /** Streams open now, and the most there ever were, on one session. */
  readonly most: () => number;
  close(): Promise<void>;
}

/** `each` is asked once the request has arrived whole. */
export async function startHttp2(options: SecureServerOptions | undefined, each: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, body: Buffer) => void, settings: { maxConcurrentStreams?: number } = {}): Promise<Http2Running> {
  const server: Http2Server = options === undefined ? createServer({ settings }) : createSecureServer({ settings, ...options });
  const requests: string[] = [];
  const sessions: ServerHttp2Session[] = [];
  const sockets = new Set<Socket>();
  let most = 0;
  server.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => {});
    let open = 0;
    session.on('stream', (stream: ServerHttp2Stream) => {
      most = Math.max(most, (open += 1));
      stream.once('close', () => (open -= 1));
    });
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => {});
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      requests.push(`${headers[':method']} ${headers[':path']}`);
      each(stream, headers, Buffer.concat(chunks));
    });
  });
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    host: '127.0.0.1', port, address: `127.0.0.1:${port}`, requests, sessions, sockets, most: () => most,
    async close() {
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function fine(stream: ServerHttp2Stream, body = 'fine'): void {
  if (stream.destroyed || stream.closed) return;
  stream.respond({ ':status': 200 });
  stream.end(body);
}
