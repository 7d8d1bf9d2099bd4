/**
 * A reply without a network: the test plays the server, and says when the body comes and how it ends.
 */
import type { HttpVersion, Reply, ReplyObserver, ReplySink } from '../../src/core/call.ts';
import type { MeshError } from '../../src/core/errors.ts';

export class FakeReply implements Reply {
  readonly status: number;
  protocol: HttpVersion | undefined = undefined;
  readonly #headers: Readonly<Record<string, string>>;
  #observers: ReplyObserver[] = [];
  #sink: ReplySink | undefined;
  #over = false;
  #error: MeshError | undefined;
  #firstByteSeen = false;
  /** Whether somebody gave it up. */
  discarded = false;

  /** Header names in lower case. */
  constructor(status = 200, headers: Readonly<Record<string, string>> = {}) {
    this.status = status;
    this.#headers = headers;
  }

  header(name: string): string | undefined {
    return this.#headers[name];
  }

  /** As the real one: who comes late hears at once what he missed. */
  watch(observer: ReplyObserver): void {
    if (this.#firstByteSeen) observer.firstByte?.();
    if (this.#over) observer.end(this.#error);
    else this.#observers.push(observer);
  }

  accept(sink: ReplySink): void {
    this.#sink = sink;
    const raw = Object.entries(this.#headers).flatMap(([name, value]) => [Buffer.from(name), Buffer.from(value)]);
    sink.onHeaders(this.status, raw, () => {}, '');
    if (this.#over) this.#tellEnd(sink);
  }

  discard(): void {
    this.discarded = true;
    for (const observer of this.#observers) observer.discarded?.();
    this.end();
  }

  /** A piece of the body arrives. */
  data(chunk = 'data'): void {
    this.#firstByte();
    this.#sink?.onData(Buffer.from(chunk));
  }

  /** The body ends, or breaks off with this error. */
  end(error?: MeshError): void {
    if (this.#over) return;
    if (error === undefined) this.#firstByte();
    this.#over = true;
    this.#error = error;
    const observers = this.#observers;
    this.#observers = [];
    for (const observer of observers) observer.end(error);
    if (this.#sink !== undefined) this.#tellEnd(this.#sink);
  }

  #tellEnd(sink: ReplySink): void {
    if (this.#error === undefined) sink.onComplete([]);
    else sink.onError(this.#error);
  }

  #firstByte(): void {
    if (this.#firstByteSeen) return;
    this.#firstByteSeen = true;
    for (const observer of this.#observers) observer.firstByte?.();
  }
}
