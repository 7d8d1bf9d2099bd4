/**
 * Requirements of docs/discovery.md that a real nameserver and real traffic show.
 */
import { afterEach, expect, it } from 'vitest';
import { createMeshClient, type MeshClient } from '../../src/index.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Resolution } from '../../src/core/endpoint.ts';
import { defaultServicePolicy } from '../../src/core/policy.ts';
import { systemRandom } from '../../src/core/random.ts';
import { resolverFor } from '../../src/discovery/resolver-for.ts';
import { SrvSource } from '../../src/discovery/srv.ts';
import { collect } from '../support/collect.ts';
import { eventually } from '../support/eventually.ts';
import { hasLoopback6 } from '../support/ipv6.ts';
import { startServer, type Running } from '../support/http-server.ts';
import { startKnot, type Knot, type KnotOptions } from '../support/knot.ts';
import { needs } from '../support/needs.ts';
import { startScriptedDns } from '../support/scripted-dns.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { headless, watched, type Watched, type WatchedOptions } from '../support/watched.ts';

const NAME = '_http._tcp.reviews.default.svc.cluster.local';
const RELATIVE = '_http._tcp.reviews.default.svc';
const TARGET = '127-0-0-1.reviews.default.svc';

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

async function knotWith(zone: readonly string[], options: Partial<KnotOptions> = {}): Promise<Knot> {
  const knot = await startKnot({ zone, ...options });
  cleanup.push(() => knot.close());
  return knot;
}

function watching(name: string, options: WatchedOptions): Watched {
  const each = watched(name, options);
  cleanup.push(() => each.close());
  return each;
}

interface Replica extends Running { served: number }

async function replica(after = 0, host = '127.0.0.1'): Promise<Replica> {
  const running = await startServer((_request, response) => {
    counted.served += 1;
    setTimeout(() => response.end('ok'), after);
  }, host);
  const counted: Replica = Object.assign(running, { served: 0 });
  cleanup.push(() => running.close());
  return counted;
}

const record = ({ port }: Running, ttl = 5): string => `${RELATIVE} ${ttl} SRV 0 33 ${port} ${TARGET}`;
const zoneOf = (...replicas: Replica[]): string[] => [...replicas.map((each) => record(each)), `${TARGET} A 127.0.0.1`];

function meshAt(address: string, discovery: object = {}): MeshClient {
  const mesh = createMeshClient({ policy: { version: 1, services: { reviews: { discovery: { srv: NAME, ...discovery } } } }, nameservers: [address] });
  cleanup.push(() => mesh.close({ timeout: 500 }));
  return mesh;
}

async function call(mesh: MeshClient): Promise<void> {
  const response = await mesh.fetch('http://reviews/');
  await response.text();
  if (!response.ok) throw new Error(String(response.status));
}

needs('knot').describe('requirements of discovery, with Knot', () => {
  it('R-36: an instance with an address in each family is one endpoint, and is reached where it listens on one of them only', async (context) => {
    context.skip(!hasLoopback6, 'no ::1 on this machine');
    for (const host of ['127.0.0.1', '::1']) {
      const instance = await replica(0, host);
      const knot = await knotWith([record(instance), `${TARGET} A 127.0.0.1`, `${TARGET} AAAA ::1`]);
      const mesh = meshAt(knot.address);
      for (let count = 0; count < 5; count += 1) await call(mesh);
      const [service] = mesh.inspect().services;
      expect(service!.endpoints).toHaveLength(1);
      expect(service!.endpoints[0]).toMatchObject({ state: 'available', totals: { success: 5, failure: 0 } });
      expect(instance.served).toBe(5);
    }
  });

  it('R-3: instances that share an address are told apart by their ports: all get traffic, and only the one that stops leaves', async () => {
    // Many at a time and not instantly: of calls one by one, whoever answered slowly once gets none for a while.
    const replicas = [await replica(10), await replica(10), await replica(10)];
    const knot = await knotWith(zoneOf(...replicas));
    const mesh = meshAt(knot.address);
    const burst = (): Promise<unknown> => Promise.all(Array.from({ length: 30 }, () => call(mesh)));
    await eventually(async () => {
      await burst();
      return replicas.every((each) => each.served > 0);
    });
    await replicas[0]!.close();
    const before = replicas.map((each) => each.served);
    for (let count = 0; count < 10; count += 1) await call(mesh);
    await eventually(async () => {
      await burst();
      return replicas.slice(1).every((each, index) => each.served > before[index + 1]!);
    });
    expect(replicas[0]!.served).toBe(before[0]);
    expect(mesh.inspect().services[0]!.endpoints).toHaveLength(3);
  });

  it('R-4: replicas that are added and removed get and lose traffic within the refresh interval and a second', async () => {
    const [first, second, third] = [await replica(), await replica(), await replica()];
    const knot = await knotWith(zoneOf(first, second));
    const mesh = meshAt(knot.address, { refresh: '2s' });
    await call(mesh);
    await knot.update([`add ${record(third)}`, `delete ${record(first).replace(' 5 SRV', ' SRV')}`]);
    const keys = () => mesh.inspect().services[0]!.endpoints.map(({ endpoint }) => endpoint).sort();
    await eventually(keys, (now) => now.join() === [`127.0.0.1:${second.port}`, `127.0.0.1:${third.port}`].sort().join(), 3000);
    const served = first.served;
    for (let count = 0; count < 40; count += 1) await call(mesh);
    expect(first.served).toBe(served);
    expect(third.served).toBeGreaterThan(0);
  });

  it('R-6: no request waits for DNS once it has answered', async () => {
    const one = await replica();
    const knot = await knotWith(zoneOf(one));
    const mesh = meshAt(knot.address, { refresh: '100ms' });
    await call(mesh);
    knot.suspend();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const began = performance.now();
    for (let count = 0; count < 200; count += 1) await call(mesh);
    // A single wait for DNS would be at least half a second, and 200 of them minutes.
    expect((performance.now() - began) / 200).toBeLessThan(50);
    knot.resume();
  });

  it('R-7: calls before the first answer wait together, and end together with one error where there is none', async () => {
    const silent = await startScriptedDns(() => undefined);
    cleanup.push(() => silent.close());
    const mesh = meshAt(silent.address);
    const began = performance.now();
    const results = await Promise.allSettled(Array.from({ length: 100 }, () => call(mesh)));
    expect(results.every((result) => result.status === 'rejected' && (result.reason as { code: string }).code === 'DISCOVERY_FAILED')).toBe(true);
    expect(performance.now() - began).toBeLessThan(8000);
    // One series of three attempts in the first four seconds, and the beginning of the next.
    expect(silent.queries.length).toBeLessThanOrEqual(6);
  }, 20_000);

  it('R-8: while DNS is gone the last good set stays, its age is visible, and it recovers', async () => {
    const one = await replica();
    const knot = await knotWith(zoneOf(one));
    const mesh = meshAt(knot.address, { refresh: '200ms' });
    await call(mesh);
    const discovery = () => mesh.inspect().services[0]!.discovery;
    for (const trouble of ['stop', 'suspend'] as const) {
      await knot[trouble]();
      await eventually(() => discovery().state, (state) => state === 'stale', 10_000);
      for (let count = 0; count < 20; count += 1) await call(mesh);
      const { age } = discovery();
      await eventually(() => discovery().age!, (later) => later > age!);
      if (trouble === 'stop') await knot.restart();
      else knot.resume();
      await eventually(() => discovery().state, (state) => state === 'fresh', 30_000);
    }
  }, 90_000);

  it('R-10: the target "." empties a service at once', async () => {
    const knot = await knotWith([...zoneOf(), `${RELATIVE} SRV 0 1 80 ${TARGET}`]);
    const seen = watching(NAME, { nameservers: [knot.address], knobs: { refresh: 200 } });
    await seen.first();
    await knot.update([`delete ${RELATIVE} SRV`, `add ${RELATIVE} 5 SRV 0 0 0 .`]);
    await eventually(() => seen.state().state, (state) => state === 'empty', 2000);
    expect(seen.keys()).toEqual([]);
  });

  it('R-12: what is in flight to a removed endpoint finishes; then its connection closes', async () => {
    const [slow, other] = [await replica(2500), await replica()];
    const knot = await knotWith([...zoneOf(slow)]);
    const mesh = meshAt(knot.address, { refresh: '200ms' });
    const inFlight = call(mesh);
    await eventually(() => slow.served === 1);
    await knot.update([`add ${record(other)}`]);
    await eventually(() => mesh.inspect().services[0]!.endpoints.length === 2);
    await knot.update([`delete ${record(slow).replace(' 5 SRV', ' SRV')}`]);
    await eventually(() => mesh.inspect().services[0]!.endpoints.length === 1);
    for (let count = 0; count < 10; count += 1) await call(mesh);
    expect(slow.served).toBe(1);
    expect(slow.connections.size).toBe(1);
    await inFlight;
    await eventually(() => slow.connections.size === 0);
  });

  it('R-14: weights that change for all alike are no change', async () => {
    const knot = await knotWith(headless('reviews', 3));
    const mesh = meshAt(knot.address, { refresh: '200ms' });
    const changes: { added: readonly string[]; removed: readonly string[] }[] = [];
    mesh.events.on('endpoints.changed', ({ added, removed }) => void changes.push({ added, removed }));
    await mesh.ready();
    await knot.update([`delete ${RELATIVE} SRV`, ...[1, 2, 3, 4].map((last) => `add ${RELATIVE} 5 SRV 0 25 9080 10-1-0-${last}.reviews.default.svc`)]);
    await eventually(() => changes.length, (length) => length === 2);
    expect(changes[1]).toEqual({ added: ['10.1.0.4:9080'], removed: [] });
  });

  it('R-16: a ClusterIP is recognised', async () => {
    const knot = await knotWith([...headless('reviews', 3), '_http._tcp.ratings.default.svc SRV 0 100 9080 ratings.default.svc', 'ratings.default.svc A 10.96.0.7']);
    const ratings = watching('_http._tcp.ratings.default.svc.cluster.local', { nameservers: [knot.address] });
    expect(await ratings.first()).toMatchObject({ virtual: true, endpoints: [{ host: '10.96.0.7' }] });
    expect(ratings.state().virtual).toBe(true);
    const reviews = watching(NAME, { nameservers: [knot.address] });
    expect(await reviews.first()).toMatchObject({ virtual: false });
    expect(reviews.state().virtual).toBeUndefined();
  });

  it('R-19: a large answer is asked for less often', async () => {
    const knot = await knotWith(headless('crowd', 800), { ttl: 30 });
    const clock = new VirtualClock();
    const seen = watching('_http._tcp.crowd.default.svc.cluster.local', { nameservers: [knot.address], clock });
    expect((await seen.first()).endpoints).toHaveLength(800);
    expect(seen.state().lookup!.bytes).toBeGreaterThan(60_000);
    await clock.advance(13_000);
    expect(seen.state().age).toBe(13_000);
    await clock.advance(4_000);
    await eventually(() => seen.state().age!, (age) => age < 13_000);
  });

  it('R-15: of two endpoints of weights 10 and 90 the first gets about a tenth; the backup gets traffic when both are gone, and not before', async () => {
    const [canary, main, backup] = [await replica(20), await replica(20), await replica()];
    const at = (priority: number, weight: number, { port }: Running): string => `${RELATIVE} 5 SRV ${priority} ${weight} ${port} ${TARGET}`;
    const knot = await knotWith([at(0, 10, canary), at(0, 90, main), at(10, 50, backup), `${TARGET} A 127.0.0.1`]);
    const mesh = meshAt(knot.address);
    // Weights divide load, so there must be some.
    const calls = (count: number): Promise<unknown> => Promise.all(Array.from({ length: 40 }, async () => {
      for (let each = 0; each < count / 40; each += 1) await call(mesh);
    }));
    await calls(2000);
    const share = canary.served / (canary.served + main.served);
    expect(share).toBeGreaterThan(0.04);
    expect(share).toBeLessThan(0.2);
    const gone = async (replica: Replica): Promise<void> => {
      await replica.close();
      // Calls on connections that just broke may fail; what matters is where they go once that is known.
      await eventually(async () => (await Promise.allSettled(Array.from({ length: 40 }, () => call(mesh)))).filter(({ status }) => status === 'rejected').length, (failed) => failed === 0);
    };
    await gone(main);
    const before = canary.served;
    await calls(200);
    expect([canary.served - before, backup.served]).toEqual([200, 0]);
    await gone(canary);
    const first = backup.served;
    await calls(200);
    expect(backup.served - first).toBe(200);
    const { endpoints } = mesh.inspect().services[0]!;
    expect(endpoints.map(({ weight, priority, state }) => `${priority} ${weight} ${state === 'available'}`).sort()).toEqual(['0 10 false', '0 90 false', '10 1 true']);
  });

  it('R-22: records that are there twice count once', async () => {
    const knot = await knotWith([`${RELATIVE} SRV 0 1 80 ${TARGET}`, `${RELATIVE} SRV 5 1 80 ${TARGET}`, `${RELATIVE} SRV 0 1 81 ${TARGET}`, `${TARGET} A 127.0.0.1`]);
    const seen = watching(NAME, { nameservers: [knot.address] });
    await seen.first();
    expect(seen.keys()).toEqual(['127.0.0.1:80', '127.0.0.1:81']);
    expect(seen.resolutions[0]!.endpoints.every((endpoint) => endpoint.priority === 0)).toBe(true);
  });

  it('R-41: how the last answer came is there to be read, and each change is an event', async () => {
    const knot = await knotWith(headless('reviews', 3));
    const mesh = meshAt(knot.address, { refresh: '200ms' });
    const changes: unknown[] = [];
    mesh.events.on('endpoints.changed', (event) => void changes.push(event));
    await mesh.ready();
    const { lookup, age, state, source } = mesh.inspect().services[0]!.discovery;
    expect(lookup).toMatchObject({ server: knot.address, transport: 'udp', rcode: 'NOERROR', ttl: 5, truncated: false, discarded: 0, dropped: [] });
    expect(lookup!.bytes).toBeGreaterThan(200);
    expect(lookup!.duration).toBeGreaterThan(0);
    expect([state, source]).toEqual(['fresh', `srv ${NAME}`]);
    expect(age).toBeLessThan(5000);
    await knot.update([`add ${RELATIVE} 5 SRV 0 25 9080 10-1-0-9.reviews.default.svc`]);
    await eventually(() => changes.length, (length) => length === 2);
    expect(changes[1]).toMatchObject({ service: 'reviews', added: ['10.1.0.9:9080'], removed: [], total: 4, source: `srv ${NAME}` });
  });

  it('R-45: 300 endpoints cost less than 3 ms of this process per refresh, and 100 names of them less than 50 MB', async () => {
    const others = Array.from({ length: 100 }, (_, index) => `_http._tcp.many-${index}.default.svc`);
    const zone = headless('many', 300);
    const targets = zone.filter((line) => line.includes(' SRV ')).map((line) => line.slice(line.indexOf(' ')));
    const knot = await knotWith([...zone, ...others.flatMap((other) => targets.map((target) => `${other}${target}`))]);
    const name = '_http._tcp.many.default.svc.cluster.local';
    const { stub } = watching(name, { nameservers: [knot.address] });
    const source = new SrvSource(stub, name);
    for (let warm = 0; warm < 30; warm += 1) await source.resolve();
    let least = Infinity;
    for (let batch = 0; batch < 5; batch += 1) {
      const began = process.cpuUsage();
      for (let count = 0; count < 20; count += 1) await source.resolve();
      const { user, system } = process.cpuUsage(began);
      least = Math.min(least, (user + system) / 1000 / 20);
    }
    expect(least).toBeLessThan(3);

    collect();
    const before = process.memoryUsage();
    const found: Resolution[] = [];
    const deps = { stub, clock: systemClock, random: systemRandom, knobs: () => defaultServicePolicy.discovery };
    const all = others.map((other) => resolverFor({ kind: 'srv', name: `${other}.cluster.local` }, deps).watch({ resolved: (resolution) => void found.push(resolution), failed: () => undefined }));
    cleanup.push(() => {
      for (const each of all) each.close();
    });
    await eventually(() => found.length, (length) => length === 100);
    collect();
    const after = process.memoryUsage();
    expect(found.every((each) => each.endpoints.length === 300)).toBe(true);
    expect(after.heapUsed + after.external - before.heapUsed - before.external).toBeLessThan(50 * 1024 * 1024);
  }, 30_000);
});
