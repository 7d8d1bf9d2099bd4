/**
 * A client in a pod: the API server from the environment, the service account where kubelet puts it, and the zone as an option or from the
 * environment.
 */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createMeshClient, type MeshOptions } from '../../src/index.ts';
import { startServer, type Running } from '../support/http-server.ts';
import { FakeKubernetes } from '../support/kubernetes-api.ts';

/** Nobody but kubelet writes there; its files are read from elsewhere. */
const account = vi.hoisted((): { folder: string; files: Record<string, string | undefined> } => ({ folder: '/var/run/secrets/kubernetes.io/serviceaccount/', files: {} }));
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const readFile = (path: string, options: 'utf8'): Promise<string> => real.readFile(account.files[path.replace(account.folder, '')] ?? path, options);
  return { ...real, readFile };
});

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const close of cleanup.splice(0).reverse()) await close();
});

let near: Running;
let far: Running;
beforeEach(async () => {
  near = await startServer((_request, response) => response.end('near'));
  far = await startServer((_request, response) => response.end('far'));
  const api = await FakeKubernetes.start();
  cleanup.push(() => near.close(), () => far.close(), () => api.close());
  api.put('a', [near.host], { port: near.port, zone: 'zone-a', forZones: ['zone-a'] });
  api.put('b', [far.host], { port: far.port, zone: 'zone-b', forZones: ['zone-b'] });
  const { hostname, port } = new URL(api.access.url);
  vi.stubEnv('KUBERNETES_SERVICE_HOST', hostname);
  vi.stubEnv('KUBERNETES_SERVICE_PORT', port);
  account.files = { 'ca.crt': api.access.caFile, token: api.access.tokenFile };
});

async function endpointsOf(options: MeshOptions): Promise<(string | undefined)[]> {
  const discovery = { kubernetes: { service: 'reviews', namespace: 'default', port: 'http' } };
  const mesh = createMeshClient({ ...options, policy: { version: 1, services: { reviews: { discovery } } } });
  cleanup.push(() => mesh.close());
  await (await mesh.fetch('http://reviews/')).text();
  return mesh.inspect().services[0]!.endpoints.map(({ zone }) => zone).sort();
}

it('R-43: a client uses the endpoints for its zone, which it is told, or finds in $INMESH_ZONE', async () => {
  expect(await endpointsOf({})).toEqual(['zone-a', 'zone-b']);
  expect(await endpointsOf({ zone: 'zone-a' })).toEqual(['zone-a']);
  vi.stubEnv('INMESH_ZONE', 'zone-b');
  expect(await endpointsOf({})).toEqual(['zone-b']);
  expect(await endpointsOf({ zone: 'zone-a' })).toEqual(['zone-a']);
  expect(await endpointsOf({ zone: '' })).toEqual(['zone-a', 'zone-b']);
});
