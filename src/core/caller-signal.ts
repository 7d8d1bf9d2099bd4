/**
 * AbortSignals (the caller's own, those of the context he calls in), tied to a call for as long as that lasts. Signals may live as long as the process, so nothing is left behind with
 * them: each listener that stays would keep its call alive (nodejs/undici#5285, nodejs/node#52635).
 *
 * Calls that share a signal share one listener: Node warns of a leak when a signal has eleven, and adding and removing one costs 0.5 µs.
 */
import type { ReplyObserver } from './call.ts';

/** Of any realm, and of polyfills. */
export function isSignal(value: unknown): value is AbortSignal {
  return typeof value === 'object' && value !== null && 'aborted' in value && 'addEventListener' in value;
}

/** What a signal ends. */
export interface Abortable {
  abort(reason: unknown): void;
}

/** Watches the reply, to let go of the signals at its end. */
export class CallerSignals implements ReplyObserver {
  readonly #listeners: SharedListener[] = [];
  readonly #call: Abortable;

  /** The first that fires ends the call; one that has fired already does so at once. */
  constructor(signals: readonly AbortSignal[], call: Abortable) {
    this.#call = call;
    const fired = signals.find(({ aborted }) => aborted);
    if (fired !== undefined) call.abort(fired.reason);
    else for (const signal of signals) this.#listeners.push(listenerOf(signal).join(call));
  }

  /** The call is over. */
  end(): void {
    for (const listener of this.#listeners) listener.leave(this.#call);
  }
}

/** By signal, as long as any call listens. */
const listeners = new WeakMap<AbortSignal, SharedListener>();

function listenerOf(signal: AbortSignal): SharedListener {
  let listener = listeners.get(signal);
  if (listener === undefined) listeners.set(signal, (listener = new SharedListener(signal)));
  return listener;
}

class SharedListener {
  readonly #calls = new Set<Abortable>();
  readonly #signal: AbortSignal;
  readonly #fired = (): void => {
    for (const call of this.#calls) call.abort(this.#signal.reason);
  };

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', this.#fired, { once: true });
  }

  join(call: Abortable): this {
    this.#calls.add(call);
    return this;
  }

  leave(call: Abortable): void {
    this.#calls.delete(call);
    if (this.#calls.size > 0) return;
    this.#signal.removeEventListener('abort', this.#fired);
    listeners.delete(this.#signal);
  }
}
