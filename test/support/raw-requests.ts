/**
 * HTTP requests as bytes on a plain socket, for servers that misbehave in ways that no HTTP server does. A request counts once it has
 * arrived whole, body included: only then could somebody have acted on it.
 */
import type { Socket } from 'node:net';

export interface RawRequest {
  readonly method: string;
  readonly path: string;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** 1 for the first of its connection. */
  readonly number: number;
}

/** Calls back for each request of a connection, one after the other. Bodies need a Content-Length. */
export function onRequests(socket: Socket, arrived: (request: RawRequest) => void): void {
  let bytes = '';
  let number = 0;
  socket.setEncoding('latin1');
  socket.on('data', (chunk) => {
    bytes += String(chunk);
    for (;;) {
      const end = bytes.indexOf('\r\n\r\n');
      if (end === -1) return;
      const [first, ...lines] = bytes.slice(0, end).split('\r\n') as [string, ...string[]];
      const headers = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
      const length = end + 4 + Number(headers['content-length'] ?? 0);
      if (bytes.length < length) return;
      bytes = bytes.slice(length);
      const [method, path] = first.split(' ') as [string, string];
      arrived({ method, path, headers, number: (number += 1) });
    }
  });
}

export function answer(socket: Socket, body: string, headers = ''): void {
  socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n${headers}\r\n${body}`);
}
