/**
 * A request body that is a stream of Node's, which can be sent again up to a limit; request-body.ts has the rules.
 *
 *     caller's stream ── data ──▶ kept, while it fits ──▶ sending of the attempt that reads on
 *
 * Each attempt is given a stream of its own: undici destroys what it was given when the attempt is over, and the caller's must live on for the
 * next one. Chunks go through as they come. Iterated, a stream would join all that it has in store into a copy, and by far more of the
 * time of a long upload goes into copying than into everything that we do.
 */
import { finished, Readable } from 'node:stream';
import type { RequestBody } from '../core/call.ts';
import { beginningGone, byteLength, failureOf } from './replay-limit.ts';

export class ReadableBody implements RequestBody {
  readonly #source: Readable;
  readonly #limit: number;
  /** All that was read so far; undefined once the beginning is gone. */
  #kept: unknown[] | undefined = [];
  #keptBytes = 0;
  #begun = false;
  #ended = false;
  #released = false;
  /** What the attempts that read now were given. What is not whole has one of them at most. */
  readonly #sendings = new Set<Sending>();
  failure: Error | undefined;

  constructor(source: Readable, limit: number) {
    this.#source = source;
    this.#limit = limit;
  }

  get replayable(): boolean {
    return this.#kept !== undefined && this.failure === undefined;
  }

  get whole(): boolean {
    return this.#ended && this.replayable && this.#keptBytes <= this.#limit && !this.#released;
  }

  open(): Readable {
    const kept = this.#kept;
    if (kept === undefined) throw beginningGone(this.#limit);
    if (!this.#ended) this.rewind();
    const sending = new Sending(this, kept, this.#source);
    this.#sendings.add(sending);
    if (this.#keptBytes > this.#limit) this.#forget();
    return sending;
  }

  rewind(): void {
    for (const sending of this.#sendings) sending.stop();
    this.#sendings.clear();
    this.#pause();
  }

  left(opened: unknown): void {
    const sending = opened as Sending;
    if (!this.#sendings.delete(sending)) return;
    sending.stop();
    this.#pause();
    if (this.#released && this.#sendings.size === 0) this.#close();
  }

  release(): void {
    this.#released = true;
    // Who still sends has it.
    this.#forget();
    if (this.#sendings.size === 0) this.#close();
  }

  // ---- for sendings

  /** Everything that was kept is sent. */
  readOn(sending: Sending): void {
    if (this.failure !== undefined) sending.destroy(this.failure);
    else if (this.#ended) sending.push(null);
    else this.#begin().resume();
  }

  /** It wants no more, for now or at all. */
  holdBack(sending: Sending): void {
    // One that was stopped may be destroyed while another reads on.
    if (this.#sendings.has(sending)) this.#pause();
  }

  // ----

  #pause(): void {
    if (this.#begun && !this.#ended) this.#source.pause();
  }

  #begin(): Readable {
    const source = this.#source;
    if (this.#begun) return source;
    this.#begun = true;
    finished(source, { writable: false }, (error) => {
      // We closed it.
      if (this.#ended) return;
      this.#ended = true;
      if (error !== undefined && error !== null) this.failure = failureOf(error);
      for (const sending of this.#sendings) sending.ended();
    });
    return source.on('data', (chunk: unknown) => this.#came(chunk));
  }

  #came(chunk: unknown): void {
    if (this.#kept !== undefined) {
      this.#kept.push(chunk);
      this.#keptBytes += byteLength(chunk);
      // Between two attempts all that comes in is for the next one.
      if (this.#keptBytes > this.#limit && this.#sendings.size > 0) this.#forget();
    }
    for (const sending of this.#sendings) sending.came(chunk);
  }

  #forget(): void {
    this.#kept = undefined;
    this.#keptBytes = 0;
  }

  /** An upload that is no longer wanted must not keep its source open. */
  #close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#source.destroy();
  }
}

/** What one attempt sends: what was kept, then what comes. One that is stopped has come to its end, for its attempt is over. */
class Sending extends Readable {
  readonly #body: ReadableBody;
  #kept: unknown[];
  #position = 0;

  constructor(body: ReadableBody, kept: readonly unknown[], { readableObjectMode: objectMode, readableHighWaterMark: highWaterMark }: Readable) {
    super({ objectMode, highWaterMark });
    this.#body = body;
    this.#kept = [...kept];
    // Whoever sends it listens; nobody has to.
    this.on('error', () => {});
  }

  /** From the caller's stream. */
  came(chunk: unknown): void {
    if (this.#position < this.#kept.length) this.#kept.push(chunk);
    else if (this.destroyed || !this.push(chunk)) this.#body.holdBack(this);
  }

  /** The caller's stream has. */
  ended(): void {
    if (this.#position === this.#kept.length) this.#body.readOn(this);
  }

  stop(): void {
    this.#kept = [];
    this.#position = 0;
    this.push(null);
  }

  override _read(): void {
    while (this.#position < this.#kept.length) {
      const chunk = this.#kept[this.#position];
      this.#position += 1;
      if (!this.push(chunk)) return;
    }
    this.#body.readOn(this);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#body.holdBack(this);
    callback(error);
  }
}
