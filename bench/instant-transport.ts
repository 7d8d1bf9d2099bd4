/** A transport that answers at once, 200 with a few bytes, for what is measured above it. */
import type { Reply, ReplyObserver, ReplySink, Transport } from '../src/core/call.ts';

/** Resolves when the body has ended. */
export type CallOnce = () => Promise<unknown>;

const body = Buffer.from('{}');

/** Its body is there as soon as somebody takes it. */
class InstantReply implements Reply {
  readonly status = 200;
  #observers: ReplyObserver[] = [];

  header(): undefined {
    return undefined;
  }

  watch(observer: ReplyObserver): void {
    this.#observers.push(observer);
  }

  accept(sink: ReplySink): void {
    sink.onHeaders(200, [], () => {}, 'OK');
    for (const observer of this.#observers) observer.firstByte?.();
    sink.onData(body);
    for (const observer of this.#observers) observer.end(undefined);
    sink.onComplete([]);
  }

  discard(): void {}
}

export const instantly: Transport = {
  send: () => Promise.resolve(new InstantReply()),
  retire() {},
  async warm() {},
  async destroy() {},
};
