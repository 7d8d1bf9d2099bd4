/**
 * The body of a `mesh.request`: a Readable with `text()`, `json()` and the others beside, as undici's is.
 *
 *     held ──text(), json() …──▶ collected        held ──read, on('data'), for await …──▶ streamed
 *
 * Nearly every body is asked for as a whole, and is there by then. undici pushes its chunks through a stream all the same, which costs
 * 2.7 µs and 4.5 KB a call, most of what its `request` costs beyond its `dispatch`. Here nothing is pushed before somebody reads it as
 * a stream: what arrives is held, up to the high-water mark, and given out at once. Nor is it made a stream before (lazy-readable.ts).
 */
import { Blob } from 'node:buffer';
import { Readable } from 'node:stream';
import type { CallControl } from './caller-sink.ts';
import { LazyReadable, type ReadableState } from './lazy-readable.ts';
import { errors } from './undici.ts';

/** As undici's. */
const HIGH_WATER_MARK = 64 * 1024;
const DUMP_AT_MOST = 128 * 1024;

/** What somebody waits for who asked before all of it was there. */
interface Collector {
  readonly finish: () => void;
  readonly fail: (error: unknown) => void;
}

/** What a stream says of itself that was read to its end and is closed. */
const spent = { ended: true, endEmitted: true, destroyed: true, closed: true, closeEmitted: true };

type Mode = 'held' | 'collected' | 'streamed';

export class ResponseBody extends LazyReadable {
  readonly #control: CallControl;
  readonly #resume: () => void;
  readonly #type: string;
  readonly #length: number;
  readonly #most: number;
  #mode: Mode = 'held';
  /** Nearly always one; a list from the second on. */
  #chunk: Buffer | undefined;
  #chunks: Buffer[] | undefined;
  #bytes = 0;
  #over = false;
  #collector: Collector | undefined;
  #encoding: BufferEncoding = 'utf8';
  #web: ReturnType<typeof Readable.toWeb> | undefined;
  /** Read to its end as a whole, and nobody listened. */
  #spent = false;

  /** `length`: as announced; NaN where it was not. */
  constructor(control: CallControl, resume: () => void, type: string, length: number, highWaterMark: number | undefined) {
    super();
    this.#control = control;
    this.#resume = resume;
    this.#type = type;
    this.#length = length;
    this.#most = highWaterMark ?? HIGH_WATER_MARK;
  }

  // ---- from the exchange

  /** Returning false holds the sender back until `resume` is called. */
  receive(chunk: Buffer): boolean {
    this.#bytes += chunk.length;
    if (this.#mode === 'streamed') return this.push(chunk);
    if (this.#chunk === undefined) this.#chunk = chunk;
    else (this.#chunks ??= [this.#chunk]).push(chunk);
    return this.#mode === 'collected' || this.#bytes < this.#most;
  }

  complete(): void {
    this.#over = true;
    if (this.#mode === 'streamed') this.push(null);
    else this.#collector?.finish();
  }

  /** Nobody has to listen: whoever reads hears of it by his reading. */
  breakOff(error: Error): void {
    this.on('error', noop);
    queueMicrotask(() => this.destroy(error));
  }

  // ---- as a whole

  text(): Promise<string> {
    // What nearly everybody asks for, and by then it is there.
    if (this.#over && this.#usable) {
      this.#collect();
      const text = this.#text();
      this.#end();
      return Promise.resolve(text);
    }
    return this.#whole(() => this.#text());
  }

  json(): Promise<unknown> {
    return this.#whole(() => JSON.parse(this.#text()) as unknown);
  }

  bytes(): Promise<Uint8Array> {
    return this.#whole(() => this.#copy());
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#whole(() => this.#copy().buffer as ArrayBuffer);
  }

  blob(): Promise<Blob> {
    return this.#whole(() => new Blob(this.#chunk === undefined ? [] : (this.#chunks ?? [this.#chunk]), { type: this.#type }));
  }

  formData(): Promise<never> {
    return Promise.reject(new errors.NotSupportedError());
  }

  get bodyUsed(): boolean {
    return Readable.isDisturbed(this);
  }

  /** As a web stream. */
  get body(): ReturnType<typeof Readable.toWeb> {
    if (this.#web === undefined) {
      this.#web = Readable.toWeb(this);
      if (this.#mode === 'collected') this.#web.getReader();
    }
    return this.#web;
  }

  /** Reads it to its end, for the sake of the connection, or cuts it off where it is longer than the limit. */
  dump({ limit = DUMP_AT_MOST, signal }: { limit?: number; signal?: AbortSignal } = {}): Promise<null> {
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    if (this.closed) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      const aborted = (): void => void this.destroy(signal!.reason as Error);
      signal?.addEventListener('abort', aborted);
      this.on('close', () => {
        signal?.removeEventListener('abort', aborted);
        if (signal?.aborted === true) reject(signal.reason as Error);
        else resolve(null);
      });
      this.on('error', noop);
      if (this.#length > limit || this.#bytes > limit) {
        this.destroy();
        return;
      }
      this.on('data', () => {
        if (this.#bytes > limit) this.destroy();
      });
    });
  }

  // ---- as a stream

  override setEncoding(encoding: BufferEncoding): this {
    this.#encoding = encoding;
    return super.setEncoding(encoding);
  }

  protected override get most(): number {
    return this.#most;
  }

  /** It is used as a stream, perhaps after it was read as a whole. */
  protected override made(state: ReadableState): void {
    if (this.#mode === 'collected') state.dataEmitted = true;
    if (this.#spent) Object.assign(state, spent);
  }

  /** Somebody reads. */
  override _read(): void {
    if (this.#mode === 'held') {
      this.#mode = 'streamed';
      for (const chunk of this.#chunks ?? (this.#chunk === undefined ? [] : [this.#chunk])) this.push(chunk);
      this.#forget();
      if (this.#over) this.push(null);
    }
    this.#resume();
  }

  /** Whoever destroys it before its end wants no more of it. */
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const cause = error ?? (this.readableEnded ? null : new errors.RequestAbortedError());
    if (cause !== null) this.#control.abort(cause);
    this.#forget();
    this.#collector?.fail(cause);
    // Who awaits the response has to have the chance to listen first.
    if (this.#mode === 'held') setImmediate(callback, cause);
    else callback(cause);
  }

  // ----

  get #usable(): boolean {
    return this.#mode === 'held' && this.#web === undefined && this.state?.destroyed !== true;
  }

  #collect(): void {
    this.#mode = 'collected';
    // What node asks, and whoever is handed this stream, to tell whether it was read.
    if (this.state !== undefined) this.state.dataEmitted = true;
  }

  #whole<Result>(read: () => Result): Promise<Result> {
    if (!this.#usable) return Promise.reject(this.errored ?? new TypeError('unusable'));
    this.#collect();
    if (this.#over) return this.#read(read);
    return new Promise((resolve, reject) => {
      this.#collector = { finish: () => resolve(this.#read(read)), fail: reject };
      this.#resume();
    });
  }

  async #read<Result>(read: () => Result): Promise<Result> {
    try {
      return read();
    } finally {
      this.#end();
    }
  }

  /** All of it was read. */
  #end(): void {
    this.#collector = undefined;
    this.#forget();
    if (this.state !== undefined && this.listenerCount('end') + this.listenerCount('close') > 0) {
      this.push(null);
      this.resume();
      return;
    }
    // Nobody listens, so nobody need be told, and the events that would tell him need not be queued: half of what a stream costs.
    this.#spent = true;
    if (this.state !== undefined) Object.assign(this.state, spent);
  }

  #forget(): void {
    this.#chunk = this.#chunks = undefined;
  }

  #text(): string {
    const all = this.#chunks === undefined ? this.#chunk : Buffer.concat(this.#chunks);
    if (all === undefined) return '';
    const mark = all.length > 2 && all[0] === 0xef && all[1] === 0xbb && all[2] === 0xbf ? 3 : 0;
    return all.toString(this.#encoding, mark);
  }

  #copy(): Uint8Array {
    const copy = new Uint8Array(this.#bytes);
    let offset = 0;
    for (const chunk of this.#chunks ?? (this.#chunk === undefined ? [] : [this.#chunk])) {
      copy.set(chunk, offset);
      offset += chunk.length;
    }
    return copy;
  }
}

function noop(): void {}
