/**
 * A request body that can be sent again, up to a limit.
 *
 * What is whole in memory can always be. A stream is read once; what has been read is kept until it exceeds the limit, so
 * that a further attempt sends the same bytes and then goes on where the source stands (Linkerd's replay body,
 * linkerd/http/retry/src/replay.rs, with the same 64 KiB). Beyond the limit nothing is kept, and there is no further attempt.
 */
import { Blob } from 'node:buffer';
import type { RequestBody } from '../core/call.ts';
import { MeshError } from '../core/errors.ts';

/** Undefined for no body. `limit` is the policy's `replayBodyUpTo`, in bytes. */
export function requestBody(body: unknown, limit: number): RequestBody | undefined {
  if (body === undefined || body === null) return undefined;
  if (isWhole(body)) return new WholeBody(body);
  const source = body as Partial<AsyncIterable<unknown> & Iterable<unknown>>;
  if (typeof source[Symbol.asyncIterator] === 'function') return new StreamedBody(body, source[Symbol.asyncIterator]!(), limit);
  if (typeof source[Symbol.iterator] === 'function') return new StreamedBody(body, source[Symbol.iterator]!(), limit);
  // Not a body at all: undici says so when it is sent.
  return new WholeBody(body);
}

function isWhole(body: unknown): boolean {
  return (
    typeof body === 'string' || ArrayBuffer.isView(body) || body instanceof ArrayBuffer || body instanceof Blob ||
    // A FormData iterates over its fields, not over its bytes: undici encodes it.
    Object.prototype.toString.call(body) === '[object FormData]'
  );
}

class WholeBody implements RequestBody {
  readonly #body: unknown;
  readonly replayable = true;
  readonly whole = true;
  readonly failure = undefined;

  constructor(body: unknown) {
    this.#body = body;
  }

  open(): unknown {
    return this.#body;
  }

  rewind(): void {}

  left(): void {}

  release(): void {}
}

/** One reading of a body; one that is stopped ends at its next chunk, for its attempt is over. */
interface Reader {
  stopped: boolean;
}

class StreamedBody implements RequestBody {
  /** What the caller gave, which may have a way of its own to be let go. */
  readonly #given: unknown;
  readonly #source: AsyncIterator<unknown> | Iterator<unknown>;
  readonly #limit: number;
  /** Chunks that were read and not yet dropped; the first of them is number `#dropped` of the whole body. */
  #kept: unknown[] = [];
  #keptBytes = 0;
  #dropped = 0;
  #ended = false;
  #released = false;
  /** The one read of the source under way; an attempt that takes over waits for it too, so no chunk falls between two. */
  #reading: Promise<void> | undefined;
  /** By what the attempts that read now were given. */
  readonly #readers = new Map<unknown, Reader>();
  failure: Error | undefined;

  constructor(given: unknown, source: AsyncIterator<unknown> | Iterator<unknown>, limit: number) {
    this.#given = given;
    this.#source = source;
    this.#limit = limit;
  }

  get replayable(): boolean {
    return this.#dropped === 0 && this.failure === undefined;
  }

  get whole(): boolean {
    return this.#ended && this.replayable && this.#keptBytes <= this.#limit && !this.#released;
  }

  open(): AsyncIterable<unknown> {
    if (this.#dropped > 0) throw new MeshError('BODY_NOT_REPLAYABLE', `of the request body, of which up to ${this.#limit} bytes are kept, the beginning is gone`);
    // What is still being read in has one reader; what is whole may have several.
    if (!this.#ended) this.rewind();
    const reader: Reader = { stopped: false };
    const opened = this.#read(reader);
    this.#readers.set(opened, reader);
    return opened;
  }

  rewind(): void {
    for (const reader of this.#readers.values()) reader.stopped = true;
    this.#readers.clear();
  }

  left(opened: unknown): void {
    const reader = this.#readers.get(opened);
    if (reader === undefined) return;
    reader.stopped = true;
    this.#readers.delete(opened);
    if (this.#released && this.#readers.size === 0) this.#close();
  }

  release(): void {
    this.#released = true;
    // Nobody reads, and nobody will.
    if (this.#readers.size === 0) this.#close();
  }

  async *#read(reader: Reader): AsyncGenerator<unknown> {
    for (let position = 0; ; position += 1) {
      while (position >= this.#dropped + this.#kept.length && !this.#ended) await (this.#reading ??= this.#pull());
      if (this.failure !== undefined) throw this.failure;
      if (reader.stopped || position >= this.#dropped + this.#kept.length) return;
      const chunk = this.#kept[position - this.#dropped];
      // Two readers at a time are of what is whole, which is kept until one of them has left.
      if ((this.#released && this.#readers.size === 1) || this.#keptBytes > this.#limit) this.#dropThrough(position);
      yield chunk;
    }
  }

  async #pull(): Promise<void> {
    try {
      const step: IteratorResult<unknown, unknown> = await this.#source.next();
      if (step.done === true) {
        this.#ended = true;
      } else {
        this.#kept.push(step.value);
        this.#keptBytes += byteLength(step.value);
      }
    } catch (error) {
      this.failure = error instanceof Error ? error : new Error(`the request body failed with ${String(error)}`);
      this.#ended = true;
    } finally {
      this.#reading = undefined;
    }
  }

  #dropThrough(position: number): void {
    const gone = this.#kept.splice(0, position + 1 - this.#dropped);
    this.#dropped += gone.length;
    for (const chunk of gone) this.#keptBytes -= byteLength(chunk);
  }

  /** An upload that is no longer wanted must not keep its source open. */
  #close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#kept = [];
    const { destroy } = (this.#given ?? {}) as { destroy?: unknown };
    // A Node stream first: the iterator of one that waits for its next chunk, or was never read, does not end it.
    if (typeof destroy === 'function') destroy.call(this.#given);
    const closing = this.#source.return?.();
    // Whoever wrote the iterator hears of its failure by itself; for us the body is over.
    if (closing instanceof Promise) closing.catch(() => {});
  }
}

function byteLength(chunk: unknown): number {
  if (typeof chunk === 'string') return Buffer.byteLength(chunk);
  return ArrayBuffer.isView(chunk) || chunk instanceof ArrayBuffer ? chunk.byteLength : 0;
}
