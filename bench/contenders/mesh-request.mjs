/** `mesh.request` with every mechanism at its default. */
import { createMeshClient } from 'inmesh';
import { meshPolicy } from '../mesh-policy.mjs';

export async function setup(ports) {
  const mesh = createMeshClient({ policy: meshPolicy(ports) });
  await mesh.ready();
  return {
    async request() {
      const { body } = await mesh.request('http://reviews/reviews/1');
      await body.text();
    },
    close: () => mesh.close(),
  };
}
