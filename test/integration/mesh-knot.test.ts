/**
 * The main job against a real nameserver: traffic follows what DNS says within seconds, and goes on when DNS says nothing.
 */
import { afterEach, expect, it } from 'vitest';
import { createMeshClient, type MeshClient } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import { closedPort, startServer, type Running } from '../support/http-server.ts';
import { startKnot, type Knot } from '../support/knot.ts';
import { needs } from '../support/needs.ts';

const NAME = '_http._tcp.reviews.default.svc.cluster.local';
/** The longest time between two look-ups, and a second for the rest. */
const WITHIN = 5000 + 1000;

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

interface Replica extends Running {
  /** Requests answered. */
  served: number;
}

async function replica(): Promise<Replica> {
  const running = await startServer((_request, response) => {
    counted.served += 1;
    response.end('ok');
  });
  const counted: Replica = Object.assign(running, { served: 0 });
  cleanup.push(() => running.close());
  return counted;
}

const record = ({ port }: Running): string => `${NAME}. 5 SRV 0 33 ${port} 127-0-0-1.reviews.default.svc.cluster.local.`;

interface Load {
  /** Calls so far. */
  calls: number;
  readonly failures: unknown[];
  stop(): Promise<void>;
}

/** About a hundred calls a second, one after the other in four lanes, until stopped. */
function load(mesh: MeshClient): Load {
  const state = { calls: 0, failures: [] as unknown[], running: true };
  async function lane(): Promise<void> {
    while (state.running) {
      try {
        const response = await mesh.fetch('http://reviews/');
        await response.text();
        if (!response.ok) state.failures.push(response.status);
      } catch (error) {
        state.failures.push(error);
      }
      state.calls += 1;
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  }
  const lanes = Promise.all(Array.from({ length: 4 }, lane));
  return Object.assign(state, {
    async stop() {
      state.running = false;
      await lanes;
    },
  });
}

async function meshAt(knot: Knot): Promise<MeshClient> {
  const mesh = createMeshClient({ policy: { version: 1, services: { reviews: { discovery: { srv: NAME } } } }, nameservers: [knot.address] });
  cleanup.push(() => mesh.close({ timeout: 1000 }));
  await mesh.ready();
  return mesh;
}

needs('knot').describe('traffic and Knot', () => {
  it('follows replicas that are added and removed, within a refresh and a second', async () => {
    const [first, second, third] = [await replica(), await replica(), await replica()];
    const knot = await startKnot({ zone: [`${record(first)}`, `${record(second)}`, '127-0-0-1.reviews.default.svc A 127.0.0.1'] });
    cleanup.push(() => knot.close());
    const mesh = await meshAt(knot);
    const traffic = load(mesh);
    await eventually(() => first.served > 0 && second.served > 0);

    await knot.update([`add ${record(third)}`]);
    await eventually(() => third.served, (served) => served > 0, WITHIN);

    await knot.update([`delete ${record(first).replace(' 5 SRV', ' SRV')}`]);
    const gone = () => mesh.inspect().services[0]!.endpoints.every(({ endpoint }) => endpoint !== `127.0.0.1:${first.port}`);
    await eventually(gone, Boolean, WITHIN);
    const served = first.served;
    const calls = traffic.calls;
    await eventually(() => traffic.calls, (now) => now > calls + 50);
    // What was in flight when it left may still have been counted; nothing new is.
    expect(first.served).toBeLessThanOrEqual(served + 4);
    await traffic.stop();
    expect(traffic.failures).toEqual([]);
  }, 40_000);

  it('warns once where a name is that of a virtual IP, and never ejects it', async () => {
    const well = await startServer((_request, response) => response.end());
    cleanup.push(() => well.close());
    // Two of them, of two versions: a single endpoint would not be ejected anyway. To one nobody can connect, which ejects at once elsewhere.
    const vip = (name: string, port: number) => [`_http._tcp.${name}.default.svc SRV 0 100 ${port} ${name}.default.svc`, `${name}.default.svc A 127.0.0.1`];
    const knot = await startKnot({ zone: [...vip('v1', await closedPort()), ...vip('v2', well.port)] });
    cleanup.push(() => knot.close());
    const version = (name: string) => ({ discovery: { srv: `_http._tcp.${name}.default.svc.cluster.local` } });
    const warnings: string[] = [];
    const mesh = createMeshClient({
      policy: { version: 1, services: { vip: { versions: { v1: version('v1'), v2: version('v2') }, discovery: { refresh: '100ms' } } } },
      nameservers: [knot.address],
      logger: { warn: (_details, message) => void warnings.push(message) },
    });
    cleanup.push(() => mesh.close({ timeout: 0 }));
    const ejected: unknown[] = [];
    const retried: unknown[] = [];
    mesh.events.on('endpoint.ejected', (event) => ejected.push(event));
    mesh.events.on('retry.scheduled', (event) => retried.push(event));
    const both = () => mesh.inspect().services[0]?.endpoints.length === 2;
    await mesh.ready();
    await eventually(both);
    for (let call = 0; call < 200 && retried.length === 0; call += 1) await (await mesh.fetch('http://vip/')).text();
    expect(retried.length).toBeGreaterThan(0);
    expect(warnings).toEqual([expect.stringContaining('virtual IP')]);
    expect(mesh.inspect().services[0]).toMatchObject({ discovery: { virtual: true }, endpoints: [{ state: 'available' }, { state: 'available' }] });
    expect(ejected).toEqual([]);
  });

  it('goes on for a minute without DNS, a replica lost meanwhile, and finds its way back', async () => {
    const [first, second, third] = [await replica(), await replica(), await replica()];
    const knot = await startKnot({ zone: [`${record(first)}`, `${record(second)}`, '127-0-0-1.reviews.default.svc A 127.0.0.1'] });
    cleanup.push(() => knot.close());
    const mesh = await meshAt(knot);
    const traffic = load(mesh);
    await eventually(() => first.served > 0 && second.served > 0);

    await knot.stop();
    const stopped = performance.now();
    const discovery = () => mesh.inspect().services[0]!.discovery;
    await eventually(() => discovery().state, (state) => state === 'stale', 15_000);
    await eventually(() => performance.now() - stopped > 30_000, Boolean, 35_000);
    await first.close();
    await eventually(() => performance.now() - stopped > 60_000, Boolean, 35_000);
    expect(traffic.failures).toEqual([]);
    expect(discovery()).toMatchObject({ state: 'stale', age: expect.any(Number) });
    expect(discovery().age).toBeGreaterThan(55_000);

    await knot.restart();
    await knot.update([`delete ${record(first).replace(' 5 SRV', ' SRV')}`, `add ${record(third)}`]);
    await eventually(() => third.served, (served) => served > 0, 40_000);
    await traffic.stop();
    expect(traffic.failures).toEqual([]);
    expect(traffic.calls).toBeGreaterThan(1000);
  }, 150_000);
});
