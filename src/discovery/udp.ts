/**
 * UDP: one fresh, connected socket for each attempt.
 *
 * Fresh, so that source port and id are new each time (RFC 5452), and so that a lost packet is not followed by another on the same
 * conntrack entry, which may lead to a nameserver that is gone. Connected, so that the kernel drops what comes from elsewhere and
 * reports a refused port within a millisecond, where an unconnected socket hears nothing. It costs 0.1 ms instead of 0.035.
 *
 * A replier that is wrong is ignored, not believed and not given up on: the right one may be a moment behind.
 */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { DnsError } from './dns-error.ts';
import type { Exchange, ReplyListener } from './exchange.ts';
import { isReplyTo, withId } from './message.ts';
import type { Nameserver } from './nameserver.ts';

/** More than any server sends that was told 1232. */
const MAX_DATAGRAM_BYTES = 4096;

/** How many sockets may be open at once; who comes later waits for its turn, in order. */
export class UdpTransport {
  readonly #limit: number;
  readonly #waiting = new Set<UdpExchange>();
  #open = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Sockets open now. */
  get open(): number {
    return this.#open;
  }

  ask(server: Nameserver, query: Buffer, listener: ReplyListener): Exchange {
    const exchange = new UdpExchange(server, withId(query), listener, () => this.#released(exchange));
    if (this.#open < this.#limit) this.#start(exchange);
    else this.#waiting.add(exchange);
    return exchange;
  }

  #start(exchange: UdpExchange): void {
    this.#open += 1;
    exchange.start();
  }

  #released(exchange: UdpExchange): void {
    if (this.#waiting.delete(exchange)) return;
    this.#open -= 1;
    for (const next of this.#waiting) {
      this.#waiting.delete(next);
      this.#start(next);
      return;
    }
  }
}

class UdpExchange implements Exchange {
  readonly #server: Nameserver;
  readonly #query: Buffer;
  readonly #listener: ReplyListener;
  readonly #release: () => void;
  #socket: Socket | undefined;
  #closed = false;

  constructor(server: Nameserver, query: Buffer, listener: ReplyListener, release: () => void) {
    this.#server = server;
    this.#query = query;
    this.#listener = listener;
    this.#release = release;
  }

  start(): void {
    const { host, port } = this.#server;
    const family = host.includes(':') ? 6 : 4;
    const socket = createSocket({ type: family === 6 ? 'udp6' : 'udp4', lookup: (address, _options, done) => process.nextTick(done, null, address, family) });
    this.#socket = socket;
    socket.unref();
    socket.on('error', (error) => this.#fail(error));
    socket.on('message', (message) => this.#received(message));
    socket.on('connect', () => {
      if (this.#closed) return;
      socket.send(this.#query, (error) => {
        if (error) this.#fail(error);
      });
    });
    socket.connect(port, host);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket?.close();
    this.#release();
  }

  #received(message: Buffer): void {
    if (this.#closed) return;
    if (message.length > MAX_DATAGRAM_BYTES || !isReplyTo(this.#query, message)) {
      this.#listener.discarded();
      return;
    }
    this.close();
    this.#listener.replied(message);
  }

  #fail(error: Error): void {
    if (this.#closed) return;
    this.close();
    this.#listener.failed(new DnsError('network', `${this.#server.key} over UDP: ${error.message}`, error));
  }
}
