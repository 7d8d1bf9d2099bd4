/**
 * A request body that can be sent again, up to a limit.
 *
 * What is whole in memory can always be. A stream is read once; what has been read is kept until it exceeds the limit, so
 * that a further attempt sends the same bytes and then goes on where the source stands (Linkerd's replay body,
 * linkerd/http/retry/src/replay.rs, with the same 64 KiB). Beyond the limit nothing is kept, and there is no further attempt.
 */
import { Blob } from 'node:buffer';
import { Readable } from 'node:stream';
import type { RequestBody } from '../core/call.ts';
import { IteratedBody } from './iterated-body.ts';
import { ReadableBody } from './readable-body.ts';

/** Undefined for no body. `limit` is the policy's `replayBodyUpTo`, in bytes. */
export function requestBody(body: unknown, limit: number): RequestBody | undefined {
  if (body === undefined || body === null) return undefined;
  if (isWhole(body)) return new WholeBody(body);
  if (body instanceof Readable) return new ReadableBody(body, limit);
  const source = body as Partial<AsyncIterable<unknown> & Iterable<unknown>>;
  if (typeof source[Symbol.asyncIterator] === 'function') return new IteratedBody(body, source[Symbol.asyncIterator]!(), limit);
  if (typeof source[Symbol.iterator] === 'function') return new IteratedBody(body, source[Symbol.iterator]!(), limit);
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
