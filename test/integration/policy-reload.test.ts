/** A policy that changes under a running client: as kubelet changes it, as editors do, as accidents do; under load, a thousand times. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createMeshClient, type MeshClient, type MeshOptions } from '../../src/index.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { MeshEventMap } from '../../src/core/events.ts';
import { collect } from '../support/collect.ts';
import { eventually } from '../support/eventually.ts';
import { startServer, type Running } from '../support/http-server.ts';

let folder: string;
let path: string;
const cleanup: (() => unknown)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'inmesh-reload-'));
  path = join(folder, 'policy.yaml');
});
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
  rmSync(folder, { recursive: true });
});

function started(options: Partial<MeshOptions> = {}) {
  const warnings: string[] = [];
  const mesh = createMeshClient({ policy: path, logger: { warn: (_, message) => void warnings.push(message) }, ...options });
  const rejected: MeshEventMap['policy.rejected'][] = [];
  mesh.events.on('policy.rejected', (event) => void rejected.push(event));
  cleanup.push(() => mesh.close({ timeout: 0 }));
  return { mesh, rejected, warnings };
}

/** Time passes a hundred times as fast for whoever waits, so that a poll takes 50 ms. */
const hurried = { ...systemClock, after: ((delay, fire, kind) => systemClock.after(delay / 100, fire, kind)) as typeof systemClock.after };

async function server(answer: (request: number) => number): Promise<Running> {
  let count = 0;
  const running = await startServer((_, response) => response.writeHead(answer(count++)).end('{}'));
  cleanup.push(() => running.close());
  return running;
}

function text(deadline: string, ...endpoints: Running[]): string {
  const list = endpoints.map(({ host, port }) => JSON.stringify(`${host}:${port}`)).join(', ');
  return `version: 1\nservices:\n  reviews:\n    deadline: ${deadline}\n    attemptTimeout: 5s\n${list === '' ? '' : `    discovery: { endpoints: [${list}] }\n`}`;
}

/** What kubelet does with a ConfigMap that changed (atomic_writer.go). */
let generations = 0;
function swap(contents: string): void {
  const generation = `..2026_11_${generations++}`;
  mkdirSync(join(folder, generation));
  writeFileSync(join(folder, generation, 'policy.yaml'), contents);
  symlinkSync(generation, join(folder, '..data_tmp'));
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  for (const old of [generations - 2]) if (old >= 0) rmSync(join(folder, `..2026_11_${old}`), { recursive: true, force: true });
}

const generation = (mesh: MeshClient, wanted: number) => eventually(() => mesh.inspect().policy.generation, (found) => found === wanted, 10_000);

it('follows the swaps of a ConfigMap, three in a row', async () => {
  swap(text('10s'));
  symlinkSync('..data/policy.yaml', path);
  const { mesh, rejected } = started();
  expect(mesh.inspect().policy).toMatchObject({ generation: 1, valid: true, source: path });
  for (const wanted of [2, 3, 4]) {
    const before = mesh.inspect().policy.hash;
    swap(text(`${10 + wanted}s`));
    await generation(mesh, wanted);
    expect(mesh.inspect().policy.hash).not.toBe(before);
  }
  expect(rejected).toEqual([]);
});

it('follows an editor that writes another file and renames it over the first', async () => {
  writeFileSync(path, text('10s'));
  const { mesh } = started();
  for (const wanted of [2, 3]) {
    writeFileSync(`${path}~`, text(`${10 + wanted}s`));
    renameSync(`${path}~`, path);
    await generation(mesh, wanted);
  }
});

it.each<[string, (path: string) => void, RegExp]>([
  ['has a mistake', (file) => writeFileSync(file, text('three')), /policy\.yaml:4:15 services\.reviews\.deadline: "three" \(expected: duration/],
  ['is cut off in the middle', (file) => truncateSync(file, 40), /policy\.yaml/],
  ['is no UTF-8', (file) => writeFileSync(file, Buffer.from([0x76, 0xff, 0xfe])), /not UTF-8/],
  ['has 10 MB', (file) => writeFileSync(file, `version: 1 #${'x'.repeat(10_000_000)}`), /larger than 1 MiB/],
  ['is an alias bomb', (file) => writeFileSync(file, `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefghi'].map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[index]}`).join(',')}]`).join('\n')}`), /too many values/],
  ['is nested deeply', (file) => writeFileSync(file, `version: ${'['.repeat(5000)}`), /nested too deeply/],
  ['has a key of JavaScript’s own', (file) => writeFileSync(file, 'version: 1\nservices:\n  __proto__: { deadline: 1s }\n'), /__proto__/],
  ['is gone', (file) => unlinkSync(file), /no such file/],
])('keeps the last good policy when the new one %s, says so once, and takes the next good one', async (_, spoil, told) => {
  writeFileSync(path, text('10s'));
  const { mesh, rejected, warnings } = started();
  const { hash } = mesh.inspect().policy;
  spoil(path);
  await eventually(() => rejected.length, (count) => count === 1, 10_000);
  expect(mesh.inspect().policy).toMatchObject({ generation: 1, hash, valid: false, error: expect.stringMatching(told) as string });
  expect(rejected).toMatchObject([{ inForce: hash, generation: 1, error: { code: 'POLICY_INVALID' } }]);
  expect(warnings.filter((warning) => told.test(warning))).toHaveLength(1);

  writeFileSync(path, text('10s'));
  await eventually(() => mesh.inspect().policy.valid, Boolean, 10_000);
  expect(mesh.inspect().policy).toMatchObject({ generation: 1, hash });
  writeFileSync(path, text('12s'));
  await generation(mesh, 2);
  expect(rejected).toHaveLength(1);
});

it('keeps latencies and ejections over reloads under 2,000 calls a second, and no call fails', async () => {
  const [fast, slow, broken] = [await server(() => 200), await server(() => 200), await server(() => 500)];
  writeFileSync(path, text('10s', fast, slow, broken));
  const { mesh } = started({ policy: path });
  const statuses = new Map<number, number>();
  const failures: unknown[] = [];
  let underWay = 0;
  const call = async (): Promise<void> => {
    underWay += 1;
    try {
      const { statusCode, body } = await mesh.request('http://reviews/');
      await body.dump();
      statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
    } catch (error) {
      failures.push(error);
    } finally {
      underWay -= 1;
    }
  };
  // Open loop: calls begin when they are due, whether or not those before have ended; a machine that cannot keep up begins them late.
  const calls: Promise<void>[] = [];
  const start = performance.now();
  const due = (): number => Math.floor((performance.now() - start) * 2);
  const load = setInterval(() => {
    while (calls.length < due() && underWay < 500) calls.push(call());
  }, 2);
  cleanup.push(() => clearInterval(load));

  const state = () => new Map(mesh.inspect().services[0]!.endpoints.map((endpoint) => [endpoint.endpoint, endpoint]));
  await eventually(() => [...(mesh.inspect().services[0]?.endpoints ?? [])].some(({ ejection }) => (ejection?.ejections ?? 0) >= 2), Boolean, 20_000);
  for (const wanted of [2, 3, 4, 5]) {
    const before = state();
    writeFileSync(path, text(`${10 + wanted}s`, fast, slow, broken));
    await generation(mesh, wanted);
    const after = state();
    expect([...after.keys()]).toEqual([...before.keys()]);
    for (const [key, was] of before) {
      const is = after.get(key)!;
      expect(is.measured).toBe(was.measured);
      expect(is.totals.success).toBeGreaterThanOrEqual(was.totals.success);
      expect(is.totals.failure).toBeGreaterThanOrEqual(was.totals.failure);
      expect(is.ejection?.ejections ?? 0).toBeGreaterThanOrEqual(key === `${broken.host}:${broken.port}` ? was.ejection!.ejections : 0);
    }
  }
  clearInterval(load);
  await Promise.all(calls);
  expect(failures).toEqual([]);
  expect((statuses.get(200) ?? 0) + (statuses.get(500) ?? 0)).toBe(calls.length);
  expect(statuses.get(200)).toBeGreaterThan(0.9 * calls.length);
}, 60_000);

it('moves to where the new policy finds endpoints, and a service that it names no longer ends its calls and goes', async () => {
  const [old, young] = [await server(() => 200), await server(() => 201)];
  writeFileSync(path, `${text('10s', old)}  gone: { discovery: { endpoints: ["${old.host}:${old.port}"] } }\n`);
  const { mesh } = started();
  const status = async (url: string) => {
    const { statusCode, body } = await mesh.request(url);
    await body.dump();
    return statusCode;
  };
  expect([await status('http://reviews/'), await status('http://gone/')]).toEqual([200, 200]);
  writeFileSync(path, `${text('10s', young)}unknownHosts: deny\n`);
  await generation(mesh, 2);
  await eventually(() => status('http://reviews/'), (found) => found === 201);
  await expect(status('http://gone/')).rejects.toMatchObject({ code: 'EGRESS_DENIED' });
  await eventually(() => mesh.inspect().services.map(({ name }) => name), (names) => names.join() === 'reviews');
  await eventually(() => old.connections.size, (count) => count === 0);
});

it('reloads a thousand times under load: no call fails, and nothing piles up', async () => {
  const endpoints = [await server(() => 200), await server(() => 200), await server(() => 200)];
  swap(text('10s', ...endpoints));
  symlinkSync('..data/policy.yaml', path);
  const { mesh } = started({ clock: hurried });
  let [running, failed, done] = [true, 0, 0];
  const load = Promise.all(Array.from({ length: 8 }, async () => {
    while (running) {
      try {
        await (await mesh.request('http://reviews/')).body.dump();
        done += 1;
      } catch {
        failed += 1;
      }
    }
  }));
  const reload = async (from: number, to: number): Promise<void> => {
    for (let wanted = from; wanted <= to; wanted += 1) {
      swap(text(`${10_000 + wanted}ms`, ...endpoints.slice(0, 2 + (wanted % 2))));
      await generation(mesh, wanted);
    }
  };
  const used = (): { heap: number; resources: number } => {
    collect();
    return { heap: process.memoryUsage().heapUsed, resources: process.getActiveResourcesInfo().length };
  };
  await reload(2, 301);
  const before = used();
  await reload(302, 1001);
  const after = used();
  running = false;
  await load;
  expect(failed).toBe(0);
  expect(done).toBeGreaterThan(1000);
  expect(mesh.inspect().policy).toMatchObject({ generation: 1001, valid: true });
  // 700 reloads: had each left its policy behind (some 10 KB), it would be 7 MB.
  expect(after.heap - before.heap).toBeLessThan(3_000_000);
  expect(after.resources).toBeLessThan(before.resources + 20);
}, 120_000);

it('is not followed where nobody wants it', async () => {
  writeFileSync(path, text('10s'));
  const { mesh } = started({ watch: false, clock: hurried });
  writeFileSync(path, text('12s'));
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(mesh.inspect().policy.generation).toBe(1);
});
