/** Long bodies by `mesh.request`. */
import { createMeshClient } from 'inmesh';
import { transferring } from '../support/long-bodies.mjs';

export function setup({ streams }) {
  const mesh = createMeshClient({ policy: { version: 1, services: { streams: { discovery: { endpoints: [`127.0.0.1:${streams}`] }, deadline: '5m' } } } });
  return { transfer: transferring((path, options) => mesh.request(`http://streams${path}`, options)), close: () => mesh.close() };
}
