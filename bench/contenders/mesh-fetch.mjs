/** `mesh.fetch` with every mechanism at its default. */
import { createMeshClient } from 'inmesh';
import { meshPolicy } from '../support/mesh-policy.mjs';

export async function setup({ small }) {
  const mesh = createMeshClient({ policy: meshPolicy(small) });
  await mesh.ready();
  return {
    async request() {
      await (await mesh.fetch('http://reviews/reviews/1')).text();
    },
    close: () => mesh.close(),
  };
}
