/** Routes through the whole client, with real servers behind it. */
import { afterEach, describe, expect, it } from 'vitest';
import type { IncomingHttpHeaders } from 'node:http';
import { createMeshClient, MeshError, type MeshEventMap, type MeshEventName, type MeshOptions, type PolicyDocument } from '../src/index.ts';
import { seededRandom } from '../src/core/random.ts';
import { systemClock } from '../src/core/clock.ts';
import { eventually } from './support/eventually.ts';
import { closedPort, json, readBody, startServer, startTcp, type Running } from './support/http-server.ts';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

type Service = NonNullable<NonNullable<PolicyDocument['services']>[string]>;
type Route = NonNullable<Service['routes']>[number];

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A version: a server that says its name, and what it was asked. */
async function version(name: string, status = 200): Promise<Running & { readonly seen: Seen[] }> {
  const seen: Seen[] = [];
  const running = await startServer((request, response) => void readBody(request).then((body) => {
    seen.push({ method: request.method!, url: request.url!, headers: request.headers, body });
    response.setHeader('x-version', name);
    json(response, { version: name, url: request.url, host: request.headers.host }, status);
  }));
  cleanup.push(() => running.close());
  return Object.assign(running, { seen });
}

const at = (...targets: { host: string; port: number }[]) => ({ discovery: { endpoints: targets.map(({ host, port }) => `${host}:${port}`) } });

function client(versions: Readonly<Record<string, { discovery: { endpoints: string[] } }>>, routes: Route[], service: Partial<Service> = {}, options: MeshOptions = {}, others: PolicyDocument['services'] = {}) {
  const mesh = createMeshClient({ random: seededRandom(6), ...options, policy: { version: 1, services: { reviews: { ...service, versions, routes }, ...others } } });
  cleanup.push(() => mesh.close({ timeout: 0 }));
  const events: { name: MeshEventName; event: object }[] = [];
  for (const name of ['version.empty', 'fault.injected', 'mirror.failed', 'mirror.dropped', 'schedule.stepped', 'schedule.rolled-back', 'retry.scheduled', 'circuit.opened', 'endpoint.ejected'] as const) {
    mesh.events.on(name, (event: MeshEventMap[typeof name]) => void events.push({ name, event }));
  }
  return { mesh, events, named: (name: MeshEventName) => events.filter((each) => each.name === name).map(({ event }) => event) };
}

const caught = (promise: Promise<unknown>) => promise.then(() => undefined, (error: unknown) => error);

describe('a call goes to the version', () => {
  it('of the route that matches it, and where none does to the service as a whole', async () => {
    const [v1, v2, whole] = [await version('v1'), await version('v2'), await version('whole')];
    const { mesh } = client({ v1: at(v1), v2: at(v2) }, [
      { name: 'jason', match: [{ path: { prefix: '/reviews' }, headers: { 'end-user': 'jason' } }], to: { v2: 100 } },
      { name: 'reviews', match: [{ path: { prefix: '/reviews' } }], to: { v1: 100 } },
    ], at(whole));
    const ask = async (path: string, headers: Record<string, string> = {}) => ((await (await mesh.fetch(`http://reviews${path}`, { headers })).json()) as { version: string }).version;
    expect(await ask('/reviews/1')).toBe('v1');
    expect(await ask('/reviews/1', { 'End-User': 'jason' })).toBe('v2');
    expect(await ask('/other', { 'end-user': 'jason' })).toBe('whole');
    const [snapshot] = mesh.inspect().services;
    expect(snapshot!.versions.map(({ name, endpoints }) => [name, endpoints.map(({ endpoint }) => endpoint)]).sort()).toEqual([['v1', [`127.0.0.1:${v1.port}`]], ['v2', [`127.0.0.1:${v2.port}`]]]);
    expect(snapshot!.routes.map(({ name, weights }) => [name, weights])).toEqual([['jason', { v2: 100 }], ['reviews', { v1: 100 }]]);
  });

  it('by weight, exactly, and by user, always the same', async () => {
    const [v1, v2] = [await version('v1'), await version('v2')];
    const { mesh } = client({ v1: at(v1), v2: at(v2) }, [{ name: 'canary', to: { v1: 90, v2: 10 }, sticky: { header: 'x-user-id' } }]);
    await mesh.ready();
    for (let call = 0; call < 50; call += 1) await (await mesh.fetch('http://reviews/')).text();
    expect([v1.seen.length, v2.seen.length]).toEqual([45, 5]);
    const sides = new Map<string, Set<string>>();
    for (let call = 0; call < 60; call += 1) {
      const user = `user-${call % 20}`;
      const response = await mesh.fetch('http://reviews/', { headers: { 'x-user-id': user } });
      await response.text();
      sides.set(user, (sides.get(user) ?? new Set()).add(response.headers.get('x-version')!));
    }
    expect([...sides.values()].every(({ size }) => size === 1)).toBe(true);
    expect(new Set([...sides.values()].flatMap((side) => [...side]))).toEqual(new Set(['v1', 'v2']));
  });

  it('that has endpoints, where the other has none and there is a fallback', async () => {
    const v1 = await version('v1');
    const nowhere = { discovery: { file: new URL('client-routes.empty.json', import.meta.url).pathname } } as unknown as ReturnType<typeof at>;
    const knobs = { discovery: { confirmEmpty: { answers: 1, over: 0 } } } as Partial<Service>;
    const { mesh, named } = client({ v1: at(v1), v2: nowhere }, [
      { name: 'with', match: [{ path: { prefix: '/with' } }], to: { v1: 50, v2: 50 }, fallback: true },
      { name: 'without', to: { v1: 50, v2: 50 } },
    ], knobs);
    const ask = async (path: string) => caught(mesh.fetch(`http://reviews${path}`).then((response) => response.text()));
    await eventually(() => ask('/without'), (error) => error instanceof MeshError && error.code === 'NO_ENDPOINTS');
    for (let call = 0; call < 10; call += 1) expect(await ask('/with')).toBeUndefined();
    expect(named('version.empty')).toContainEqual({ service: 'reviews', route: 'with', version: 'v2', active: true, fallback: true });
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask('/without')));
    expect(answers.filter((error) => error === undefined)).toHaveLength(5);
  });

  it('and nowhere where every weight is 0', async () => {
    const v1 = await version('v1');
    const { mesh } = client({ v1: at(v1) }, [{ name: 'none', to: { v1: 0 } }]);
    expect(await caught(mesh.fetch('http://reviews/'))).toMatchObject({ code: 'NO_ENDPOINTS', message: 'reviews: route none gives no version any weight' });
    expect(v1.seen).toEqual([]);
  });

  it('that its retries go to as well, and that has a circuit of its own', async () => {
    const [v1, bad, worse] = [await version('v1'), await version('bad', 503), await version('worse', 503)];
    const { mesh, named } = client({ v1: at(v1), v2: at(bad, worse) }, [{ name: 'v2', match: [{ path: { prefix: '/v2' } }], to: { v2: 1 } }, { name: 'rest', to: { v1: 1 } }],
      { retry: { maxRetries: 1, backoff: { base: 1 } }, circuit: { minRequests: 4, window: 60_000 } });
    expect((await mesh.fetch('http://reviews/v2')).status).toBe(503);
    expect([bad.seen.length, worse.seen.length, v1.seen.length]).toEqual([1, 1, 0]);
    for (let call = 0; call < 4; call += 1) await caught(mesh.fetch('http://reviews/v2').then((response) => response.text()));
    expect(await caught(mesh.fetch('http://reviews/v2'))).toMatchObject({ code: 'CIRCUIT_OPEN' });
    expect((await mesh.fetch('http://reviews/')).status).toBe(200);
    expect(named('circuit.opened')).toHaveLength(1);
    // All of v2 fails alike: none of its endpoints is worse than the other.
    expect(named('endpoint.ejected')).toEqual([]);
  });
});

describe('a schedule', () => {
  it('rolls a version back that fails, and v1 goes on', async () => {
    const [v1, v2] = [await version('v1'), await version('v2', 500)];
    const started = new Date(Date.now() - 1000).toISOString();
    const { mesh, named } = client({ v1: at(v1), v2: at(v2) }, [{
      name: 'canary', to: { v1: 100 },
      schedule: { start: started, steps: [{ for: '1h', to: { v1: 50, v2: 50 } }, { to: { v2: 100 } }], holdOn: { version: 'v2', successRateBelow: '90%', minRequests: 10, action: 'rollback' } },
    }]);
    const statuses: number[] = [];
    for (let call = 0; call < 60; call += 1) {
      const response = await mesh.fetch('http://reviews/');
      await response.text();
      statuses.push(response.status);
    }
    expect(v2.seen).toHaveLength(10);
    expect(statuses.filter((status) => status === 500)).toHaveLength(10);
    expect(named('schedule.rolled-back')).toMatchObject([{ route: 'canary', version: 'v2', step: 1, successRate: 0, requests: 10, enforced: true }]);
    expect(mesh.inspect().services[0]!.routes[0]).toMatchObject({ weights: { v1: 50, v2: 0 }, step: 1, stopped: 'rolled-back' });
  });
});

describe('a request is sent', () => {
  it('rewritten and with other headers, and so is its answer', async () => {
    const v1 = await version('v1');
    const { mesh } = client({ v1: at(v1) }, [
      { name: 'prefix', match: [{ path: { prefix: '/foo' } }], to: { v1: 1 }, rewrite: { prefix: '/xyz', host: 'other.example' }, requestHeaders: { set: { 'X-Set': 'new' }, add: { 'x-add': 'two' }, remove: ['x-gone'] }, responseHeaders: { set: { 'x-version': 'hidden' }, add: { 'x-more': '1' }, remove: ['content-type'] } },
      { name: 'path', match: [{ path: { exact: '/full' } }], to: { v1: 1 }, rewrite: { path: '/' } },
    ]);
    const response = await mesh.fetch('http://reviews/foo/./bar?q=%41', { headers: { 'x-set': 'old', 'x-add': 'one', 'x-gone': '1', 'x-kept': 'k' } });
    await response.text();
    expect(v1.seen[0]).toMatchObject({ url: '/xyz/bar?q=%41', headers: { host: 'other.example', 'x-set': 'new', 'x-add': 'one, two', 'x-kept': 'k' } });
    expect(v1.seen[0]!.headers['x-gone']).toBeUndefined();
    expect([response.headers.get('x-version'), response.headers.get('x-more'), response.headers.get('content-type')]).toEqual(['hidden', '1', null]);
    await (await mesh.fetch('http://reviews/full?a')).text();
    expect(v1.seen[1]).toMatchObject({ url: '/?a', headers: { host: 'reviews' } });
  });

  it('as the caller wrote it where nothing says otherwise', async () => {
    const v1 = await version('v1');
    const { mesh } = client({ v1: at(v1) }, [{ name: 'all', to: { v1: 1 } }]);
    await (await mesh.request('http://reviews/', { path: '/a/%7e/./b' } as never)).body.text();
    const { seen } = v1;
    expect(seen[0]!.headers.host).toBe('reviews');
  });
});

describe('a fault', () => {
  it('is answered, retried over and counted by the circuit as a real one, and no endpoint is blamed', async () => {
    const v1 = await version('v1');
    const { mesh, named } = client({ v1: at(v1) }, [{ name: 'broken', to: { v1: 1 }, fault: { abort: { percent: 100, status: 503 } } }],
      { retry: { maxRetries: 2, backoff: { base: 1 } }, circuit: { minRequests: 6, window: 60_000 } });
    const response = await mesh.fetch('http://reviews/');
    expect([response.status, response.headers.get('x-inmesh-fault'), await response.text()]).toEqual([503, 'abort', '']);
    expect(named('fault.injected')).toEqual([1, 2, 3].map((attempt) => ({ service: 'reviews', route: 'broken', attempt, delay: undefined, abort: 503 })));
    await (await mesh.fetch('http://reviews/')).text();
    expect(await caught(mesh.fetch('http://reviews/'))).toMatchObject({ code: 'CIRCUIT_OPEN' });
    expect(v1.seen).toEqual([]);
    expect(mesh.inspect().services[0]!.versions[0]!.endpoints).toMatchObject([{ totals: { success: 0, failure: 0, overload: 0 } }]);
  });

  it('poses as a reset connection', async () => {
    const v1 = await version('v1');
    const { mesh, named } = client({ v1: at(v1) }, [{ name: 'reset', to: { v1: 1 }, fault: { abort: { percent: 100, reset: true } } }], { retry: { maxRetries: 1, backoff: { base: 1 } } });
    expect(await caught(mesh.fetch('http://reviews/'))).toMatchObject({ code: 'FAULT_INJECTED', service: 'reviews', attempts: 2, sent: 'maybe', retryable: false });
    expect(await caught(mesh.fetch('http://reviews/', { method: 'POST', body: 'pay' }))).toMatchObject({ code: 'FAULT_INJECTED', attempts: 1, retrySuppressed: 'not-idempotent' });
    expect(named('retry.scheduled')).toHaveLength(1);
  });

  it('slows attempts down, within their timeout', async () => {
    const v1 = await version('v1');
    const { mesh } = client({ v1: at(v1) }, [
      { name: 'slow', match: [{ path: { exact: '/slow' } }], to: { v1: 1 }, fault: { delay: { percent: 100, duration: 60 } } },
      { name: 'slower', to: { v1: 1 }, fault: { delay: { percent: 100, duration: '1h' } }, attemptTimeout: 50, retry: 'off' },
    ]);
    const began = performance.now();
    expect((await mesh.fetch('http://reviews/slow')).status).toBe(200);
    expect(performance.now() - began).toBeGreaterThanOrEqual(59);
    expect(await caught(mesh.fetch('http://reviews/slower'))).toMatchObject({ code: 'ATTEMPT_TIMEOUT', outcome: 'failure', sent: 'maybe' });
  });

  it('is what the caller asks for, where the policy allows it', async () => {
    const v1 = await version('v1');
    const { mesh, named } = client({ v1: at(v1) }, [
      { name: 'allowed', match: [{ path: { exact: '/allowed' } }], to: { v1: 1 }, fault: { allowHeader: true }, retry: 'off' },
      { name: 'not', to: { v1: 1 }, fault: { delay: { percent: 0, duration: '1s' } } },
    ]);
    const status = async (path: string, fault: string) => (await mesh.fetch(`http://reviews${path}`, { headers: { 'X-Inmesh-Fault': fault } })).status;
    expect(await status('/allowed', 'delay=20ms, abort=418')).toBe(418);
    expect(named('fault.injected')).toMatchObject([{ route: 'allowed', delay: 20, abort: 418 }]);
    for (const nonsense of ['abort=99', 'abort=999', 'delay=never', 'x', '', 'a'.repeat(500)]) expect(await status('/allowed', nonsense), nonsense).toBe(200);
    expect(await status('/', 'abort=500')).toBe(200);
    expect(await caught(mesh.fetch('http://reviews/allowed', { headers: { 'x-inmesh-fault': 'abort=reset' } }))).toMatchObject({ code: 'FAULT_INJECTED' });
  });
});

describe('a mirror', () => {
  it('gets copies, with their bodies, of which the callers see nothing', async () => {
    const [v1, v2, audit] = [await version('v1'), await version('v2', 500), await version('audit')];
    const { mesh, named } = client({ v1: at(v1), v2: at(v2) }, [{ name: 'mirrored', to: { v1: 100 }, mirror: [{ to: 'v2' }, { service: 'audit', percent: 50 }], requestHeaders: { set: { 'x-set': '1' } } }], {}, {}, { audit: at(audit) });
    for (let call = 0; call < 10; call += 1) {
      const response = await mesh.fetch(`http://reviews/${call}`, { method: 'POST', body: new Blob([`body ${call}`]).stream(), duplex: 'half' });
      expect([response.status, response.headers.get('x-version')]).toEqual([200, 'v1']);
      await response.text();
    }
    await eventually(() => v2.seen.length + audit.seen.length, (count) => count === 15);
    const told = (seen: Seen[]) => seen.map(({ method, url, body }) => `${method} ${url} ${body}`).sort();
    expect(told(v2.seen)).toEqual(told(v1.seen));
    expect(audit.seen).toHaveLength(5);
    expect(new Set([...v2.seen, ...audit.seen].map(({ headers }) => [headers.host, headers['x-set'], headers['x-inmesh-criticality']].join(' ')))).toEqual(new Set(['reviews-shadow 1 sheddable']));
    await eventually(() => mesh.inspect().services[0]!.routes[0]!.mirrors, (mirrors) => mirrors.every(({ inFlight }) => inFlight === 0));
    expect(mesh.inspect().services[0]!.routes[0]!.mirrors).toEqual([{ to: 'v2', inFlight: 0, sent: 10, failed: 10, dropped: 0 }, { to: 'audit', inFlight: 0, sent: 5, failed: 0, dropped: 0 }]);
    expect(named('mirror.failed')[0]).toEqual({ service: 'reviews', route: 'mirrored', to: 'v2', because: 500 });
  });

  it('that is dead changes neither how long calls take nor what comes of them', async () => {
    const v1 = await version('v1');
    const hanging = await startTcp(() => {});
    cleanup.push(() => hanging.close());
    const dead = { host: '127.0.0.1', port: await closedPort() };
    const { mesh } = client({ v1: at(v1), refusing: at(dead), hanging: at(hanging) }, [
      { name: 'plain', match: [{ path: { prefix: '/plain' } }], to: { v1: 1 } },
      { name: 'refused', match: [{ path: { prefix: '/refused' } }], to: { v1: 1 }, mirror: { to: 'refusing' } },
      { name: 'hanging', match: [{ path: { prefix: '/hanging' } }], to: { v1: 1 }, mirror: { to: 'hanging', maxInFlight: 10 } },
    ]);
    await mesh.ready();
    const paths = ['/plain', '/refused', '/hanging'] as const;
    const times: Record<string, number[]> = { '/plain': [], '/refused': [], '/hanging': [] };
    for (let round = -20; round < 150; round += 1) {
      for (const path of paths) {
        const began = performance.now();
        const response = await mesh.fetch(`http://reviews${path}`, { method: 'PUT', body: 'b' });
        expect([response.status, await response.json()]).toMatchObject([200, { version: 'v1' }]);
        if (round >= 0) times[path]!.push(performance.now() - began);
      }
    }
    // In one interleaved run. A call that waited for its copy would wait for a second, or for ever: the fastest ones too.
    const fast = (path: string) => times[path]!.sort((a, b) => a - b)[15]!;
    expect(fast('/refused') / fast('/plain')).toBeLessThan(3);
    expect(fast('/hanging') / fast('/plain')).toBeLessThan(3);
    const [, refused, hangs] = mesh.inspect().services[0]!.routes.map(({ mirrors }) => mirrors[0]);
    expect(refused).toMatchObject({ sent: 170 });
    expect(hangs).toMatchObject({ inFlight: 10, sent: 10, dropped: 160 });
  });

  it('has no copy of what is larger than may be kept, or breaks off', async () => {
    const [v1, v2] = [await version('v1'), await version('v2')];
    const { mesh, named } = client({ v1: at(v1), v2: at(v2) }, [{ name: 'mirrored', to: { v1: 1 }, mirror: { to: 'v2' }, retry: { replayBodyUpTo: '8B' } }]);
    const put = async (body: unknown) => (await mesh.request('http://reviews/', { method: 'PUT', body: body as string })).body.text();
    const stream = async function* (...chunks: string[]) { yield* chunks; };
    await put('123456789');
    await put(Buffer.from('123456789'));
    await put(stream('12345', '6789'));
    expect(named('mirror.dropped')).toEqual(Array(3).fill({ service: 'reviews', route: 'mirrored', to: 'v2', reason: 'body' }));
    for (const body of ['12345678', Buffer.from('12345678'), stream('1234', '5678')]) await put(body);
    await eventually(() => v2.seen.length, (count) => count === 3);
    expect(v2.seen.map(({ body }) => body)).toEqual(Array(3).fill('12345678'));
    expect(v1.seen.map(({ body }) => body)).toEqual([...Array<string>(3).fill('123456789'), ...Array<string>(3).fill('12345678')]);
  });

  it('ends with the client', async () => {
    const v1 = await version('v1');
    const hanging = await startTcp(() => {});
    cleanup.push(() => hanging.close());
    const { mesh, named } = client({ v1: at(v1), v2: at(hanging) }, [{ name: 'mirrored', to: { v1: 1 }, mirror: { to: 'v2' } }]);
    await (await mesh.fetch('http://reviews/')).text();
    await eventually(() => hanging.connections.size, (count) => count === 1);
    await mesh.close();
    await eventually(() => named('mirror.failed').length, (count) => count === 1);
    expect(named('mirror.failed')).toMatchObject([{ because: 'CLIENT_CLOSED' }]);
  });
});

describe('a route’s own knobs', () => {
  it('hold for its calls alone', async () => {
    let asked = 0;
    const slow = await startServer((request, response) => {
      asked += 1;
      setTimeout(() => json(response, {}), request.url === '/fast' ? 0 : 300);
    });
    cleanup.push(() => slow.close());
    const { mesh } = client({ v1: at(slow) }, [
      { name: 'hasty', match: [{ path: { exact: '/hasty' } }], deadline: 50, attemptTimeout: 'off' },
      { name: 'narrow', match: [{ path: { exact: '/narrow' } }], concurrency: { max: 1, queue: 0 } },
    ]);
    expect(await caught(mesh.fetch('http://reviews/hasty'))).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const [first, second, other] = await Promise.all([mesh.fetch('http://reviews/narrow'), caught(mesh.fetch('http://reviews/narrow')), mesh.fetch('http://reviews/wide')]);
    expect([first.status, other.status]).toEqual([200, 200]);
    expect(second).toMatchObject({ code: 'OVERLOADED' });
    expect(asked).toBe(3);
  });
});

describe('a reload', () => {
  it('keeps what was learnt: whose turn it is, what was stopped, and the connections', async () => {
    const { writeFile, mkdtemp } = await import('node:fs/promises');
    const { tmpdir } = await import('node:os');
    const [v1, v2] = [await version('v1'), await version('v2', 500)];
    const path = `${await mkdtemp(`${tmpdir()}/inmesh-`)}/policy.yaml`;
    const start = new Date(Date.now() - 1000).toISOString();
    const text = (deadline: string) => `version: 1
services:
  reviews:
    deadline: ${deadline}
    versions:
      v1: { discovery: { endpoints: ["127.0.0.1:${v1.port}"] } }
      v2: { discovery: { endpoints: ["127.0.0.1:${v2.port}"] } }
    routes:
      - name: canary
        to: { v1: 100 }
        schedule: { start: "${start}", steps: [{ to: { v1: 50, v2: 50 } }], holdOn: { version: v2, successRateBelow: 90%, minRequests: 5, action: rollback } }
`;
    await writeFile(path, text('20s'));
    const mesh = createMeshClient({ policy: path, random: seededRandom(1), clock: systemClock });
    cleanup.push(() => mesh.close({ timeout: 0 }));
    for (let call = 0; call < 20; call += 1) await (await mesh.fetch('http://reviews/')).text();
    expect(v2.seen).toHaveLength(5);
    const { accepted } = v1;
    await writeFile(path, text('21s'));
    await eventually(() => mesh.inspect().policy.generation, (generation) => generation === 2);
    for (let call = 0; call < 20; call += 1) await (await mesh.fetch('http://reviews/')).text();
    expect(v2.seen).toHaveLength(5);
    expect(v1.accepted).toBe(accepted);
    expect(mesh.inspect().services[0]!.routes[0]).toMatchObject({ stopped: 'rolled-back' });
    // A version that the policy names no longer is let go.
    await writeFile(path, text('22s').replace(/ {6}v2: .*\n/, '').replace(/ {8}schedule: .*\n/, ''));
    await eventually(() => mesh.inspect().policy.generation, (generation) => generation === 3);
    expect(mesh.inspect().services[0]!.versions.map(({ name }) => name)).toEqual(['v1']);
    expect((await mesh.fetch('http://reviews/')).status).toBe(200);
  });
});

describe('mesh.explain', () => {
  it('says what a call would do, and the endpoints as they are, and sends nothing', async () => {
    const [v1, v2] = [await version('v1'), await version('v2')];
    const { mesh } = client({ v1: at(v1), v2: at(v2) }, [{ name: 'jason', match: [{ headers: { 'end-user': 'jason' } }], to: { v2: 1 } }, { name: 'rest', to: { v1: 3, v2: 1 } }]);
    const before = mesh.explain({ url: 'http://reviews/x', headers: { 'End-User': 'jason' } });
    expect(before).toMatchObject({ service: 'reviews', route: { name: 'jason', from: 'options.policy services.reviews.routes.0' }, versions: [{ name: 'v2', probability: 1 }] });
    expect(before.candidates).toBeUndefined();
    expect(mesh.inspect().services).toEqual([]);
    await mesh.ready();
    expect(mesh.explain({ url: 'http://reviews/x' })).toMatchObject({
      route: { name: 'rest' }, versions: [{ name: 'v1', probability: 0.75 }, { name: 'v2', probability: 0.25 }],
      candidates: [{ version: 'v1', endpoint: `127.0.0.1:${v1.port}`, state: 'available', pending: 0 }, { version: 'v2', endpoint: `127.0.0.1:${v2.port}` }],
    });
    expect(() => mesh.explain({ url: 'nonsense' })).toThrow('url: "nonsense"');
    expect([v1.seen, v2.seen]).toEqual([[], []]);
  });
});
