/**
 * The calls of a client that have begun and whose bodies have not ended: how many, and which, for whoever closes it. A list through its
 * entries, so that a call joins and leaves it without a trace.
 */
import type { Call, Reply, ReplyObserver } from './call.ts';
import type { ResultObserver } from './result-watch.ts';

export class OpenCalls implements Iterable<Call> {
  readonly #ended: () => void;
  #newest: OpenCall | undefined;
  #size = 0;

  /** `ended` is told of each. */
  constructor(ended: () => void) {
    this.#ended = ended;
  }

  get size(): number {
    return this.#size;
  }

  /** The result of the call is to be told to what this returns. */
  begun(call: Call): ResultObserver {
    const open = new OpenCall(call, this, this.#newest);
    this.#newest = open;
    this.#size += 1;
    return open;
  }

  *[Symbol.iterator](): Iterator<Call> {
    for (let open = this.#newest; open !== undefined; open = open.older) yield open.call;
  }

  /** For entries alone. */
  left(open: OpenCall): void {
    if (open.newer === undefined) this.#newest = open.older;
    else open.newer.older = open.older;
    if (open.older !== undefined) open.older.newer = open.newer;
    // An idle connection keeps its last call, and would keep with it all that came after.
    open.newer = undefined;
    open.older = undefined;
    this.#size -= 1;
    this.#ended();
  }
}

class OpenCall implements ResultObserver, ReplyObserver {
  readonly call: Call;
  readonly #calls: OpenCalls;
  older: OpenCall | undefined;
  newer: OpenCall | undefined = undefined;

  constructor(call: Call, calls: OpenCalls, older: OpenCall | undefined) {
    this.call = call;
    this.#calls = calls;
    this.older = older;
    if (older !== undefined) older.newer = this;
  }

  replied(reply: Reply): void {
    reply.watch(this);
  }

  failed(): void {
    this.#calls.left(this);
  }

  end(): void {
    this.#calls.left(this);
  }
}
