/** `mesh.dispatcher.dispatch` with every mechanism at its default. */
import { createMeshClient } from 'inmesh';
import { dispatchOnce } from '../support/dispatch-once.mjs';
import { meshPolicy } from '../support/mesh-policy.mjs';

export async function setup({ small }) {
  const mesh = createMeshClient({ policy: meshPolicy(small) });
  await mesh.ready();
  return {
    request: () => dispatchOnce(mesh.dispatcher, { origin: 'http://reviews', path: '/reviews/1', method: 'GET' }),
    close: () => mesh.close(),
  };
}
