/**
 * The caller's handler, in either of undici's two styles, as a ReplySink.
 *
 * The built-in fetch of Node 20 to 24 and undici 7's own `request` bring the raw style (`onConnect`, `onHeaders` …), the one of
 * Node 26 and interceptors the new one (`onRequestStart`, `onResponseStart` …). Raw headers pass to raw handlers as
 * they came: rebuilding them from a parsed object joins two Set-Cookie into one (undici's own WrapHandler does).
 */
import type { ReplySink } from '../core/call.ts';
import { MeshError } from '../core/errors.ts';
import { util } from './undici.ts';

/** What the caller may do while the call runs. */
export interface CallControl {
  abort(reason: unknown): void;
}

export interface CallerSink extends ReplySink {
  /** Called synchronously, before anything else happens, so that the caller can abort from the first moment on. */
  start(control: CallControl): void;
}

/** undici's raw handler; parts may be missing. */
export interface RawHandler {
  onConnect?(abort: (reason?: unknown) => void, context?: unknown): void;
  onResponseStarted?(): void;
  onHeaders?(status: number, rawHeaders: Buffer[], resume: () => void, statusText: string): boolean | void;
  onUpgrade?(status: number, rawHeaders: Buffer[], socket: unknown): void;
  onData?(chunk: Buffer): boolean | void;
  onComplete?(rawTrailers: Buffer[]): void;
  onError?(error: Error): void;
}

/** undici's new handler; parts may be missing. */
export interface NewHandler {
  onRequestStart(controller: Controller, context?: unknown): void;
  onResponseStarted?(): void;
  onRequestUpgrade?(controller: Controller, status: number, headers: object, socket: unknown): void;
  onResponseStart?(controller: Controller, status: number, headers: object, statusText: string): void;
  onResponseData?(controller: Controller, chunk: Buffer): void;
  onResponseEnd?(controller: Controller, trailers: object): void;
  onResponseError?(controller: Controller | null, error: Error): void;
}

export function callerSink(handler: RawHandler | NewHandler): CallerSink {
  return 'onRequestStart' in handler && typeof handler.onRequestStart === 'function' ? new NewSink(handler) : new RawSink(handler);
}

/** The error that the caller should see: the reason they gave themselves when they left, else ours. */
export function seenByCaller(error: Error): Error {
  const seen = error instanceof MeshError && error.code === 'CANCELLED' && error.cause instanceof Error ? error.cause : error;
  told.add(seen);
  return seen;
}

/** What callers were told, whichever of the two it was: fetch hides it behind an error of its own. */
const told = new WeakSet<Error>();

export function wasTold(error: unknown): error is Error {
  return error instanceof Error && told.has(error);
}

/** A handler that throws when it is told of an error leaves nobody to tell. It is seen as an uncaught error, and hurts no other call. */
function guarded(tell: () => void): void {
  try {
    tell();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/**
 * What it gives its handler forgets the call when that is over: a fetch keeps it with its response, and on Node 20 a response that nobody holds
 * any longer is not collected before the next collection of all there is.
 */
class RawSink implements CallerSink {
  readonly #handler: RawHandler;
  #control: CallControl | undefined;
  #resume: (() => void) | undefined;

  constructor(handler: RawHandler) {
    this.#handler = handler;
  }

  start(control: CallControl): void {
    this.#control = control;
    this.#handler.onConnect?.((reason) => this.#control?.abort(reason), null);
  }

  onHeaders(status: number, rawHeaders: Buffer[], resume: () => void, statusText: string): boolean {
    this.#resume = resume;
    if (status >= 200) this.#handler.onResponseStarted?.();
    return this.#handler.onHeaders?.(status, rawHeaders, () => this.#resume?.(), statusText) !== false;
  }

  onUpgrade(status: number, rawHeaders: Buffer[], socket: unknown): void {
    if (this.#handler.onUpgrade === undefined) throw new TypeError('invalid onUpgrade method');
    this.#handler.onUpgrade(status, rawHeaders, socket);
  }

  onData(chunk: Buffer): boolean {
    return this.#handler.onData?.(chunk) !== false;
  }

  onComplete(rawTrailers: Buffer[]): void {
    this.#handler.onComplete?.(rawTrailers);
    this.#forget();
  }

  onError(error: Error): void {
    this.#forget();
    guarded(() => this.#handler.onError?.(seenByCaller(error)));
  }

  #forget(): void {
    this.#control = undefined;
    this.#resume = undefined;
  }
}

/** What a new-style handler holds in its hand. */
export class Controller {
  rawHeaders: Buffer[] | null = null;
  rawTrailers: Buffer[] | null = null;
  aborted = false;
  paused = false;
  reason: Error | null = null;
  readonly #control: CallControl;
  resumed: () => void = () => {};

  constructor(control: CallControl) {
    this.#control = control;
  }

  abort(reason: Error): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    this.#control.abort(reason);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.resumed();
  }
}

class NewSink implements CallerSink {
  readonly #handler: NewHandler;
  #controller: Controller | undefined;

  constructor(handler: NewHandler) {
    this.#handler = handler;
  }

  start(control: CallControl): void {
    this.#controller = new Controller(control);
    this.#handler.onRequestStart(this.#controller, null);
  }

  onHeaders(status: number, rawHeaders: Buffer[], resume: () => void, statusText: string): boolean {
    const controller = this.#controller!;
    controller.rawHeaders = rawHeaders;
    controller.resumed = resume;
    if (status >= 200) this.#handler.onResponseStarted?.();
    this.#handler.onResponseStart?.(controller, status, util.parseHeaders(rawHeaders), statusText);
    return !controller.paused;
  }

  onUpgrade(status: number, rawHeaders: Buffer[], socket: unknown): void {
    if (this.#handler.onRequestUpgrade === undefined) throw new TypeError('invalid onRequestUpgrade method');
    this.#controller!.rawHeaders = rawHeaders;
    this.#handler.onRequestUpgrade(this.#controller!, status, util.parseHeaders(rawHeaders), socket);
  }

  onData(chunk: Buffer): boolean {
    this.#handler.onResponseData?.(this.#controller!, chunk);
    return !this.#controller!.paused;
  }

  onComplete(rawTrailers: Buffer[]): void {
    this.#controller!.rawTrailers = rawTrailers;
    this.#handler.onResponseEnd?.(this.#controller!, util.parseHeaders(rawTrailers));
  }

  onError(error: Error): void {
    guarded(() => this.#handler.onResponseError?.(this.#controller ?? null, seenByCaller(error)));
  }
}
