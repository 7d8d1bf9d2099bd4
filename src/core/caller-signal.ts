/**
 * A caller's AbortSignal, tied to his call for as long as that lasts. Signals may live as long as the process, so nothing is left behind with
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

/** Watches the reply, to let go of the signal at its end. */
export class CallerSignal implements ReplyObserver {
  readonly #listener: SharedListener | undefined;
  readonly #call: Abortable;

  /** One that has fired already ends the call at once. */
  constructor(signal: AbortSignal, call: Abortable) {
    this.#call = call;
    this.#listener = signal.aborted ? undefined : listenerOf(signal);
    if (this.#listener === undefined) call.abort(signal.reason);
    else this.#listener.calls.add(call);
  }

  /** The call is over. */
  end(): void {
    this.#listener?.leave(this.#call);
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
  readonly calls = new Set<Abortable>();
  readonly #signal: AbortSignal;
  readonly #fired = (): void => {
    for (const call of this.calls) call.abort(this.#signal.reason);
  };

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', this.#fired, { once: true });
  }

  leave(call: Abortable): void {
    this.calls.delete(call);
    if (this.calls.size > 0) return;
    this.#signal.removeEventListener('abort', this.#fired);
    listeners.delete(this.#signal);
  }
}
