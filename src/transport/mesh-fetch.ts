/**
 * `mesh.fetch`: the built-in fetch with our dispatcher. The built-in one, because what calls it brings the built-in Request,
 * Headers and FormData, which npm undici's fetch does not know.
 *
 * fetch hides what happened behind `TypeError: fetch failed`; we give the MeshError itself.
 */
import type { CallOptions } from '../core/call.ts';
import { MeshError } from '../core/errors.ts';
import { CallDispatcher, type MeshDispatcher } from './mesh-dispatcher.ts';

export type MeshFetch = (input: Parameters<typeof fetch>[0], init?: Parameters<typeof fetch>[1] & { mesh?: CallOptions }) => Promise<Response>;

/** Taken when a client is made, so that `globalThis.fetch = mesh.fetch` does not call itself. */
export function meshFetch(dispatcher: MeshDispatcher, builtin: typeof fetch = globalThis.fetch): MeshFetch {
  return async function fetch(input, init) {
    const through = init?.mesh === undefined ? dispatcher : new CallDispatcher(dispatcher, init.mesh);
    try {
      return await builtin(input, { ...init, dispatcher: through } as unknown as Parameters<typeof globalThis.fetch>[1]);
    } catch (error) {
      const cause = error instanceof TypeError ? error.cause : undefined;
      throw cause instanceof MeshError ? cause : error;
    }
  };
}
