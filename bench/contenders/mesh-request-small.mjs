/** What the large mesh is compared with: one service, four endpoints, one route. */
import { meshRequest } from '../support/mesh.mjs';
import { meshPolicy } from '../support/mesh-policy.mjs';

export function setup({ everywhere }) {
  const policy = meshPolicy(everywhere);
  policy.services.reviews.routes = [{ name: 'reviews', match: [{ path: { prefix: '/reviews' } }] }];
  return meshRequest(everywhere, policy);
}
