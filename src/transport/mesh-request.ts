/**
 * `mesh.request`: undici's `request`, by a way of its own. undici's goes through an AsyncResource, a copy of the options, a URL, a
 * promise and a stream, which is a quarter of what the call costs; here the reply goes straight from the exchange into the response.
 *
 * What is rare goes undici's way, with our dispatcher: options that are not listed here, addresses that are not plain, and policies which leave some
 * hosts alone. It validates them, too.
 */
import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { CallOptions } from '../core/call.ts';
import { isSignal } from '../core/caller-signal.ts';
import { seenByCaller, type CallControl, type CallerSink } from './caller-sink.ts';
import { CallerCall, onlyHop, parseOrigin, portOf, requestTo, withKey, type Hop, type MeshDispatcher } from './mesh-dispatcher.ts';
import { ResponseBody } from './response-body.ts';
import * as undici from './undici.ts';

export type RequestOptions = Parameters<typeof undici.request>[1] & { mesh?: CallOptions };
type ResponseData = Dispatcher.ResponseData<unknown>;

/** Options that are known here. */
const known = new Set(['method', 'headers', 'body', 'query', 'mesh', 'signal', 'opaque', 'highWaterMark', 'headersTimeout', 'bodyTimeout', 'reset', 'idempotent', 'blocking']);
/** An address that `new URL` would leave as it is: no user, no escape, nothing that has to be escaped, no `.` or `..` to resolve, no fragment. */
const PLAIN_ORIGIN = /^https?:\/\/[a-z0-9.-]+(?::\d+)?(?=\/)/;
const PLAIN_PATH = /^(?:\/(?!\.)[\w\-.~!$&()*+,;=:@]*)+(?:\?[\w\-.~!$&()*+,;=:@/?]+)?$/;

const noOptions: RequestOptions = {};

export function meshRequest(dispatcher: MeshDispatcher, url: string | URL, options: RequestOptions | null | undefined): ReturnType<typeof undici.request> {
  const given = options ?? noOptions;
  const origin = typeof url === 'string' && !dispatcher.passesThrough && isKnown(given) ? plainOrigin(url) : undefined;
  const path = origin === undefined ? '' : (url as string).slice(origin.length);
  if (origin === undefined || !PLAIN_PATH.test(path)) return undici.request(url, { ...options, dispatcher });
  return new Promise((resolve, reject) => {
    const sink = new ResponseSink(given, resolve, reject);
    try {
      const { method, body } = given;
      const request = requestTo(parseOrigin(origin), method || (body ? 'PUT' : 'GET'), path, given);
      new CallerCall(sink, undefined).run(portOf(dispatcher), request, withKey(given.mesh ?? noCallOptions, request, onlyHop.mint), hopOf(given));
    } catch (error) {
      sink.onError(error as Error);
    }
  });
}

/** That of the last request is nearly always that of the next one, too. Before there was one, any that is plain. */
let lastOrigin = 'http://localhost';

function plainOrigin(url: string): string | undefined {
  if (url.startsWith(lastOrigin) && url[lastOrigin.length] === '/') return lastOrigin;
  const found = PLAIN_ORIGIN.exec(url)?.[0];
  if (found !== undefined) lastOrigin = found;
  return found;
}

const noCallOptions: CallOptions = {};

function hopOf({ signal }: RequestOptions): Hop {
  return signal === undefined || signal === null ? onlyHop : { ...onlyHop, signal: signal as AbortSignal };
}

function isKnown(options: RequestOptions): boolean {
  if (options === noOptions) return true;
  for (const key in options) if (!known.has(key)) return false;
  const { method, signal, highWaterMark } = options;
  // An emitter of Node's is a signal to undici, and a wrong one is for it to refuse.
  return method !== 'CONNECT' && (signal === undefined || signal === null || isSignal(signal)) && (highWaterMark === undefined || highWaterMark > 0);
}

/** Makes the response of the reply's headers, and gives its body what follows. */
class ResponseSink implements CallerSink {
  readonly #options: RequestOptions;
  readonly #resolve: (response: ResponseData) => void;
  readonly #reject: (error: Error) => void;
  #control!: CallControl;
  #trailers: Record<string, string> | undefined;
  #body: ResponseBody | undefined;

  constructor(options: RequestOptions, resolve: (response: ResponseData) => void, reject: (error: Error) => void) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(control: CallControl): void {
    this.#control = control;
  }

  onHeaders(status: number, rawHeaders: Buffer[], resume: () => void, statusText: string): boolean {
    if (status < 200) return true;
    const headers = undici.util.parseHeaders(rawHeaders) as ResponseData['headers'];
    const { 'content-type': type, 'content-length': length } = headers;
    const { method, highWaterMark, opaque } = this.#options;
    const announced = method === 'HEAD' || length === undefined ? NaN : Number(length);
    const body = new ResponseBody(this.#control, resume, String(type ?? ''), announced, highWaterMark);
    this.#body = body;
    const trailers = {};
    this.#trailers = trailers;
    this.#resolve({ statusCode: status, statusText, headers, trailers, opaque: opaque ?? null, body: body as unknown as ResponseData['body'], context: null as unknown as object });
    return true;
  }

  onData(chunk: Buffer): boolean {
    return this.#body!.receive(chunk);
  }

  onComplete(rawTrailers: Buffer[]): void {
    if (rawTrailers.length > 0) Object.assign(this.#trailers!, undici.util.parseHeaders(rawTrailers));
    this.#body!.complete();
  }

  onError(error: Error): void {
    const seen = seenByCaller(error);
    if (this.#body === undefined) this.#reject(seen);
    else this.#body.breakOff(seen);
    // As undici does: whoever writes into it must not do so for ever.
    const { body } = this.#options;
    if (body instanceof Readable) body.on('error', () => {}).destroy(seen);
  }

  /** Not asked for: undici's `request` knows no upgrades either. */
  onUpgrade(): void {
    throw new TypeError('invalid onUpgrade method');
  }
}
