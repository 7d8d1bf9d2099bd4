/** Health checks of a whole client, with real servers. */
import { afterEach, describe, expect, it } from 'vitest';
import { createMeshClient, type MeshClient } from '../src/client.ts';
import type { PolicyDocument } from '../src/config/schema.ts';
import { eventually } from './support/eventually.ts';
import { startServer, type Running } from './support/http-server.ts';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

/** A server with a health page that can be turned off, and what it was asked. */
async function instance() {
  const asked: string[] = [];
  const state = { healthy: true, asked };
  const server = await startServer((request, response) => {
    asked.push(`${request.headers['user-agent'] ?? ''} ${request.headers.host} ${request.url}`);
    response.statusCode = request.url === '/healthz' && !state.healthy ? 503 : 200;
    response.end(String(server.port));
  });
  cleanup.push(() => server.close());
  return Object.assign(state, { server });
}

function meshTo(servers: readonly Running[], knobs: NonNullable<PolicyDocument['defaults']>): MeshClient {
  const endpoints = servers.map(({ host, port }) => `${host}:${port}`);
  const mesh = createMeshClient({ policy: { version: 1, services: { reviews: { hosts: ['reviews:80', 'other'], discovery: { endpoints }, ...knobs } } } });
  cleanup.push(() => mesh.close({ timeout: 0 }));
  return mesh;
}

const quick = { path: '/healthz', interval: 300, timeout: 290, unhealthy: 2, healthy: 1 };

async function reached(mesh: MeshClient, times = 40): Promise<Set<string>> {
  const ports = await Promise.all(Array.from({ length: times }, async () => (await mesh.fetch('http://reviews/')).text()));
  return new Set(ports);
}

describe('a mesh with health checks', () => {
  it('sends nothing to an endpoint whose health page fails, and sends again when it passes', async () => {
    const instances = await Promise.all([instance(), instance(), instance()]);
    const [ill] = instances;
    const mesh = meshTo(instances.map(({ server }) => server), { healthCheck: quick });
    await mesh.ready();
    const healthOf = (port: number) => mesh.inspect().services[0]!.endpoints.find(({ endpoint }) => endpoint.endsWith(`:${port}`))!.health;
    await eventually(() => instances.map(({ server }) => healthOf(server.port)?.state), (states) => states.every((state) => state === 'healthy'));
    const told: string[] = [];
    // On a machine that is busy with other things, the others may have been late as well.
    const tell = (endpoint: string, what: string) => endpoint.endsWith(`:${ill.server.port}`) && told.push(what);
    mesh.events.on('endpoint.unhealthy', ({ endpoint, why }) => tell(endpoint, why));
    mesh.events.on('endpoint.healthy', ({ endpoint }) => tell(endpoint, 'healthy'));
    ill.healthy = false;
    await eventually(() => healthOf(ill.server.port), (health) => health?.state === 'unhealthy');
    expect(healthOf(ill.server.port)).toMatchObject({ why: 'status 503', since: expect.any(Number) });
    ill.asked.length = 0;
    expect(await reached(mesh)).not.toContain(String(ill.server.port));
    expect(ill.asked.filter((line) => !line.endsWith('/healthz'))).toEqual([]);
    ill.healthy = true;
    await eventually(() => healthOf(ill.server.port), (health) => health?.state === 'healthy');
    await eventually(() => reached(mesh), (ports) => ports.has(String(ill.server.port)));
    expect(told).toEqual(['status 503', 'healthy']);
    expect(ill.asked.find((line) => line.endsWith('/healthz'))).toBe('inmesh-health reviews:80 /healthz');
  });

  it('takes out what cannot be connected to, though nobody calls', async () => {
    const [dying, other] = await Promise.all([instance(), instance()]);
    const mesh = meshTo([dying.server, other.server], { healthCheck: quick });
    await mesh.ready();
    await dying.server.close();
    const gone = () => mesh.inspect().services[0]!.endpoints.find(({ endpoint }) => endpoint.endsWith(`:${dying.server.port}`))!;
    const { health, totals } = await eventually(gone, (endpoint) => endpoint.health?.state === 'unhealthy');
    expect(health!.why).toContain('ECONNREFUSED');
    expect(totals.failure).toBe(0);
  });

  it('leaves what hangs its checks behind, and closes at once', async () => {
    const hung = await startServer(() => {});
    cleanup.push(() => hung.close());
    const mesh = meshTo([hung], { healthCheck: { ...quick, interval: 60_000, timeout: 50_000 } });
    await mesh.ready();
    const before = performance.now();
    await mesh.close();
    expect(performance.now() - before).toBeLessThan(2_000);
    await eventually(() => hung.connections.size, (size) => size === 0);
  });

  it('asks nobody unless the policy says so', async () => {
    const one = await instance();
    const mesh = meshTo([one.server], {});
    await mesh.ready();
    await reached(mesh, 3);
    expect(one.asked.every((line) => line.endsWith(' /'))).toBe(true);
    expect(mesh.inspect().services[0]!.endpoints[0]!.health).toBeUndefined();
  });
});
