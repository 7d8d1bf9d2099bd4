/** What bench/admin.mjs measures: clients over a transport that answers at once, so that what remains is ours. */
import { createMeshClient, type MeshClient, type PolicyDocument } from '../src/index.ts';
import { instantly, type CallOnce } from './instant-transport.ts';

/** A service of so many endpoints, all of them in use. */
export async function clientOf(endpoints: number): Promise<{ mesh: MeshClient; callOnce: CallOnce }> {
  const addresses = Array.from({ length: endpoints }, (_, index) => `10.0.${index >> 8}.${index & 255}:80`);
  const policy: PolicyDocument = { version: 1, services: { reviews: { subset: 'off', discovery: { endpoints: addresses }, balancer: { type: 'round-robin' } } } };
  const mesh = createMeshClient({ service: 'bench', policy, transport: () => instantly });
  await mesh.ready();
  const options = { origin: 'http://reviews', path: '/reviews/1', method: 'GET' as const, headers: { accept: 'application/json', 'user-agent': 'bench' } };
  const nothing = (): void => {};
  const callOnce: CallOnce = () =>
    new Promise((resolve, reject) => {
      mesh.dispatcher.dispatch(options, { onConnect: nothing, onHeaders: () => true, onData: () => true, onComplete: resolve, onError: reject });
    });
  return { mesh, callOnce };
}
