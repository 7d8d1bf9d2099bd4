/**
 * Exchange: one attempt on the wire. To undici it is the handler of a request, to the layers the Reply, to a deadline
 * something to cancel. Bytes go from undici to the caller's sink as they are; only those that arrive before the layers have
 * decided whether this reply is the answer are held, and that is at most what one read of the socket brought, for the
 * decision is made in the microtasks that follow.
 *
 *     connecting → sent → replied → over
 *
 * undici's raw ("legacy") handler shape is used because it is what undici 7 calls inside: nothing wraps it, and headers stay
 * as they came, so that two Set-Cookie headers stay two.
 */
import type { Duplex } from 'node:stream';
import type { Attempt, HttpVersion, Reply, ReplyObserver, ReplySink } from '../core/call.ts';
import type { Cancellable } from '../core/cancellation.ts';
import type { Clock, Timer } from '../core/clock.ts';
import type { Endpoint } from '../core/endpoint.ts';
import { MeshError, type Sent } from '../core/errors.ts';
import { classifyError, classifyReply, type OutcomeKind } from '../core/outcome.ts';
import { ResultWatch } from '../core/result-watch.ts';
import { toMeshError } from './transport-errors.ts';

/** A rest this short is read to its end, for a new connection costs more; anything longer is cut off. */
const DRAIN_AT_MOST = 64 * 1024;
/** … and it must come within this. */
const DRAIN_WITHIN = 1000;
/** What is held before somebody takes the reply; more means that nobody does, and the socket is paused. */
const HOLD_AT_MOST = 256 * 1024;
/** A server may send any number of 1xx; callers that listen to them want the first few. */
const INFORMATIONAL_AT_MOST = 16;

/** In the place of lists that have nothing in them, for most never have. */
const none: never[] = [];

type Phase = 'connecting' | 'sent' | 'replied' | 'over';

interface Informational {
  readonly status: number;
  readonly rawHeaders: Buffer[];
  readonly statusText: string;
}

export class Exchange extends ResultWatch<Attempt> implements Reply, Cancellable {
  /** Set by whoever speaks another. */
  spoken: HttpVersion = '1.1';
  readonly #endpoint: Endpoint;
  protected readonly clock: Clock;
  #resolve!: (reply: Reply) => void;
  #reject!: (error: MeshError) => void;

  #phase: Phase = 'connecting';
  #abort: ((reason: Error) => void) | undefined;
  #error: MeshError | undefined;

  #status = 0;
  #statusText = '';
  #rawHeaders: Buffer[] = none;
  #rawTrailers: Buffer[] = none;
  #informational: Informational[] | undefined;
  #upgradeSocket: Duplex | undefined;
  /** What of the request body this attempt was given. */
  #body: unknown;
  #resumeSocket: (() => void) | undefined;

  /** With places for all that usually watch: an array that grows from nothing takes seventeen. */
  #observers: (ReplyObserver | undefined)[] = [undefined, undefined, undefined, undefined, undefined, undefined];
  #watching = 0;
  #firstByteSeen = false;

  #sink: ReplySink | undefined;
  #sinkPaused = false;
  #socketPaused = false;
  #sinkTold = false;
  #held: Buffer[] = none;
  #heldBytes = 0;

  #discarded = false;
  #drained = 0;
  #drainTimer: Timer | undefined;

  constructor(attempt: Attempt, endpoint: Endpoint, clock: Clock) {
    super(attempt);
    this.#endpoint = endpoint;
    this.clock = clock;
    this.promised(new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    }));
    this.waits = true;
    attempt.cancellation.subscribe(this);
  }

  get over(): boolean {
    return this.#phase === 'over';
  }

  /** What came of it, once it is over. */
  get outcome(): OutcomeKind {
    if (this.#error !== undefined) return classifyError(this.#error).kind;
    return classifyReply(this, this.clock).kind;
  }

  /** The request body, for undici to send. */
  openBody(): unknown {
    return (this.#body = this.subject.call.request.body?.open() ?? null);
  }

  // ---- Reply

  get status(): number {
    return this.#status;
  }

  get protocol(): HttpVersion | undefined {
    return this.subject.call.request.upgrade === undefined ? this.spoken : undefined;
  }

  header(name: string): string | undefined {
    const raw = this.#rawHeaders;
    for (let index = 0; index < raw.length; index += 2) {
      const key = raw[index]!;
      if (key.length === name.length && key.toString('latin1').toLowerCase() === name) return raw[index + 1]!.toString('latin1');
    }
    return undefined;
  }

  watch(observer: ReplyObserver): void {
    if (this.#firstByteSeen) observer.firstByte?.();
    if (this.#phase === 'over') observer.end(this.#error);
    else {
      // Telemetry's four.
      if (this.#watching === 6) this.#observers = this.#observers.concat([undefined, undefined, undefined, undefined]);
      this.#observers[this.#watching++] = observer;
    }
  }

  accept(sink: ReplySink): void {
    this.#sink = sink;
    try {
      if (this.#informational !== undefined) for (const { status, rawHeaders, statusText } of this.#informational) sink.onHeaders(status, rawHeaders, noop, statusText);
      if (this.#upgradeSocket !== undefined) {
        this.#handOver(sink, this.#upgradeSocket);
        return;
      }
      this.#sinkPaused = !sink.onHeaders(this.#status, this.#rawHeaders, () => this.#resume(), this.#statusText);
    } catch (error) {
      this.#callerThrew(error);
    }
    this.#flush();
  }

  discard(): void {
    this.#discarded = true;
    this.#held = none;
    if (this.#phase === 'over') return;
    for (let place = 0; place < this.#watching; place += 1) this.#observers[place]!.discarded?.();
    if (this.#socketPaused || Number(this.header('content-length') ?? Infinity) > DRAIN_AT_MOST) {
      this.#abort?.(new Error('this reply is not wanted'));
      return;
    }
    this.#drainTimer = this.clock.after(DRAIN_WITHIN, () => this.#abort?.(new Error('draining took too long')), 'background');
  }

  // ---- Cancellable

  cancelled(reason: MeshError): void {
    if (this.#phase === 'over') return;
    // Before undici has a socket for it there is nothing to abort; `onConnect` takes it back should the time come.
    if (this.#abort === undefined) this.onError(reason);
    else this.#abort(reason);
  }

  // ---- undici's handler

  /** Called on a connected socket, before the first byte is written. undici may call it again when it moves a request. */
  onConnect(abort: (reason?: Error) => void): void {
    // Cancelled while it waited for the connection. Throwing takes the request back and leaves the new connection to the next one.
    if (this.#phase === 'over') throw this.#error ?? new Error('nobody waits for this request any longer');
    this.#abort = abort;
    this.#phase = 'sent';
  }

  onHeaders(status: number, rawHeaders: Buffer[], resume: () => void, statusText: string): boolean {
    if (status < 200) {
      this.#informational ??= [];
      if (this.#informational.length < INFORMATIONAL_AT_MOST) this.#informational.push({ status, rawHeaders, statusText });
      return true;
    }
    this.#phase = 'replied';
    this.#status = status;
    this.#statusText = statusText;
    this.#rawHeaders = rawHeaders;
    this.#resumeSocket = resume;
    this.#giveOut();
    return true;
  }

  onUpgrade(status: number, rawHeaders: Buffer[] | null, socket: Duplex): void {
    this.#status = status;
    this.#rawHeaders = rawHeaders ?? [];
    this.#upgradeSocket = socket;
    this.#giveOut();
    // From here on the socket is the caller's: no deadline, no limit of ours applies to what is spoken on it.
    this.#finish(undefined);
  }

  onData(chunk: Buffer): boolean {
    if (!this.#firstByteSeen) this.#sawFirstByte();
    if (this.#discarded) {
      this.#drained += chunk.length;
      if (this.#drained > DRAIN_AT_MOST) this.#abort?.(new Error('this reply is not wanted'));
      return true;
    }
    if (this.#sink !== undefined && !this.#sinkPaused && this.#held.length === 0) {
      this.#sinkPaused = !this.#deliver(chunk);
      this.#socketPaused = this.#sinkPaused;
      return !this.#socketPaused;
    }
    // Nearly always all there is.
    if (this.#held.length === 0) this.#held = [chunk];
    else this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    this.#socketPaused = this.#sink !== undefined || this.#heldBytes > HOLD_AT_MOST;
    return !this.#socketPaused;
  }

  onComplete(rawTrailers: Buffer[] | null): void {
    if (rawTrailers !== null) this.#rawTrailers = rawTrailers;
    if (!this.#firstByteSeen) this.#sawFirstByte();
    this.#finish(undefined);
    if (this.#sink !== undefined) this.#flush();
  }

  onError(error: Error): void {
    if (this.#phase === 'over') return;
    // We cut it off ourselves; what the reply had to say was heard at its headers.
    if (this.#discarded) return this.#finish(undefined);
    // Nobody can answer what is still being sent: the endpoint is not to blame for the time it took.
    const uploading = this.#phase !== 'connecting' && this.subject.call.request.body !== undefined && this.subject.uploadedAt === undefined;
    if (uploading && error instanceof MeshError && error.code === 'DEADLINE_EXCEEDED') error.outcome = 'local';
    const { call } = this.subject;
    const replied = this.#phase === 'replied';
    const sent: Sent = replied ? 'yes' : this.#phase === 'sent' ? 'maybe' : 'no';
    const meshError = toMeshError(error, {
      service: call.service,
      endpoint: this.#endpoint,
      attempts: call.attempts,
      sent,
      bodyFailed: call.request.body?.failure !== undefined && call.request.body.failure === error,
    });
    this.#finish(meshError);
    if (!replied) this.#refuse(meshError);
    else if (this.#sink !== undefined) this.#flush();
  }

  // ----

  /** To the layers: first to those that watch, who may not be done with it at once. */
  #giveOut(): void {
    const done = this.replied(this);
    if (done === undefined) return this.#resolve(this);
    const resolve = (): void => this.#resolve(this);
    done.then(resolve, resolve);
  }

  #refuse(error: MeshError): void {
    const done = this.failed(error);
    if (done === undefined) return this.#reject(error);
    const reject = (): void => this.#reject(error);
    done.then(reject, reject);
  }

  #deliver(chunk: Buffer): boolean {
    try {
      return this.#sink!.onData(chunk);
    } catch (error) {
      this.#callerThrew(error);
      return true;
    }
  }

  /** The caller's handler failed, which says nothing about the endpoint. */
  #callerThrew(error: unknown): void {
    const { service } = this.subject.call;
    const reason = new MeshError('CANCELLED', `${service}: the caller's handler threw while it received the response`, { service, cause: error });
    if (this.#phase === 'over') this.#error ??= reason;
    else this.cancelled(reason);
  }

  #sawFirstByte(): void {
    this.#firstByteSeen = true;
    for (let place = 0; place < this.#watching; place += 1) this.#observers[place]!.firstByte?.();
  }

  #finish(error: MeshError | undefined): void {
    this.#phase = 'over';
    this.#error = error;
    this.#drainTimer?.cancel();
    this.subject.cancellation.unsubscribe(this);
    this.subject.call.request.body?.left(this.#body);
    // Whoever watches from here on is told at once.
    for (let place = 0; place < this.#watching; place += 1) this.#observers[place]!.end(error);
    this.#observers = none;
    this.#watching = 0;
  }

  /** The sink wants more: first what was held, then what the socket has. */
  #resume(): void {
    if (!this.#sinkPaused) return;
    this.#sinkPaused = false;
    this.#flush();
  }

  #flush(): void {
    const sink = this.#sink!;
    while (!this.#sinkPaused && this.#held.length > 0 && !this.#broken()) this.#sinkPaused = !this.#deliver(this.#held.shift()!);
    // An error need not wait for a reader: what is behind it will never come.
    if (this.#phase === 'over' && !this.#sinkTold && (this.#held.length === 0 || this.#broken())) return this.#tellEnd(sink);
    if (!this.#sinkPaused && this.#socketPaused && this.#phase === 'replied') {
      this.#socketPaused = false;
      this.#resumeSocket!();
    }
  }

  /** Nothing more is delivered: the connection broke, or the caller left, perhaps from within a callback, after all had arrived. */
  #broken(): boolean {
    return (this.#error ??= this.subject.cancellation.reason) !== undefined;
  }

  #tellEnd(sink: ReplySink): void {
    this.#sinkTold = true;
    this.#held = none;
    if (this.#error !== undefined) return sink.onError(this.#error);
    try {
      sink.onComplete(this.#rawTrailers);
    } catch (error) {
      // As undici does; its own retry handler decides here, by throwing, that an answer was none.
      sink.onError(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** A socket that nobody takes would stay open for ever. */
  #handOver(sink: ReplySink, socket: Duplex): void {
    if (this.#broken()) {
      socket.destroy();
      return this.#tellEnd(sink);
    }
    try {
      sink.onUpgrade(this.#status, this.#rawHeaders, socket);
    } catch (error) {
      socket.destroy();
      sink.onError(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

/**
 * One that sends a body. The others have no such callback: undici would call it right after the kernel has sent the request, when nothing of ours is in the
 * processor's cache.
 */
export class Upload extends Exchange {
  /** The whole request is written. */
  onRequestSent(): void {
    this.subject.uploadedAt = this.clock.now();
  }
}

export function exchangeFor(attempt: Attempt, endpoint: Endpoint, clock: Clock): Exchange {
  return attempt.call.request.body === undefined ? new Exchange(attempt, endpoint, clock) : new Upload(attempt, endpoint, clock);
}

function noop(): void {}
