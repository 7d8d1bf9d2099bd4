/** A real HTTP server (or a raw TCP one, for what no HTTP server does) on a free loopback port. */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type Server as TcpServer, type Socket, type AddressInfo } from 'node:net';

export interface Running<Kind extends Server | TcpServer = Server> {
  readonly server: Kind;
  readonly host: string;
  readonly port: number;
  readonly origin: string;
  /** Connections open now. */
  readonly connections: Set<Socket>;
  /** Connections ever accepted. */
  accepted: number;
  close(): Promise<void>;
}

export function startServer(listener: RequestListener, host = '127.0.0.1', port = 0): Promise<Running> {
  return listen(createServer({ keepAliveTimeout: 30_000 }, listener), host, port);
}

/** `onSocket` sees the raw bytes: what it writes is what the client gets. */
export function startTcp(onSocket: (socket: Socket) => void, host = '127.0.0.1', port = 0): Promise<Running<TcpServer>> {
  return listen(createTcpServer((socket) => {
    socket.on('error', () => {});
    onSocket(socket);
  }), host, port);
}

async function listen<Kind extends Server | TcpServer>(server: Kind, host: string, onPort = 0): Promise<Running<Kind>> {
  const connections = new Set<Socket>();
  const running: Running<Kind> = {
    server, host, port: 0, origin: '', connections, accepted: 0,
    async close() {
      for (const socket of connections) socket.destroy();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
  (server).on('connection', (socket: Socket) => {
    running.accepted += 1;
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  await new Promise<void>((resolve) => (server).listen(onPort, host, resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(running, { port, origin: `http://${host}:${port}` });
}

export async function readBody(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

export function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

/** A port on which nobody listens. */
export async function closedPort(): Promise<number> {
  const running = await startTcp(() => {});
  await running.close();
  return running.port;
}
