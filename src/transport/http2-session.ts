/**
 * One HTTP/2 connection: the requests on it, and what is known of each of them when it ends.
 *
 *     open ──▶ leaving (old, or the server said GOAWAY): what is on it finishes, nothing more is begun ──▶ gone
 *
 * On node:http2 and not on undici, whose version 7 sends POSTs one after the other, and at a GOAWAY fails the oldest request and sends the
 * others again, whatever they are and however far they got. What the protocol says is kept here: a stream that the server refused
 * (REFUSED_STREAM), or whose number is above the last one of a GOAWAY, was not processed (RFC 9113 §6.8, §8.7), and may be sent again
 * whatever its method. Of all others that break nobody knows.
 */
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream, type OutgoingHttpHeaders } from 'node:http2';
import type { Socket } from 'node:net';
import type { HttpVersion } from '../core/call.ts';
import type { Clock, Millis, Timer } from '../core/clock.ts';
import { MeshError } from '../core/errors.ts';
import type { OutcomeKind } from '../core/outcome-kind.ts';
import { http2Headers, rawHeadersOf, type Http2Request } from './http2-request.ts';
import { NotProcessed } from './transport-errors.ts';
import { writeBody } from './http2-body.ts';

/** The part of undici's raw handler that is used. */
export interface StreamHandler {
  readonly over: boolean;
  spoken: HttpVersion;
  readonly outcome?: OutcomeKind;
  onConnect(abort: (reason?: Error) => void): void;
  onRequestSent?(): void;
  onHeaders(status: number, rawHeaders: Buffer[], resume: () => void, statusText: string): boolean;
  onData(chunk: Buffer): boolean;
  onComplete(rawTrailers: Buffer[]): void;
  onError(error: Error): void;
}

/** Of a response that nobody reads yet, per stream and for all; undici's figures. */
const STREAM_WINDOW = 256 * 1024;
const SESSION_WINDOW = 1024 * 1024;
/** What is left of a connection on which nothing is any more is given this long to close by itself. */
const LINGER: Millis = 1_000;
/** Where the server sets no limit. */
const STREAMS_AT_MOST = 1000;

export interface Http2SessionDeps {
  readonly origin: string;
  readonly clock: Clock;
  /** How long an idle one is kept, and how long the answer to a ping may take. */
  readonly knobs: () => { readonly keepAlive: Millis; readonly connectTimeout: Millis };
  /** A request is over. */
  readonly ended: (handler: StreamHandler) => void;
  /** There is room for one more. */
  readonly freed: () => void;
  /** Nothing more may be begun on it. */
  readonly left: () => void;
}

export class Http2Session {
  readonly #session: ClientHttp2Session;
  readonly #socket: Socket;
  readonly #deps: Http2SessionDeps;
  readonly #closed: Promise<void>;
  #streams = 0;
  #leaving = false;
  /** The last stream that the server may have processed, once it has said so. */
  #lastProcessed = Infinity;
  #idle: Timer | undefined;
  #pinging: Timer | undefined;
  #lingering: Timer | undefined;

  /** `ready`: what the server allows is known, or it is no HTTP/2 server. */
  constructor(socket: Socket, deps: Http2SessionDeps, ready: (error: Error | undefined) => void) {
    this.#deps = deps;
    const session = connect(deps.origin, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW },
    });
    this.#session = session;
    this.#socket = socket;
    let settled = false;
    const settle = (error: Error | undefined): void => {
      if (settled) return;
      settled = true;
      ready(error);
    };
    session.once('remoteSettings', () => {
      session.setLocalWindowSize(SESSION_WINDOW);
      this.#rest();
      settle(undefined);
    });
    session.on('goaway', (_code: number, lastProcessed: number) => {
      this.#lastProcessed = Math.min(this.#lastProcessed, lastProcessed);
      this.#leave();
    });
    let broken: Error | undefined;
    session.on('error', (error: Error) => (broken = error));
    this.#closed = new Promise((resolve) => {
      session.once('close', () => {
        this.#idle?.cancel();
        this.#pinging?.cancel();
        this.#leave();
        this.#lingering?.cancel();
        settle(broken ?? new Error('the connection closed before it was HTTP/2'));
        resolve();
      });
    });
  }

  get streams(): number {
    return this.#streams;
  }

  /** How many more may be begun now. */
  get room(): number {
    if (this.#leaving || this.#session.closed || this.#session.destroyed) return 0;
    return Math.min(this.#session.remoteSettings.maxConcurrentStreams ?? STREAMS_AT_MOST, STREAMS_AT_MOST) - this.#streams;
  }

  send(request: Http2Request, handler: StreamHandler): void {
    let headers: OutgoingHttpHeaders;
    try {
      headers = http2Headers(request);
    } catch (error) {
      return handler.onError(error as Error);
    }
    const begun: { exchanged?: Exchanged } = {};
    let stream: ClientHttp2Stream;
    handler.spoken = '2';
    try {
      handler.onConnect((reason) => begun.exchanged?.giveUp(reason ?? new Error('given up')));
      stream = this.#session.request(headers, { endStream: request.body === null });
    } catch (error) {
      // Taken back, or the session was closed under us: nothing was begun.
      if (!handler.over) handler.onError(new NotProcessed('the request was not begun', error as Error));
      return;
    }
    this.#idle?.cancel();
    this.#streams += 1;
    this.#session.ref();
    begun.exchanged = new Exchanged(stream, request, handler, () => this.#lastProcessed, () => this.#ended(handler), () => this.#ping());
  }

  /** What is on it finishes, and no more is begun. Resolves when it is closed. */
  leave(): Promise<void> {
    this.#leave();
    return this.#closed;
  }

  destroy(reason: Error): Promise<void> {
    this.#leaving = true;
    this.#session.destroy(reason);
    // One that was closing already waits for the server to close its side.
    this.#socket.destroy();
    return this.#closed;
  }

  #leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    if (!this.#session.destroyed) this.#session.close();
    if (this.#streams === 0) this.#linger();
    this.#deps.left();
  }

  #ended(handler: StreamHandler): void {
    this.#streams -= 1;
    this.#deps.ended(handler);
    if (this.#streams === 0 && this.#leaving) this.#linger();
    else if (this.#streams === 0) this.#rest();
    if (!this.#leaving) this.#deps.freed();
  }

  /** The server, too, closes its side; who does not is not waited for. */
  #linger(): void {
    this.#lingering ??= this.#deps.clock.after(LINGER, () => this.#socket.destroy(), 'background');
  }

  #rest(): void {
    if (this.#session.destroyed) return;
    this.#session.unref();
    this.#idle?.cancel();
    this.#idle = this.#deps.clock.after(this.#deps.knobs().keepAlive, () => this.#leave(), 'background');
  }

  /**
   * Somebody waited in vain: the whole connection may be dead, and would swallow everything after it. Or it broke the protocol: then nghttp2
   * has said GOAWAY and hears no more of it, node tells nobody, and its streams do not even close when they are closed.
   */
  #ping(): void {
    if (this.#pinging !== undefined || this.#session.destroyed) return;
    const limit = this.#deps.knobs().connectTimeout;
    this.#pinging = this.#deps.clock.after(limit, () => {
      this.#session.destroy(new Error(`no answer to a ping within ${limit} ms`));
      this.#socket.destroy();
    }, 'background');
    this.#session.ping((error) => {
      if (error !== null) return;
      this.#pinging?.cancel();
      this.#pinging = undefined;
    });
  }
}

/** One request and its response, from the stream to the handler. */
class Exchanged {
  readonly #stream: ClientHttp2Stream;
  readonly #handler: StreamHandler;
  readonly #inVain: () => void;
  #over = false;
  #answered = false;
  #received = 0;
  #length: number | undefined;
  #trailers: Buffer[] = [];

  constructor(stream: ClientHttp2Stream, { method, body }: Http2Request, handler: StreamHandler, lastProcessed: () => number, ended: () => void, inVain: () => void) {
    this.#stream = stream;
    this.#handler = handler;
    this.#inVain = inVain;
    let failure: Error | undefined;
    stream.on('headers', (headers, _flags, raw?: string[]) => this.#head(Number(headers[':status']), raw ?? []));
    stream.on('response', (headers, _flags, raw?: string[]) => {
      const length = headers['content-length'];
      if (length !== undefined && method !== 'HEAD') this.#length = Number(length);
      this.#answered = true;
      this.#head(Number(headers[':status']), raw ?? []);
    });
    stream.on('data', (chunk: Buffer) => {
      this.#received += chunk.length;
      this.#guarded(() => {
        if (!handler.onData(chunk)) stream.pause();
      });
    });
    stream.on('trailers', (_headers, _flags, raw?: string[]) => (this.#trailers = rawHeadersOf(raw ?? [])));
    stream.on('end', () => {
      if (!this.#answered) return;
      // Broken off without an error, which HTTP/2 has a way to say (RST_STREAM with NO_ERROR).
      if (this.#length !== undefined && this.#length !== this.#received) return;
      this.#finish(undefined);
      // The answer is there before the request was all sent: the rest is not wanted.
      if (!stream.writableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
    });
    stream.on('error', (error: Error) => (failure ??= error));
    stream.on('close', () => {
      this.#finish(this.#broken(failure, lastProcessed()));
      ended();
    });
    writeBody(stream, body, (error) => {
      failure ??= error;
      stream.close(constants.NGHTTP2_CANCEL);
    }, () => handler.onRequestSent?.());
  }

  giveUp(reason: Error): void {
    this.#finish(reason);
    this.#stream.close(constants.NGHTTP2_CANCEL);
    // A caller who leaves in the middle of an answer has seen that the connection is alive.
    if (!this.#answered || (reason instanceof MeshError && reason.outcome !== 'cancelled')) this.#inVain();
  }

  #head(status: number, raw: string[]): void {
    this.#guarded(() => {
      if (!this.#handler.onHeaders(status, rawHeadersOf(raw), () => this.#stream.resume(), '')) this.#stream.pause();
    });
  }

  #broken(failure: Error | undefined, lastProcessed: number): Error {
    const { id, rstCode } = this.#stream;
    if (!this.#answered && rstCode === constants.NGHTTP2_REFUSED_STREAM) return new NotProcessed('the server refused the stream', failure);
    if (!this.#answered && (id === undefined || id > lastProcessed)) return new NotProcessed('the server went away before it took the request', failure);
    return failure ?? new Error(`the HTTP/2 stream was closed before its end, with code ${rstCode}`);
  }

  /** What the handler throws is its own affair, and ends its request. */
  #guarded(tell: () => void): void {
    if (this.#over) return;
    try {
      tell();
    } catch (error) {
      this.#finish(error as Error);
      this.#stream.close(constants.NGHTTP2_CANCEL);
    }
  }

  #finish(error: Error | undefined): void {
    if (this.#over) return;
    this.#over = true;
    if (error === undefined) this.#handler.onComplete(this.#trailers);
    else this.#handler.onError(error);
  }
}
