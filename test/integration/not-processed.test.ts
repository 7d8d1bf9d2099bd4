/**
 * A server half turns a request away, and the client sends it to another: real servers, and an order that must not be placed twice.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { createMeshClient, type MeshClient, type PolicyDocument } from '../../src/index.ts';
import { createMeshServer, type MeshServer } from '../../src/server/index.ts';
import { eventually } from '../support/eventually.ts';
import { json, readBody, startServer, type Running } from '../support/http-server.ts';

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

interface Shop extends Running {
  readonly mesh: MeshServer;
  readonly orders: string[];
  /** How many it is told to keep waiting. */
  hold(): void;
  free(): void;
}

/** Serves one request at a time. */
async function shop(): Promise<Shop> {
  const policy: PolicyDocument = { version: 1, services: { orders: { inbound: { admission: { initial: 1, min: 1, max: 1 } } } } };
  const mesh = createMeshServer({ service: 'orders', policy });
  const orders: string[] = [];
  let held: (() => void)[] | undefined;
  const running = await startServer(mesh.node(async (request, response) => {
    orders.push(await readBody(request));
    if (held !== undefined) await new Promise<void>((resolve) => held!.push(resolve));
    json(response, { at: orders.length });
  }));
  cleanup.push(() => running.close(), () => mesh.close());
  return Object.assign(running, {
    mesh,
    orders,
    hold: () => (held ??= []),
    free: () => {
      for (const go of held ?? []) go();
      held = undefined;
    },
  });
}

function clientOf(endpoints: readonly Running[], knobs: PolicyDocument['defaults'] = {}): MeshClient {
  const policy: PolicyDocument = { version: 1, services: { orders: { discovery: { endpoints: endpoints.map(({ port }) => `127.0.0.1:${port}`) }, balancer: { type: 'round-robin' }, throttle: 'off', ...knobs } } };
  const mesh = createMeshClient({ policy });
  cleanup.push(() => mesh.close({ timeout: 0 }));
  return mesh;
}

const order = (mesh: MeshClient, n: number | string): Promise<Response> => mesh.fetch('http://orders/', { method: 'POST', body: `order ${n}` });

/** Keeps it busy with a request that did not come from the client under test. */
async function fill(full: Shop): Promise<void> {
  full.hold();
  void fetch(full.origin, { method: 'POST', body: 'stranger' }).catch(() => undefined);
  await eventually(() => full.mesh.inspect().inFlight === 1);
}

describe('an order at a server that is full', () => {
  it('is placed at another, once, without waiting for Retry-After, and touches nobody’s record as a failure', async () => {
    const [full, free] = [await shop(), await shop()];
    await fill(full);
    const mesh = clientOf([full, free]);
    let turned = 0;
    mesh.events.on('retry.scheduled', ({ because, delay }) => {
      turned += 1;
      expect(because).toBe(503);
      expect(delay).toBeLessThan(500);
    });
    for (let n = 0; n < 6; n += 1) expect((await order(mesh, n)).status).toBe(200);
    expect(turned).toBeGreaterThan(0);
    expect(free.orders).toEqual(['order 0', 'order 1', 'order 2', 'order 3', 'order 4', 'order 5']);
    expect(full.orders).toEqual(['stranger']);
    full.free();
  });

  it('stays unplaced where the policy does not believe servers', async () => {
    const full = await shop();
    await fill(full);
    const mesh = clientOf([full, await shop()], { retry: { notProcessed: false } });
    const answers = [await order(mesh, 1), await order(mesh, 2)];
    const refused = answers.find(({ status }) => status === 503)!;
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(refused.headers.get('x-inmesh-not-processed')).toBe(`overload; by=127.0.0.1:${full.port}`);
    expect(refused.headers.get('endpoint-load-metrics')).toContain('named_metrics.rif=1');
    expect(await refused.json()).toMatchObject({ error: 'OVERLOADED', message: 'orders: no room for another critical request beside 1; it was not processed' });
    full.free();
  });

  it('is not sent twice by one that copies its upstream’s headers into an answer of its own', async () => {
    const full = await shop();
    await fill(full);
    let placed = 0;
    const gateway = await startServer((request, response) => {
      placed += 1;
      void readBody(request).then(() => fetch(full.origin, { method: 'POST', body: 'from the gateway' })).then(async (answer) => {
        // As people write gateways.
        for (const [name, value] of answer.headers) response.setHeader(name, value);
        response.writeHead(answer.status).end(await answer.text());
      });
    });
    cleanup.push(() => gateway.close());
    const suppressed: string[] = [];
    const mesh = clientOf([gateway]);
    mesh.events.on('retry.suppressed', ({ reason }) => suppressed.push(reason));
    const answer = await order(mesh, 1);
    expect(answer.status).toBe(503);
    expect(answer.headers.get('x-inmesh-not-processed')).toContain(String(full.port));
    expect(placed).toBe(1);
    expect(suppressed).toEqual(['not-idempotent']);
    full.free();
  });

  it('is retried within the budget only: to be turned away costs a server a little', async () => {
    const full = await shop();
    await fill(full);
    const mesh = clientOf([full], { circuit: 'off', outlier: 'off', retry: { backoff: { base: '1ms', max: '1ms' }, budget: { cap: 3 } } });
    const reasons: string[] = [];
    let retries = 0;
    mesh.events.on('retry.scheduled', () => (retries += 1));
    mesh.events.on('retry.suppressed', ({ reason }) => reasons.push(reason));
    for (let n = 0; n < 5; n += 1) expect((await order(mesh, n)).status).toBe(503);
    expect(retries).toBe(3);
    expect(reasons).toContain('budget');
    full.free();
  });
});
