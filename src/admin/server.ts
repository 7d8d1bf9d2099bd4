/**
 * A server of its own for the admin pages, on this machine alone unless somebody says otherwise.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isIP } from 'node:net';
import type { Admin } from './admin.ts';
import type { AdminOptions, AdminServer } from './options.ts';

const PORT = 9900;
const HOST = '127.0.0.1';

export async function listen(admin: Admin, { port = PORT, host = HOST, hosts = [] }: AdminOptions): Promise<AdminServer> {
  const known = new Set([...hosts, ...(isIP(host) === 0 ? [host] : [])].map((name) => name.toLowerCase()));
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (request, response) => admin.handle(request, response, known));
  server.maxConnections = 256;
  await listening(server, port, host);
  // What looks on must not keep the process alive.
  server.unref();
  const { address, port: actual, family } = server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  return {
    address, port: actual, url: `http://${family === 'IPv6' ? `[${address}]` : address}:${actual}/`,
    close: () => (closing ??= closed(server)),
  };
}

function listening(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'somebody listens there already; another port, or 0 for any that is free' : error.message;
      reject(new Error(`mesh.admin: cannot listen on ${host}:${port}: ${why}`, { cause: error }));
    });
    server.listen(port, host, resolve);
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
