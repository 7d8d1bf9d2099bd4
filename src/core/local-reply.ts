/**
 * A reply that came from no network: made here, of a status, headers and a body. To the layers and the caller it is one like any other,
 * so whatever takes a reply takes it: fetch, request, and every handler of a dispatcher.
 */
import type { Reply, ReplyObserver, ReplySink } from './call.ts';
import type { Cancellable, Cancellation } from './cancellation.ts';
import { MeshError } from './errors.ts';

export interface LocalContent {
  readonly status: number;
  readonly statusText: string;
  /** Names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export class LocalReply implements Reply, Cancellable {
  readonly #content: LocalContent;
  readonly #cancellation: Cancellation;
  #observers: ReplyObserver[] = [];
  #firstByteSeen = false;
  #over = false;
  #error: MeshError | undefined;
  #sink: ReplySink | undefined;
  #paused = false;
  /** Of who waits until it is no longer paused. */
  #goOn: (() => void) | undefined;

  /** `cancellation` cuts the body off; one that has happened before it has done its work. */
  constructor(content: LocalContent, cancellation: Cancellation) {
    this.#content = content;
    this.#cancellation = cancellation;
    if (cancellation.reason === undefined) cancellation.subscribe(this);
  }

  get status(): number {
    return this.#content.status;
  }

  header(name: string): string | undefined {
    return this.#content.headers.find(([key]) => key === name)?.[1];
  }

  watch(observer: ReplyObserver): void {
    if (this.#firstByteSeen) observer.firstByte?.();
    if (this.#over) observer.end(this.#error);
    else this.#observers.push(observer);
  }

  accept(sink: ReplySink): void {
    this.#sink = sink;
    if (this.#over) return this.#tellEnd();
    void this.#stream(sink);
  }

  discard(): void {
    this.#finish(undefined);
  }

  cancelled(reason: MeshError): void {
    this.#finish(reason);
    this.#tellEnd();
  }

  async #stream(sink: ReplySink): Promise<void> {
    const { status, statusText, headers, body } = this.#content;
    const raw = headers.flatMap(([name, value]) => [Buffer.from(name, 'latin1'), Buffer.from(value, 'latin1')]);
    try {
      this.#paused = !sink.onHeaders(status, raw, () => this.#resume(), statusText);
      for await (const chunk of body) {
        if (this.#paused) await new Promise<void>((resolve) => (this.#goOn = resolve));
        // Leaving the loop lets the body go.
        if (this.#over) return;
        this.#sawFirstByte();
        this.#paused = !sink.onData(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      }
      if (this.#over) return;
      this.#sawFirstByte();
      this.#finish(undefined);
      sink.onComplete([]);
    } catch (error) {
      if (this.#over) return;
      this.#finish(new MeshError('CANCELLED', 'a reply that was made here broke off', { cause: error }));
      this.#tellEnd();
    }
  }

  #resume(): void {
    this.#paused = false;
    this.#goOn?.();
  }

  #sawFirstByte(): void {
    if (this.#firstByteSeen) return;
    this.#firstByteSeen = true;
    for (const observer of this.#observers) observer.firstByte?.();
  }

  #finish(error: MeshError | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#error = error;
    this.#cancellation.unsubscribe(this);
    const observers = this.#observers;
    this.#observers = [];
    for (const observer of observers) observer.end(error);
    this.#goOn?.();
  }

  #tellEnd(): void {
    if (this.#error !== undefined) this.#sink?.onError(this.#error);
  }
}
