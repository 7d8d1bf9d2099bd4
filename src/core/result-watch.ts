/**
 * ResultWatch: who wants to hear of a call's result, beside it and not in its way. A deadline that is to be taken back, a place that will be
 * free when the body has ended, counts: each would be a `.then` of its own, with a promise that nobody awaits.
 *
 * Nearly always a result passes through all layers as the same promise. So whoever makes it leaves with the call that it tells those who watch
 * this promise, and they join. A layer that makes another promise, as a fallback does, is not in the way of those below it; the first above it
 * that watches the new one tells the others. Observers are told in the order in which they came: from the inside out.
 */
import type { Call, Reply } from './call.ts';

/** Shared by all calls of its layer, or made for one. Neither may throw. */
export interface ResultObserver {
  replied(reply: Reply, call: Call): void;
  failed(error: unknown, call: Call): void;
}

/** To be called at once, when a layer is given the promise by the one below. */
export function watchResult(call: Call, result: Promise<Reply>, observer: ResultObserver): void {
  const watched = call.watched as ResultWatch | undefined;
  if (watched?.result === result) return watched.add(observer);
  const watch = new ResultWatch(call);
  watch.promised(result);
  watch.add(observer);
  result.then((reply) => watch.replied(reply), (error: unknown) => watch.failed(error));
}

/** To be extended by what makes results itself, and then says so before they come: `promised`, then one of the other two, once. */
export class ResultWatch {
  readonly call: Call;
  result: Promise<Reply> | undefined;
  /** With places for all layers there are: an array that grows from nothing takes seventeen. */
  readonly #observers: (ResultObserver | undefined)[] = [undefined, undefined, undefined, undefined, undefined];
  #count = 0;

  constructor(call: Call) {
    this.call = call;
  }

  add(observer: ResultObserver): void {
    this.#observers[this.#count] = observer;
    this.#count += 1;
  }

  promised(result: Promise<Reply>): void {
    this.result = result;
    this.call.watched = this;
  }

  replied(reply: Reply): void {
    for (let place = 0; place < this.#count; place += 1) this.#observers[place]!.replied(reply, this.call);
  }

  failed(error: unknown): void {
    // Who watches it has heard; that nobody awaits it is no oversight.
    if (this.#count > 0) this.result?.catch(() => {});
    for (let place = 0; place < this.#count; place += 1) this.#observers[place]!.failed(error, this.call);
  }
}
