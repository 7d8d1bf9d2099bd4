/**
 * Ambient context: what the request that this process serves says about the calls made while serving it. It travels with the
 * asynchronous work of its handler (AsyncLocalStorage), so that a deadline set three hops up reaches a call made three functions down without
 * anybody handing it on.
 *
 * A context within another one inherits what it does not say itself, and its deadline is the earlier of the two: no handler can give itself
 * more time than its caller has. For the same reason it ends when either of their signals fires. (Finagle's broadcast contexts, Go's context.Context.)
 *
 * Two copies of this package in one process, as ESM and as CommonJS, share the storage: the middleware that knows the deadline may
 * have loaded one and the code that calls the other. Asking costs some 5 ns where nobody uses it; nothing on the path of a call ever
 * enters a context, for within one every `await` of the application is dearer.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Millis } from './clock.ts';
import type { Criticality } from './criticality.ts';

/** What an inbound request says of itself; every part may be missing. */
export interface CallContext {
  /** Time that is left for it: milliseconds, or as in the policy file (`'2s'`). */
  readonly deadline?: number | string | undefined;
  /** Of all calls that are made for it, where they do not say so themselves. */
  readonly criticality?: Criticality | undefined;
  /** Which attempt of its caller it is; 2 is the first retry. While one is served, calls are not retried in turn. */
  readonly attempt?: number | undefined;
  /** Who asks. */
  readonly caller?: string | undefined;
  /** Fires when whoever asked has left: the calls made for him end then. Nothing is left listening to it once they are over. */
  readonly signal?: AbortSignal | undefined;
}

export interface Ambient {
  /** An instant on `Clock.now()`'s scale; Infinity where there is none. */
  readonly deadline: Millis;
  readonly criticality: Criticality | undefined;
  /** 1 where nobody said. */
  readonly attempt: number;
  readonly caller: string | undefined;
  /** Its own, and those of the contexts around it: each of them ends its calls. Innermost last. */
  readonly signals: readonly AbortSignal[];
}

/** Also the version of what is stored: another shape is another symbol. */
const shared = Symbol.for('inmesh/ambient@1');

const storage = ((globalThis as { [shared]?: AsyncLocalStorage<Ambient> })[shared] ??= new AsyncLocalStorage<Ambient>());

/** Of the request that is being served; undefined where there is none. */
export function ambient(): Ambient | undefined {
  return storage.getStore();
}

/** All that end a call made here which has this one of its own: its own, and those of whom it is made for. */
export function signalsOf(own: AbortSignal | undefined): readonly AbortSignal[] {
  const around = storage.getStore()?.signals ?? noSignals;
  return own === undefined || around.includes(own) ? around : [own, ...around];
}

/** What `runWithin` takes: a signal, or what makes one when it is first asked for. */
export interface GivenContext extends Omit<CallContext, 'deadline' | 'signal'> {
  readonly signal?: AbortSignal | (() => AbortSignal) | undefined;
}

/** Runs `work`, and all that it starts, in this context; `deadline` is an instant. */
export function runWithin<Result>(context: GivenContext, deadline: Millis, work: () => Result): Result {
  return storage.run(new Within(context, deadline, storage.getStore()), work);
}

class Within implements Ambient {
  readonly deadline: Millis;
  readonly criticality: Criticality | undefined;
  readonly attempt: number;
  readonly caller: string | undefined;
  readonly #outer: Ambient | undefined;
  readonly #signal: GivenContext['signal'];
  #signals: readonly AbortSignal[] | undefined;

  constructor({ criticality, attempt, caller, signal }: GivenContext, deadline: Millis, outer: Ambient | undefined) {
    this.deadline = Math.min(deadline, outer?.deadline ?? Infinity);
    this.criticality = criticality ?? outer?.criticality;
    this.attempt = attempt ?? outer?.attempt ?? 1;
    this.caller = caller ?? outer?.caller;
    this.#outer = outer;
    this.#signal = signal;
  }

  /** Where it is made when it is asked for: a signal costs a server more than all else that it does for a request, and many call nobody. */
  get signals(): readonly AbortSignal[] {
    return (this.#signals ??= withOneMore(this.#outer?.signals ?? noSignals, typeof this.#signal === 'function' ? this.#signal() : this.#signal));
  }
}

const noSignals: readonly AbortSignal[] = [];

function withOneMore(signals: readonly AbortSignal[], signal: AbortSignal | undefined): readonly AbortSignal[] {
  return signal === undefined || signals.includes(signal) ? signals : [...signals, signal];
}
