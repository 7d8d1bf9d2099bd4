/**
 * A request body that comes from an iterator, which can be sent again up to a limit; request-body.ts has the rules. A web stream is one, too.
 */
import type { RequestBody } from '../core/call.ts';
import { beginningGone, byteLength, failureOf } from './replay-limit.ts';

type Step = IteratorResult<unknown, unknown>;

const over: Step = { done: true, value: undefined };

/** One reading of a body, by one attempt; one that is stopped ends at its next chunk, for its attempt is over. */
class Reading implements AsyncIterableIterator<unknown> {
  readonly #body: IteratedBody;
  stopped = false;
  /** Number of the chunk that comes next. */
  position = 0;

  constructor(body: IteratedBody) {
    this.#body = body;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Step> {
    return this.#body.next(this);
  }

  return(): Promise<Step> {
    this.stopped = true;
    return Promise.resolve(over);
  }
}

export class IteratedBody implements RequestBody {
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
  /** What the attempts that read now were given. */
  readonly #readings = new Set<Reading>();
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
    if (this.#dropped > 0) throw beginningGone(this.#limit);
    // What is still being read in has one reader; what is whole may have several.
    if (!this.#ended) this.rewind();
    const reading = new Reading(this);
    this.#readings.add(reading);
    return reading;
  }

  rewind(): void {
    for (const reading of this.#readings) reading.stopped = true;
    this.#readings.clear();
  }

  left(opened: unknown): void {
    const reading = opened as Reading;
    if (!this.#readings.delete(reading)) return;
    reading.stopped = true;
    if (this.#released && this.#readings.size === 0) this.#close();
  }

  release(): void {
    this.#released = true;
    // Nobody reads, and nobody will.
    if (this.#readings.size === 0) this.#close();
  }

  /** The next chunk of one reading. */
  next(reading: Reading): Promise<Step> {
    // The beginning is gone and nothing is left: chunks go by as the source gives them, to the one reading that there can be.
    const passing = this.#dropped > 0 && this.#kept.length === 0 && this.#reading === undefined && !this.#ended;
    return passing ? this.#pass(reading) : this.#replay(reading);
  }

  async #pass(reading: Reading): Promise<Step> {
    try {
      const step = await this.#source.next();
      if (step.done === true) this.#ended = true;
      return reading.stopped ? over : step;
    } catch (error) {
      throw this.#fail(error);
    }
  }

  async #replay(reading: Reading): Promise<Step> {
    const { position } = reading;
    while (position >= this.#dropped + this.#kept.length && !this.#ended) await (this.#reading ??= this.#pull());
    if (this.failure !== undefined) throw this.failure;
    if (reading.stopped || position >= this.#dropped + this.#kept.length) return over;
    const value = this.#kept[position - this.#dropped];
    // Two at a time read what is whole, which is kept until one of them has left.
    if ((this.#released && this.#readings.size === 1) || this.#keptBytes > this.#limit) this.#dropThrough(position);
    reading.position += 1;
    return { done: false, value };
  }

  async #pull(): Promise<void> {
    try {
      const step: Step = await this.#source.next();
      if (step.done === true) {
        this.#ended = true;
      } else {
        this.#kept.push(step.value);
        this.#keptBytes += byteLength(step.value);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#reading = undefined;
    }
  }

  #fail(error: unknown): Error {
    this.#ended = true;
    return (this.failure = failureOf(error));
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
