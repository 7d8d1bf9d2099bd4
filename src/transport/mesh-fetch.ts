/**
 * `mesh.fetch`: the built-in fetch with our dispatcher. The built-in one, because what calls it brings the built-in Request,
 * Headers and FormData, which npm undici's fetch does not know.
 *
 * fetch hides what happened behind `TypeError: fetch failed`; we give the MeshError itself, or what the caller's own signal or fallback said.
 */
import { signalsOf } from '../core/ambient.ts';
import type { CallOptions } from '../core/call.ts';
import { MeshError } from '../core/errors.ts';
import { wasTold } from './caller-sink.ts';
import { CallDispatcher, type MeshDispatcher } from './mesh-dispatcher.ts';

export type MeshFetch = (input: Parameters<typeof fetch>[0], init?: Parameters<typeof fetch>[1] & { mesh?: CallOptions }) => Promise<Response>;

/** Taken when a client is made, so that `globalThis.fetch = mesh.fetch` does not call itself. */
export function meshFetch(dispatcher: MeshDispatcher, builtin: typeof fetch = globalThis.fetch): MeshFetch {
  return async function fetch(input, init) {
    const signal = dispatcher.passesThrough ? undefined : signalOf(init);
    const signals = signalsOf(signal);
    const controller = dispatcher.passesThrough || signals.length === 0 ? undefined : new AbortController();
    const plain = init?.mesh === undefined || init.mesh === null;
    const through = plain && controller === undefined && !dispatcher.countsHops ? dispatcher : new CallDispatcher(dispatcher, signal === undefined ? (init?.mesh ?? {}) : { ...init!.mesh, signal }, controller);
    const own = controller === undefined ? {} : { signal: controller.signal };
    const fired = signals.find(({ aborted }) => aborted);
    if (fired !== undefined) controller?.abort(fired.reason);
    try {
      return await builtin(input, { ...init, ...own, dispatcher: through } as unknown as Parameters<typeof globalThis.fetch>[1]);
    } catch (error) {
      const left = signals.find(({ aborted }) => aborted);
      if (left !== undefined) throw left.reason;
      const cause = error instanceof TypeError ? error.cause : undefined;
      throw wasTold(cause) || cause instanceof MeshError ? cause : error;
    }
  };
}

/**
 * The signal that the caller gives, where he gives one. fetch never sees it, nor those of the context: it leaves a listener on each signal that it is given until the garbage is
 * collected, and signals may live as long as the process. It gets one of its own, for this call (which costs 3 µs beside its 200). Where
 * requests may pass by the mesh, only fetch can end them.
 */
function signalOf(init: Parameters<MeshFetch>[1]): AbortSignal | undefined {
  const [own, given] = [init?.mesh?.signal, init?.signal];
  // What is no signal is for fetch to refuse.
  if (!(given instanceof AbortSignal)) return own;
  return own === undefined ? given : AbortSignal.any([own, given]);
}
