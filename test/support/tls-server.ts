/** A real HTTPS server on a free loopback port, with whatever certificate a test gives it. */
import { createServer, type ServerOptions } from 'node:https';
import type { RequestListener } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

export interface TlsServer {
  readonly host: string;
  readonly port: number;
  readonly address: string;
  /** `url` of requests that arrived. */
  readonly requests: string[];
  /** Connections that finished their handshake. */
  readonly secured: { readonly servername: string | false; readonly resumed: boolean; readonly protocol: string | null; readonly peer: string | undefined }[];
  /** Connections open now. */
  readonly open: Set<Socket>;
  /** Replaces its certificate, as a server that follows its own files. */
  renew(context: Pick<ServerOptions, 'cert' | 'key' | 'ca'>): void;
  close(): Promise<void>;
}

export async function startTls(options: ServerOptions, listener?: RequestListener): Promise<TlsServer> {
  const requests: string[] = [];
  const secured: TlsServer['secured'] = [];
  const open = new Set<Socket>();
  const server = createServer({ keepAliveTimeout: 30_000, ...options }, (request, response) => {
    requests.push(request.url!);
    if (listener !== undefined) listener(request, response);
    else response.end('fine');
  });
  server.on('secureConnection', (socket: TLSSocket & { servername?: string | false }) => {
    secured.push({ servername: socket.servername ?? false, resumed: socket.isSessionReused(), protocol: socket.getProtocol(), peer: socket.getPeerX509Certificate()?.subjectAltName });
  });
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => open.delete(socket));
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    host: '127.0.0.1', port, address: `127.0.0.1:${port}`, requests, secured, open,
    renew: (context) => server.setSecureContext(context),
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
