/** A mesh with every mechanism at its default, by `mesh.request`. */
import { createMeshClient } from 'inmesh';
import { meshPolicy } from './mesh-policy.mjs';

export async function meshRequest(ports, policy = meshPolicy(ports)) {
  const mesh = createMeshClient({ policy });
  await mesh.ready(['reviews']);
  return {
    async request() {
      const { body } = await mesh.request('http://reviews/reviews/1');
      await body.text();
    },
    close: () => mesh.close(),
  };
}
