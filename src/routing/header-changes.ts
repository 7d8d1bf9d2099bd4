/**
 * Header changes: set, then add, then remove, as the Gateway API lists them. A header that is set and removed is therefore gone.
 */
import type { HeaderList, HttpVersion, Reply, ReplyObserver, ReplySink } from '../core/call.ts';
import type { HeaderChanges } from '../core/route.ts';

/** A new list; names that were there keep their spelling. */
export function changedHeaders(headers: HeaderList, { set, add, remove }: HeaderChanges): HeaderList {
  const changed: (string | readonly string[])[] = [];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = String(headers[index]).toLowerCase();
    if (!remove.includes(name) && !set.some(([replaced]) => replaced === name)) changed.push(headers[index]!, headers[index + 1]!);
  }
  for (const [name, value] of [...set, ...add]) if (!remove.includes(name)) changed.push(name, value);
  return changed;
}

/** The reply, with other headers for whoever takes it. The layers, which decide by what the server said, are below. */
export class ChangedReply implements Reply {
  readonly #reply: Reply;
  readonly #changes: HeaderChanges;

  constructor(reply: Reply, changes: HeaderChanges) {
    this.#reply = reply;
    this.#changes = changes;
  }

  get status(): number {
    return this.#reply.status;
  }

  get protocol(): HttpVersion | undefined {
    return this.#reply.protocol;
  }

  header(name: string): string | undefined {
    const { set, add, remove } = this.#changes;
    const named = ([each]: readonly [string, string]): boolean => each === name;
    if (remove.includes(name)) return undefined;
    return set.find(named)?.[1] ?? this.#reply.header(name) ?? add.find(named)?.[1];
  }

  watch(observer: ReplyObserver): void {
    this.#reply.watch(observer);
  }

  accept(sink: ReplySink): void {
    this.#reply.accept(new ChangingSink(sink, this.#changes));
  }

  discard(): void {
    this.#reply.discard();
  }
}

class ChangingSink implements ReplySink {
  readonly #sink: ReplySink;
  readonly #changes: HeaderChanges;

  constructor(sink: ReplySink, changes: HeaderChanges) {
    this.#sink = sink;
    this.#changes = changes;
  }

  onHeaders(status: number, rawHeaders: Buffer[], resume: () => void, statusText: string): boolean {
    // What comes before the answer (103 Early Hints) is not the answer.
    return this.#sink.onHeaders(status, status < 200 ? rawHeaders : changedRaw(rawHeaders, this.#changes), resume, statusText);
  }

  onData(chunk: Buffer): boolean {
    return this.#sink.onData(chunk);
  }

  onComplete(rawTrailers: Buffer[]): void {
    this.#sink.onComplete(rawTrailers);
  }

  onError(error: Error): void {
    this.#sink.onError(error);
  }

  onUpgrade(status: number, rawHeaders: Buffer[], socket: unknown): void {
    this.#sink.onUpgrade(status, changedRaw(rawHeaders, this.#changes), socket);
  }
}

/** Each its own Buffer, as undici gives them: two `Set-Cookie` stay two. */
function changedRaw(rawHeaders: Buffer[], changes: HeaderChanges): Buffer[] {
  const texts = rawHeaders.map((each) => each.toString('latin1'));
  return changedHeaders(texts, changes).map((each) => Buffer.from(each as string, 'latin1'));
}
