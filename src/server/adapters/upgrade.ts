/**
 * For upgrades (WebSockets), which Node hands to an event of its own and no framework's middleware sees: `server.on('upgrade', meshServer.upgrade(listener))`.
 * The gate is asked as for any request. What is let in is then no request any more, and is not counted as one.
 */
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Answer } from '../answer.ts';
import type { Gate } from '../gate.ts';
import { NodeInbound } from '../inbound.ts';
import { LOAD_REPORT_HEADER } from '../load-meter.ts';
import { Serving } from '../serving.ts';

export type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export function upgradeListener(gate: Gate, listener: UpgradeListener): UpgradeListener {
  return function upgrade(request, socket, head) {
    const verdict = gate.enter(new NodeInbound(request));
    if (!(verdict instanceof Serving)) {
      // Whoever listens for errors of the socket comes after this.
      socket.on('error', () => socket.destroy());
      socket.end(text(verdict, gate.headers.load));
      return;
    }
    try {
      verdict.run(() => listener(request, socket, head));
    } finally {
      verdict.over(true);
    }
  };
}

function text({ status, headers, body }: Answer, load: string | undefined): string {
  const all = { ...headers, ...(load === undefined ? {} : { [LOAD_REPORT_HEADER]: load }), connection: 'close' };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`;
}
