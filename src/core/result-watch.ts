/**
 * ResultWatch: who wants to hear of a call's result, beside it and not in its way. A deadline that is to be taken back, a place that will be
 * free when the body has ended, counts: each would be a `.then` of its own, with a promise that nobody awaits.
 *
 * Nearly always a result passes through all layers as the same promise. So whoever makes it leaves with the call that it tells those who watch
 * this promise, and they join. A layer that makes another promise, as a fallback does, is not in the way of those below it; the first above it
 * that watches the new one tells the others. Observers are told in the order in which they came: from the inside out.
 *
 * The same for attempts, whose results the transport makes.
 */
import type { Call, Reply } from './call.ts';

/** A call, or one of its attempts. */
export interface Watchable {
  watched?: unknown;
}

/** Shared by all calls of its layer, or made for one. Neither may throw. The promise that one returns never rejects, and the result is not passed on before it resolves. */
export interface ResultObserver<Subject = Call> {
  replied(reply: Reply, subject: Subject): void | Promise<unknown>;
  failed(error: unknown, subject: Subject): void | Promise<unknown>;
}

/** To be called at once, when a layer is given the promise by the one below. */
export function watchResult<Subject extends Watchable>(subject: Subject, result: Promise<Reply>, observer: ResultObserver<Subject>): void {
  const present = watchOf(subject, result);
  if (present !== undefined) return present.add(observer);
  const watch = new ResultWatch(subject);
  watch.promised(result);
  watch.add(observer);
  result.then((reply) => watch.replied(reply), (error: unknown) => watch.failed(error));
}

/** The same for a layer whose observer must have heard of the result, and be done with it, before anybody above has it: what it is to pass on. */
export function heardBy<Subject extends Watchable>(observer: ResultObserver<Subject>, subject: Subject, result: Promise<Reply>): Promise<Reply> {
  const present = watchOf(subject, result);
  if (present?.waits === true) {
    present.add(observer);
    return result;
  }
  return result.then(
    (reply) => {
      const done = observer.replied(reply, subject);
      return done === undefined ? reply : done.then(() => reply);
    },
    async (error: unknown) => {
      await observer.failed(error, subject);
      throw error;
    },
  );
}

/** Undefined also where it was told already: it tells nobody else. */
function watchOf<Subject extends Watchable>(subject: Subject, result: Promise<Reply>): ResultWatch<Subject> | undefined {
  const watch = subject.watched as ResultWatch<Subject> | undefined;
  return watch === undefined || watch.result !== result || watch.told ? undefined : watch;
}

/** To be extended by what makes results itself, and then says so before they come: `promised`, then one of the other two, once. */
export class ResultWatch<Subject extends Watchable = Call> {
  readonly subject: Subject;
  result: Promise<Reply> | undefined = undefined;
  told = false;
  /** Whether the result is not given out before what `replied` and `failed` return has resolved. */
  waits = false;
  /** With places for all layers there are: an array that grows from nothing takes seventeen. */
  #observers: (ResultObserver<Subject> | undefined)[] = [undefined, undefined, undefined, undefined, undefined];
  #count = 0;

  constructor(subject: Subject) {
    this.subject = subject;
  }

  add(observer: ResultObserver<Subject>): void {
    // Telemetry's two.
    if (this.#count === 5) this.#observers = this.#observers.concat([undefined, undefined]);
    this.#observers[this.#count] = observer;
    this.#count += 1;
  }

  promised(result: Promise<Reply>): void {
    this.result = result;
    this.subject.watched = this;
  }

  /** Undefined: all are done with it. */
  replied(reply: Reply): Promise<unknown> | undefined {
    let done: Promise<unknown> | undefined;
    this.told = true;
    for (let place = 0; place < this.#count; place += 1) done = both(done, this.#observers[place]!.replied(reply, this.subject));
    return done;
  }

  failed(error: unknown): Promise<unknown> | undefined {
    let done: Promise<unknown> | undefined;
    this.told = true;
    // Who watches it has heard; that nobody awaits it is no oversight.
    if (this.#count > 0) this.result?.catch(() => {});
    for (let place = 0; place < this.#count; place += 1) done = both(done, this.#observers[place]!.failed(error, this.subject));
    return done;
  }
}

function both(one: Promise<unknown> | undefined, other: void | Promise<unknown>): Promise<unknown> | undefined {
  if (other === undefined) return one;
  return one === undefined ? other : Promise.all([one, other]);
}
