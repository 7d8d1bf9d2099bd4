/**
 * TCP: one connection for each server, with many queries under way on it (RFC 7766).
 *
 * It is closed by us after 8 s without a query, because CoreDNS and Knot close at 10 s and a query must not meet that; and it takes no
 * new queries after 60 s, so that the load moves on to other nameserver pods behind the same address. Where the connection breaks with
 * queries on it, each of them gets one more try on a new one.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { Clock, Millis, Timer } from '../core/clock.ts';
import { afterSockets } from './after-sockets.ts';
import { DnsError } from './dns-error.ts';
import type { Exchange, ReplyListener } from './exchange.ts';
import { FrameReader, framed } from './frames.ts';
import { isReplyTo, withId } from './message.ts';
import type { Nameserver } from './nameserver.ts';

const CONNECT_TIMEOUT: Millis = 500;
const ANSWER_TIMEOUT: Millis = 2000;
const IDLE_CLOSE: Millis = 8000;
const MAX_AGE: Millis = 60_000;
const MAX_OUTSTANDING = 64;

export class TcpTransport {
  readonly #clock: Clock;
  readonly #connections = new Map<string, TcpConnection>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ask(server: Nameserver, query: Buffer, listener: ReplyListener): Exchange {
    const exchange = new TcpExchange(this.#clock, server, query, listener, (again) => this.#connection(server).send(again));
    this.#connection(server).send(exchange);
    return exchange;
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.destroy();
    this.#connections.clear();
  }

  #connection(server: Nameserver): TcpConnection {
    const present = this.#connections.get(server.key);
    if (present?.takesMore === true) return present;
    const connection = new TcpConnection(this.#clock, server);
    this.#connections.set(server.key, connection);
    present?.retire();
    return connection;
  }
}

class TcpExchange implements Exchange {
  readonly listener: ReplyListener;
  readonly #again: (exchange: TcpExchange) => void;
  readonly #timer: Timer;
  query: Buffer;
  connection: TcpConnection | undefined;
  #retried = false;
  #closed = false;

  constructor(clock: Clock, server: Nameserver, query: Buffer, listener: ReplyListener, again: (exchange: TcpExchange) => void) {
    this.query = query;
    this.listener = listener;
    this.#again = again;
    const late = (): void => this.failed(new DnsError('timeout', `${server.key} over TCP: no answer within ${ANSWER_TIMEOUT} ms`));
    this.#timer = afterSockets(clock, ANSWER_TIMEOUT, late);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer.cancel();
    this.connection?.forget(this);
  }

  replied(reply: Buffer): void {
    if (this.#closed) return;
    this.close();
    this.listener.replied(reply);
  }

  failed(error: DnsError): void {
    if (this.#closed) return;
    this.close();
    this.listener.failed(error);
  }

  /** The connection broke after it had been established; `failed` where it never was. */
  lost(error: DnsError): void {
    if (this.#closed) return;
    if (this.#retried) {
      this.failed(error);
      return;
    }
    this.#retried = true;
    this.#again(this);
  }
}

class TcpConnection {
  readonly #clock: Clock;
  readonly #server: Nameserver;
  readonly #socket: Socket;
  readonly #frames = new FrameReader();
  readonly #outstanding = new Map<number, TcpExchange>();
  readonly #openedAt: Millis;
  #state: 'connecting' | 'open' | 'retiring' | 'closed' = 'connecting';
  #timer: Timer;

  constructor(clock: Clock, server: Nameserver) {
    this.#clock = clock;
    this.#server = server;
    this.#openedAt = clock.now();
    this.#socket = connect({ host: server.host, port: server.port, noDelay: true });
    this.#socket.unref();
    this.#socket.on('connect', () => this.#opened());
    this.#socket.on('data', (chunk) => this.#received(chunk));
    this.#socket.on('error', (error) => this.#broken(error));
    this.#socket.on('close', () => this.#broken(new Error('connection closed by the server')));
    this.#timer = afterSockets(clock, CONNECT_TIMEOUT, () => this.#broken(new Error(`not connected within ${CONNECT_TIMEOUT} ms`)));
  }

  get takesMore(): boolean {
    const usable = this.#state === 'connecting' || this.#state === 'open';
    return usable && this.#outstanding.size < MAX_OUTSTANDING && this.#clock.now() - this.#openedAt < MAX_AGE;
  }

  send(exchange: TcpExchange): void {
    do exchange.query = withId(exchange.query);
    while (this.#outstanding.has(idOf(exchange.query)));
    exchange.connection = this;
    this.#outstanding.set(idOf(exchange.query), exchange);
    // Before the connection stands, the socket keeps what is written.
    this.#socket.write(framed(exchange.query));
  }

  forget(exchange: TcpExchange): void {
    if (this.#outstanding.get(idOf(exchange.query)) === exchange) this.#outstanding.delete(idOf(exchange.query));
    if (this.#outstanding.size > 0) return;
    if (this.#state === 'retiring') this.destroy();
    if (this.#state === 'open') this.#idle();
  }

  /** Takes no new queries, and closes when those under way are done. */
  retire(): void {
    if (this.#state === 'closed') return;
    if (this.#outstanding.size === 0) this.destroy();
    else if (this.#state === 'open') this.#state = 'retiring';
  }

  destroy(): void {
    this.#state = 'closed';
    this.#timer.cancel();
    this.#socket.destroy();
  }

  #opened(): void {
    if (this.#state !== 'connecting') return;
    this.#state = 'open';
    this.#idle();
  }

  #idle(): void {
    this.#timer.cancel();
    this.#timer = this.#clock.after(IDLE_CLOSE, () => (this.#outstanding.size === 0 ? this.destroy() : this.#idle()), 'background');
  }

  #received(chunk: Buffer): void {
    let messages: Buffer[];
    try {
      messages = this.#frames.push(chunk);
    } catch (error) {
      this.#broken(error as DnsError);
      return;
    }
    for (const message of messages) {
      const exchange = this.#outstanding.get(idOf(message));
      if (exchange === undefined) continue;
      if (isReplyTo(exchange.query, message)) exchange.replied(message);
      else exchange.listener.discarded();
    }
  }

  #broken(cause: Error): void {
    if (this.#state === 'closed') return;
    const established = this.#state !== 'connecting';
    const error = new DnsError(cause instanceof DnsError ? cause.kind : 'network', `${this.#server.key} over TCP: ${cause.message}`, cause);
    this.destroy();
    const outstanding = [...this.#outstanding.values()];
    this.#outstanding.clear();
    for (const exchange of outstanding) {
      if (established) exchange.lost(error);
      else exchange.failed(error);
    }
  }
}

function idOf(message: Buffer): number {
  return message.readUInt16BE(0);
}
