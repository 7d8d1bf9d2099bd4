/**
 * A request body of which somebody else gets a copy, once all of it has gone by: whoever sends it is never held up, and a body that is larger
 * than the limit, or that never ends, is not copied.
 */
import type { RequestBody } from '../core/call.ts';

/** Called at most once: with the copy, or with undefined where there is none. */
export type Copied = (copy: WholeCopy | undefined) => void;

/** What can be sent as often as one likes. */
export type WholeCopy = string | Buffer | Blob;

export class CopiedBody implements RequestBody {
  readonly #body: RequestBody;
  readonly #limit: number;
  #copied: Copied | undefined;
  /** What the attempt that reads now was given by us, and what we were given for it. */
  #ours: unknown;
  #theirs: unknown;

  constructor(body: RequestBody, limit: number, copied: Copied) {
    this.#body = body;
    this.#limit = limit;
    this.#copied = copied;
  }

  get whole(): boolean {
    return this.#body.whole;
  }

  get replayable(): boolean {
    return this.#body.replayable;
  }

  get failure(): Error | undefined {
    return this.#body.failure;
  }

  open(): unknown {
    const opened = this.#body.open();
    this.#theirs = opened;
    this.#ours = opened;
    if (this.#copied === undefined) return opened;
    if (isAsyncIterable(opened)) this.#ours = this.#read(opened);
    else this.#tell(copyOf(opened, this.#limit));
    return this.#ours;
  }

  rewind(): void {
    this.#body.rewind();
  }

  left(opened: unknown): void {
    this.#body.left(opened === this.#ours ? this.#theirs : opened);
  }

  release(): void {
    this.#body.release();
  }

  /** Each attempt that reads begins anew. The first that reads to the end is copied. */
  async *#read(body: AsyncIterable<unknown>): AsyncGenerator<unknown> {
    let chunks: Buffer[] | undefined = [];
    let bytes = 0;
    for await (const chunk of body) {
      if (chunks !== undefined) {
        const copy = copyOf(chunk, this.#limit - bytes);
        if (copy === undefined || copy instanceof Blob) {
          chunks = undefined;
          this.#tell(undefined);
        } else {
          bytes += Buffer.byteLength(copy);
          chunks.push(typeof copy === 'string' ? Buffer.from(copy) : copy);
        }
      }
      yield chunk;
    }
    if (chunks !== undefined) this.#tell(Buffer.concat(chunks));
  }

  #tell(copy: WholeCopy | undefined): void {
    const copied = this.#copied;
    this.#copied = undefined;
    copied?.(copy);
  }
}

/** Undefined where it is too large, or nothing that can be copied. A caller may use a buffer again as soon as it was sent. */
function copyOf(whole: unknown, limit: number): WholeCopy | undefined {
  if (typeof whole === 'string') return Buffer.byteLength(whole) <= limit ? whole : undefined;
  if (whole instanceof Blob) return whole.size <= limit ? whole : undefined;
  if (whole instanceof ArrayBuffer) return whole.byteLength <= limit ? Buffer.from(whole.slice(0)) : undefined;
  if (!ArrayBuffer.isView(whole) || whole.byteLength > limit) return undefined;
  return Buffer.copyBytesFrom(new Uint8Array(whole.buffer, whole.byteOffset, whole.byteLength));
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** A copy as a body. */
export class WholeBody implements RequestBody {
  readonly #copy: WholeCopy;
  readonly whole = true;
  readonly replayable = true;
  readonly failure = undefined;

  constructor(copy: WholeCopy) {
    this.#copy = copy;
  }

  open(): unknown {
    return this.#copy;
  }

  rewind(): void {}

  left(): void {}

  release(): void {}
}
