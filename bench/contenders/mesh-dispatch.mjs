/** `mesh.dispatcher.dispatch` with every mechanism at its default. */
import { createMeshClient } from 'inmesh';
import { dispatchOnce } from '../dispatch-once.mjs';
import { meshPolicy } from '../mesh-policy.mjs';

export async function setup(ports) {
  const mesh = createMeshClient({ policy: meshPolicy(ports) });
  await mesh.ready();
  return {
    request: () => dispatchOnce(mesh.dispatcher, { origin: 'http://reviews', path: '/reviews/1', method: 'GET' }),
    close: () => mesh.close(),
  };
}
