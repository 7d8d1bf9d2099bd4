/**
 * `mesh.dispatcher`: the mesh as an undici Dispatcher, for anything that takes one. `mesh.fetch` and `mesh.request` are the
 * built-in fetch with it and undici's request by a shorter way (mesh-request.ts); each is a CallerCall.
 *
 * It keeps its state under a symbol, not in #private fields: `dispatcher.compose()` returns a Proxy, on which private
 * fields throw.
 */
import { randomUUID } from 'node:crypto';
import { stringify } from 'node:querystring';
import type { Dispatcher as UndiciDispatcher } from 'undici';
import { signalsOf } from '../core/ambient.ts';
import type { CallOptions, HeaderList, Hops, MeshRequest, Reply } from '../core/call.ts';
import { CallerSignals, isSignal } from '../core/caller-signal.ts';
import { Cancellation } from '../core/cancellation.ts';
import type { Millis } from '../core/clock.ts';
import { MeshError } from '../core/errors.ts';
import { callerSink, type CallControl, type CallerSink, type NewHandler, type RawHandler } from './caller-sink.ts';
import { Dispatcher } from './undici.ts';

export type { UndiciDispatcher };

/** What the dispatcher hands its requests to. */
export interface MeshPort {
  /**
   * Runs one call. The cancellation is the caller's hand on it. Of the deadline in his options, `elapsed` has passed already: a fetch
   * that goes on to where it was redirected. The caller is told of its result last, when everybody else has heard of it.
   */
  send(request: IncomingRequest, options: CallOptions, cancellation: Cancellation, elapsed: Millis, caller: Caller): void;
  /** Where requests to this host go when the mesh must not touch them; undefined: the mesh takes them. */
  passthrough(scheme: 'http' | 'https', authority: string): UndiciDispatcher | undefined;
  /** Whether there are any such hosts. */
  readonly passesThrough: boolean;
  /** Whether anybody wants to know which requests were redirected to which. */
  readonly countsHops: boolean;
  /** `timeout`: how long to wait for what is in flight; the client's own default where nobody says. */
  close(timeout?: Millis): Promise<void>;
  now(): Millis;
}

/** Whoever waits for a call's result; told once. */
export interface Caller {
  /** Of the fetch that the call is made for, where it is known. */
  readonly hops: Hops | undefined;
  replied(reply: Reply): void;
  failed(error: unknown): void;
}

/** A MeshRequest whose body is still as the caller gave it: how much of it may be kept is for the service's policy to say. */
export type IncomingRequest = Omit<MeshRequest, 'body'> & { readonly body: unknown };

/** `mesh` beside undici's own options. */
export type MeshDispatchOptions = UndiciDispatcher.DispatchOptions & { mesh?: CallOptions };

const port = Symbol('inmesh port');

export class MeshDispatcher extends Dispatcher {
  readonly [port]: MeshPort;

  constructor(meshPort: MeshPort) {
    super();
    this[port] = meshPort;
  }

  override dispatch(options: MeshDispatchOptions, handler: UndiciDispatcher.DispatchHandler): boolean {
    return dispatchThrough(this[port], options, handler);
  }

  /** A fetch is to have a dispatcher of its own, by which its redirects are known. */
  get countsHops(): boolean {
    return this[port].countsHops;
  }

  /** Some requests may leave it as they came, to hosts that are none of the mesh's. */
  get passesThrough(): boolean {
    return this[port].passesThrough;
  }

  /** Closes the mesh client that this dispatcher belongs to. */
  override close(): Promise<void>;
  override close(callback: () => void): void;
  override close(callback?: () => void): Promise<void> | void {
    const closed = this[port].close();
    if (callback === undefined) return closed;
    void closed.then(callback);
  }

  override destroy(): Promise<void>;
  override destroy(error: Error | null): Promise<void>;
  override destroy(callback: () => void): void;
  override destroy(error: Error | null, callback: () => void): void;
  override destroy(first?: Error | null | (() => void), second?: () => void): Promise<void> | void {
    const callback = typeof first === 'function' ? first : second;
    const destroyed = this[port].close(0);
    if (callback === undefined) return destroyed;
    void destroyed.then(callback);
  }
}

/** What a dispatcher hands its requests to. */
export function portOf(dispatcher: MeshDispatcher): MeshPort {
  return dispatcher[port];
}

/**
 * The options of one fetch, on their way through an API that takes a dispatcher and nothing else. A fetch that is redirected is
 * several requests and still one deadline; and a key for one request says nothing of another that it was redirected to.
 */
export class CallDispatcher extends Dispatcher {
  readonly [port]: MeshPort;
  readonly callOptions: CallOptions;
  readonly controller: AbortController | undefined;
  first: { readonly at: Millis; readonly method: string; readonly origin: string } | undefined;
  /** One for all hops: they are the same work, wherever it is done in the end. */
  minted: string | undefined;
  readonly mint = (): string => (this.minted ??= randomUUID());
  readonly hops: Hops = { sent: 0 };

  /** The controller is aborted where the caller's signal ends the call, so that a fetch which has its response learns why. */
  constructor(mesh: MeshDispatcher, callOptions: CallOptions, controller: AbortController | undefined) {
    super();
    this[port] = mesh[port];
    this.callOptions = callOptions;
    this.controller = controller;
  }

  override dispatch(options: MeshDispatchOptions, handler: UndiciDispatcher.DispatchHandler): boolean {
    const now = this[port].now();
    const { method } = options;
    const origin = String(options.origin);
    this.first ??= { at: now, method, origin };
    let mesh = this.callOptions;
    const { idempotencyKey } = mesh;
    // What another method asks for is other work. A key that somebody chose is for the server that he chose it for.
    if (idempotencyKey !== undefined && (method !== this.first.method || (idempotencyKey !== true && origin !== this.first.origin))) {
      const { idempotencyKey: _, ...others } = mesh;
      mesh = others;
    }
    return dispatchThrough(this[port], { ...options, mesh }, handler, { elapsed: now - this.first.at, mint: this.mint, controller: this.controller, hops: this.hops, signal: undefined });
  }
}

/** One request of however many a call becomes on its way through redirects. */
export interface Hop {
  /** Since the first of them. */
  readonly elapsed: Millis;
  /** The key that is the same for all of them. */
  readonly mint: () => string;
  readonly controller: AbortController | undefined;
  /** Undefined where nobody follows redirects. */
  readonly hops: Hops | undefined;
  /** A signal of the caller's beside the one in his call options. */
  readonly signal: AbortSignal | undefined;
}

export const onlyHop: Hop = { elapsed: 0, mint: randomUUID, controller: undefined, hops: undefined, signal: undefined };

/** Always true: it never asks the caller to hold back, for what is too much waits in the policy's bounded queue or fails there. */
function dispatchThrough(mesh: MeshPort, options: MeshDispatchOptions, handler: UndiciDispatcher.DispatchHandler, hop: Hop = onlyHop): boolean {
  if (typeof handler !== 'object' || handler === null) throw new TypeError('handler must be an object');
  const sink = callerSink(handler as RawHandler | NewHandler);
  let request: IncomingRequest;
  try {
    request = incomingRequest(options);
  } catch (error) {
    sink.onError(error as Error);
    return true;
  }
  const direct = mesh.passthrough(request.scheme, request.authority);
  if (direct !== undefined) return direct.dispatch(options, handler);
  new CallerCall(sink, hop.hops).run(mesh, request, withKey(options.mesh ?? noOptions, request, hop.mint), hop);
  return true;
}

const noOptions: CallOptions = {};

/** `idempotencyKey: true` becomes a key, unless the request brings its own. */
export function withKey(options: CallOptions, { headers }: IncomingRequest, mint: () => string): CallOptions {
  if (options.idempotencyKey !== true) return options;
  const { idempotencyKey: _wanted, ...others } = options;
  const own = headers.some((name, index) => index % 2 === 0 && String(name).toLowerCase() === 'idempotency-key' && headers[index + 1]!.length > 0);
  return own ? others : { ...others, idempotencyKey: mint() };
}

/** The caller's end of a call: starts it, may leave it, is told its end. */
export class CallerCall implements CallControl, Caller {
  readonly hops: Hops | undefined;
  readonly #sink: CallerSink;
  readonly #cancellation = new Cancellation();
  #tied: CallerSignals | undefined;
  #left: MeshError | undefined;

  constructor(sink: CallerSink, hops: Hops | undefined) {
    this.#sink = sink;
    this.hops = hops;
  }

  run(mesh: MeshPort, request: IncomingRequest, options: CallOptions, { elapsed, controller, signal }: Hop): void {
    try {
      this.#sink.start(this);
    } catch (error) {
      this.abort(error);
    }
    // What is no signal is refused with the other options, below.
    const signals = signalsOf(isSignal(options.signal) ? options.signal : undefined);
    if (signals.length > 0 || signal !== undefined) this.#tied = new CallerSignals(signal === undefined ? signals : [...signals, signal], this);
    if (this.#cancellation.reason !== undefined) return this.failed(this.#cancellation.reason);
    if (controller !== undefined) this.#cancellation.subscribe({ cancelled: (reason) => reason.code === 'CANCELLED' && controller.abort(reason.cause) });
    mesh.send(request, options, this.#cancellation, elapsed, this);
  }

  failed(error: unknown): void {
    this.#tied?.end();
    this.#sink.onError(error as Error);
  }

  /** Who left after his deadline has left all the same: then there may still be a reply, made here. */
  replied(reply: Reply): void {
    if (this.#tied !== undefined) reply.watch(this.#tied);
    if (this.#left === undefined) return reply.accept(this.#sink);
    reply.discard();
    this.#sink.onError(this.#left);
  }

  abort(reason: unknown): void {
    const cause = reason ?? new DOMException('This operation was aborted', 'AbortError');
    this.#left = new MeshError('CANCELLED', 'the caller left', { cause });
    this.#cancellation.cancel(this.#left);
  }
}

export function incomingRequest(options: MeshDispatchOptions): IncomingRequest {
  const origin = parseOrigin(options.origin);
  const { path } = options;
  if (typeof path !== 'string') throw invalid('path', path, 'a string');
  // Absolute-form request targets are for proxies; we are none.
  return requestTo(origin, options.method, path.startsWith('http://') || path.startsWith('https://') ? originForm(path) : path, options);
}

type RequestDetails = Partial<Pick<MeshDispatchOptions, 'query' | 'headers' | 'body' | 'upgrade' | 'reset' | 'headersTimeout' | 'bodyTimeout'>>;

/** A request to what was asked for in plain sight, with what undici's options say besides. */
export function requestTo({ scheme, authority }: Origin, method: string, path: string, { query, headers, body, upgrade, reset, headersTimeout, bodyTimeout }: RequestDetails): IncomingRequest {
  return {
    method,
    scheme,
    authority,
    path: query === undefined || query === null ? path : withQuery(path, query as Record<string, string>),
    headers: headerList(headers),
    body: body ?? undefined,
    upgrade: typeof upgrade === 'string' ? upgrade : undefined,
    reset: reset === true,
    headersTimeout: headersTimeout ?? 0,
    bodyTimeout: bodyTimeout ?? 0,
  };
}

interface Origin {
  readonly scheme: 'http' | 'https';
  readonly authority: string;
}

/** Few origins, many requests: parsing a URL costs more than a whole pick. Emptied when full, for origins come from outside. */
const origins = new Map<string, Origin>();
const ORIGINS_AT_MOST = 4096;

export function parseOrigin(origin: string | URL | undefined): Origin {
  const key = typeof origin === 'string' ? origin : (origin?.origin ?? '');
  let parsed = origins.get(key);
  if (parsed === undefined) {
    if (!URL.canParse(key)) throw invalid('origin', origin, 'an http: or https: URL');
    const url = new URL(key);
    if (url.protocol !== 'http:' && url.protocol !== 'https:') throw invalid('origin', key, 'an http: or https: URL');
    parsed = { scheme: url.protocol === 'https:' ? 'https' : 'http', authority: url.host };
    if (origins.size >= ORIGINS_AT_MOST) origins.clear();
    origins.set(key, parsed);
  }
  return parsed;
}

function originForm(target: string): string {
  const url = new URL(target);
  return `${url.pathname}${url.search}`;
}

function withQuery(path: string, query: Record<string, string>): string {
  if (path.includes('?') || path.includes('#')) throw invalid('query', path, 'a path without a query of its own');
  const text = stringify(query);
  return text === '' ? path : `${path}?${text}`;
}

/** undici takes an object, a flat array, pairs or nothing. */
function headerList(headers: unknown): HeaderList {
  if (headers === undefined || headers === null) return [];
  if (Array.isArray(headers)) return (Array.isArray(headers[0]) ? headers.flat(1) : headers) as HeaderList;
  if (typeof headers !== 'object') throw invalid('headers', headers, 'an object, an array or pairs');
  if (Symbol.iterator in headers) return [...(headers as Iterable<[string, string]>)].flat(1);
  const list: (string | readonly string[])[] = [];
  for (const [name, value] of Object.entries(headers as Record<string, string | readonly string[] | undefined>)) {
    if (value !== undefined) list.push(name, value);
  }
  return list;
}

function invalid(name: string, value: unknown, expectation: string): MeshError {
  return new MeshError('INVALID_REQUEST', `${name}: ${typeof value === 'string' ? JSON.stringify(value) : String(value)} (expected: ${expectation})`);
}
