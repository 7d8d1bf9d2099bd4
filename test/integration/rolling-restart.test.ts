/**
 * Replicas are restarted one after the other under load, as real processes, by SIGTERM: no call fails, and no order is placed twice or not at all.
 */
import { execFile, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createMeshClient, type MeshClient, type PolicyDocument } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';

const path = (relative: string): string => fileURLToPath(new URL(`../../${relative}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'inmesh-rolling-'));
const list = join(folder, 'endpoints.json');

interface Replica {
  readonly process: ChildProcess;
  readonly port: number;
}

const replicas: ChildProcess[] = [];
const orders: string[] = [];

// The replicas import the package by its name, as it is built.
beforeAll(() => promisify(execFile)(process.execPath, [path('scripts/build-if-stale.mjs')]), 300_000);
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  for (const replica of replicas.splice(0)) replica.kill('SIGKILL');
  orders.length = 0;
});

async function start(port: number, delay: number): Promise<Replica> {
  const child = fork(path('test/support/serving-replica.mjs'), [String(port), String(delay)], { execArgv: [] });
  replicas.push(child);
  child.on('message', ({ order }: { order?: string }) => void (order !== undefined && orders.push(order)));
  const [said] = (await once(child, 'message')) as [{ port: number }];
  return { process: child, port: said.port };
}

/** As a mounted file changes. */
function announce(running: readonly Replica[]): void {
  writeFileSync(`${list}.new`, JSON.stringify(running.map(({ port }) => `127.0.0.1:${port}`)));
  renameSync(`${list}.new`, list);
}

/** Asks and orders, ten at a time, until it is told to stop. */
function load(mesh: MeshClient) {
  let running = true;
  let [calls, placed] = [0, 0];
  const failures: unknown[] = [];
  const one = async (n: number): Promise<void> => {
    for (let each = 0; running; each += 1) {
      const id = `${n}-${each}`;
      try {
        const response = await mesh.fetch('http://orders/', each % 2 === 0 ? {} : { method: 'POST', body: id });
        if (response.status !== 200 || (await response.text()) !== 'ok') failures.push(response.status);
        if (each % 2 === 1) placed += 1;
      } catch (error) {
        failures.push(error);
      }
      calls += 1;
      await wait(5 + 15 * Math.random());
    }
  };
  const loops = Array.from({ length: 10 }, (_, n) => one(n));
  return {
    failures,
    async stop() {
      running = false;
      await Promise.all(loops);
      return { calls, placed };
    },
  };
}

function clientFor(discovery: NonNullable<NonNullable<PolicyDocument['services']>[string]>['discovery']): MeshClient {
  return createMeshClient({ policy: { version: 1, services: { orders: { discovery } } } });
}

it('no call fails, and every order is placed once, while three replicas are replaced by three others', async () => {
  let running = [await start(0, 1_000), await start(0, 1_000), await start(0, 1_000)];
  announce(running);
  await using mesh = clientFor({ file: list, refresh: '200ms' });
  const traffic = load(mesh);
  await wait(500);
  for (const old of [...running]) {
    const fresh = await start(0, 1_000);
    running = [...running, fresh];
    announce(running);
    const ended = once(old.process, 'exit');
    // Kubernetes says it to both at the same time, and clients hear later.
    old.process.kill('SIGTERM');
    await eventually(async () => (await fetch(`http://127.0.0.1:${old.port}/readyz`)).status === 503);
    await wait(200);
    running = running.filter((each) => each !== old);
    announce(running);
    expect(await ended).toEqual([null, 'SIGTERM']);
  }
  await wait(300);
  const { calls, placed } = await traffic.stop();
  expect(traffic.failures).toEqual([]);
  expect(calls).toBeGreaterThan(500);
  expect(orders.length).toBe(placed);
  expect(new Set(orders).size).toBe(placed);
}, 60_000);

it('nor while they are restarted in their places, with clients that hear nothing of it', async () => {
  const running = [await start(0, 500), await start(0, 500), await start(0, 500)];
  await using mesh = clientFor({ endpoints: running.map(({ port }) => `127.0.0.1:${port}`) });
  const traffic = load(mesh);
  await wait(500);
  for (const { process: old, port } of running) {
    const ended = once(old, 'exit');
    old.kill('SIGTERM');
    expect(await ended).toEqual([null, 'SIGTERM']);
    await start(port, 500);
    // Long enough for the ejected to be tried again.
    await wait(2_500);
  }
  const { calls, placed } = await traffic.stop();
  expect(traffic.failures).toEqual([]);
  expect(calls).toBeGreaterThan(500);
  expect([...orders].sort()).toEqual([...new Set(orders)].sort());
  expect(orders.length).toBe(placed);
}, 60_000);
