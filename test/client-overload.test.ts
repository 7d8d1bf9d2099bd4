/** The knobs of overload, of a service and of its routes, through the whole client with a real server behind it. */
import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createMeshClient, type MeshClient, type MeshEventMap, type PolicyDocument } from '../src/index.ts';
import { seededRandom } from '../src/core/random.ts';
import { eventually } from './support/eventually.ts';
import { startServer, type Running } from './support/http-server.ts';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

type Service = NonNullable<NonNullable<PolicyDocument['services']>[string]>;

/** `/held…` is answered when the test says so, `/full…` with 429, `/broken…` with 500, everything else at once. */
async function reviews(service: Service) {
  const held: ServerResponse[] = [];
  const seen: string[] = [];
  const server: Running = await startServer((request, response) => {
    const url = request.url!;
    seen.push(url);
    if (url.startsWith('/held')) return void held.push(response);
    response.writeHead(url.startsWith('/full') ? 429 : url.startsWith('/broken') ? 500 : 200).end('answer');
  });
  cleanup.push(() => server.close());
  const policy: PolicyDocument = { version: 1, services: { reviews: { discovery: { endpoints: [`127.0.0.1:${server.port}`] }, retry: 'off', outlier: 'off', ...service } } };
  const mesh = createMeshClient({ policy, random: seededRandom(3) });
  cleanup.push(() => mesh.close({ timeout: 0 }));
  const shed: MeshEventMap['call.shed'][] = [];
  mesh.events.on('call.shed', (event) => void shed.push(event));
  return { mesh, held, seen, shed };
}

/** The status, or the code of the error with what shed the call. */
async function ask(mesh: MeshClient, path: string): Promise<number | string> {
  try {
    const response = await mesh.fetch(`http://reviews${path}`);
    await response.text();
    return response.status;
  } catch (error) {
    const { code, shedBy, sent } = error as { code: string; shedBy?: string; sent: string };
    expect(sent).toBe('no');
    return shedBy === undefined ? code : `${code} ${shedBy}`;
  }
}

const snapshot = (mesh: MeshClient) => mesh.inspect().services[0]!;
const route = (name: string, prefix: string, knobs: object) => ({ name, match: [{ path: { prefix } }], ...knobs });

describe('a concurrency limit of a route', () => {
  it('stops its calls alone, within that of the service', async () => {
    const { mesh, held, seen, shed } = await reviews({ concurrency: { max: 2, queue: 0 }, routes: [route('reports', '/held/reports', { concurrency: { max: 1, queue: 0 } })] });
    const first = ask(mesh, '/held/reports/1');
    await eventually(() => held.length === 1);
    expect(await ask(mesh, '/held/reports/2')).toBe('OVERLOADED concurrency.max');
    expect(await ask(mesh, '/quick')).toBe(200);
    expect(snapshot(mesh)).toMatchObject({ calls: { inFlight: 1, limit: 2 }, ofRoutes: { calls: { reports: { inFlight: 1, limit: 1 } } } });

    // It has a place of its own, and the service has none.
    held.shift()!.end('answer');
    expect(await first).toBe(200);
    const others = [ask(mesh, '/held/1'), ask(mesh, '/held/2')];
    await eventually(() => held.length === 2);
    expect(await ask(mesh, '/held/reports/3')).toBe('OVERLOADED concurrency.max');
    for (const response of held) response.end('answer');
    expect(await Promise.all(others)).toEqual([200, 200]);
    expect(seen.filter((url) => url.startsWith('/held/reports'))).toEqual(['/held/reports/1']);
    expect(shed.map(({ by, enforced }) => [by, enforced])).toEqual([['concurrency.max', true], ['concurrency.max', true]]);
    await eventually(() => snapshot(mesh).ofRoutes.calls['reports']!.inFlight === 0 && snapshot(mesh).calls.inFlight === 0);
  });

  it('has a queue of its own, whose calls go on as soon as there is a place', async () => {
    const { mesh, held } = await reviews({ routes: [route('reports', '/held', { concurrency: { max: 1, queue: 1 } })] });
    const both = [ask(mesh, '/held/1'), ask(mesh, '/held/2')];
    await eventually(() => held.length === 1 && snapshot(mesh).ofRoutes.calls['reports']!.queued === 1);
    expect(await ask(mesh, '/held/3')).toBe('OVERLOADED concurrency.max');
    held.shift()!.end('answer');
    await eventually(() => held.length === 1);
    held.shift()!.end('answer');
    expect(await Promise.all(both)).toEqual([200, 200]);
  });
});

describe('a rate limit of a route', () => {
  it('takes the place of the service’s, which its calls do not draw on', async () => {
    const limits = { rateLimit: { rate: '1/h', burst: 1 }, routes: [route('batch', '/batch', { rateLimit: { rate: '1/h', burst: 2 } })] };
    const { mesh, seen } = await reviews(limits);
    expect([await ask(mesh, '/batch/1'), await ask(mesh, '/batch/2'), await ask(mesh, '/batch/3')]).toEqual([200, 200, 'RATE_LIMITED rateLimit']);
    expect([await ask(mesh, '/1'), await ask(mesh, '/2')]).toEqual([200, 'RATE_LIMITED rateLimit']);
    expect(seen).toEqual(['/batch/1', '/batch/2', '/1']);
    expect(Math.floor(snapshot(mesh).ofRoutes.rateLimit['batch']!.level)).toBe(0);
  });

  it('may be the only one there is, or be observed', async () => {
    const { mesh, shed } = await reviews({ routes: [route('batch', '/batch', { rateLimit: { rate: '1/h', burst: 1 } }), route('tried', '/tried', { rateLimit: { rate: '1/h', burst: 1, mode: 'observe' } })] });
    expect([await ask(mesh, '/batch/1'), await ask(mesh, '/batch/2'), await ask(mesh, '/1'), await ask(mesh, '/2')]).toEqual([200, 'RATE_LIMITED rateLimit', 200, 200]);
    expect([await ask(mesh, '/tried/1'), await ask(mesh, '/tried/2')]).toEqual([200, 200]);
    expect(shed.map(({ enforced }) => enforced)).toEqual([true, false]);
  });
});

describe('a throttle of a route', () => {
  it('goes by the refusals of its own calls, and keeps nobody else back', async () => {
    const { mesh, seen } = await reviews({ throttle: { k: 2, minRequests: 20, window: '1m', maxRejection: '80%' }, routes: [route('search', '/full', { throttle: { k: 1.1, minRequests: 5, window: '1m', maxRejection: '80%' } })] });
    const answers: (number | string)[] = [];
    for (let call = 0; call < 60; call += 1) answers.push(await ask(mesh, '/full'));
    const throttled = answers.filter((answer) => answer === 'THROTTLED throttle').length;
    expect(throttled).toBeGreaterThan(20);
    expect(answers.filter((answer) => answer === 429).length).toBe(60 - throttled);
    expect(seen.length).toBe(60 - throttled);
    expect(snapshot(mesh)).toMatchObject({ throttle: { requests: 0 }, ofRoutes: { throttle: { search: { requests: 60, accepts: 0 } } } });
    expect(await ask(mesh, '/quick')).toBe(200);
  });
});

describe('a circuit of a route', () => {
  it('opens by its own failures, and lets the other calls of the service through', async () => {
    const { mesh } = await reviews({ routes: [route('search', '/broken', { circuit: { failureRate: '50%', minRequests: 5, window: '10s', openFor: '1m', maxOpenFor: '1m' } })] });
    const answers: (number | string)[] = [];
    for (let call = 0; call < 8; call += 1) answers.push(await ask(mesh, '/broken'));
    expect(answers).toEqual([500, 500, 500, 500, 500, 'CIRCUIT_OPEN', 'CIRCUIT_OPEN', 'CIRCUIT_OPEN']);
    expect(await ask(mesh, '/quick')).toBe(200);
    expect(snapshot(mesh)).toMatchObject({ circuit: { state: 'closed', failures: 0 }, circuits: { search: { state: 'open' } } });
  });
});

describe('hedging', () => {
  it('shows the delay in force, of the service and of a route that has its own', async () => {
    const { mesh } = await reviews({ hedge: { after: '50ms' }, routes: [route('search', '/search', { hedge: { after: 'auto' } }), route('plain', '/plain', { deadline: '5s' })] });
    expect(await ask(mesh, '/')).toBe(200);
    expect(snapshot(mesh).hedge).toEqual({ delay: 50, saved: 0 });
    for (let call = 0; call < 25; call += 1) expect(await ask(mesh, '/search')).toBe(200);
    // It is worked out once a second.
    const delay = await eventually(() => snapshot(mesh).routes[0]!.retries!.hedge!.delay);
    expect(delay).toBeGreaterThanOrEqual(1);
    expect(delay).toBeLessThan(1000);
    expect(snapshot(mesh).routes[1]!.retries).toBeUndefined();
  });
});
