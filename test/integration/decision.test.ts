/** The decision record, as callers of every kind get it. */
import { afterEach, describe, expect, it } from 'vitest';
import { createMeshClient, decisionOf, MeshError, type CallOptions, type Decision, type MeshClient, type PolicyDocument } from '../../src/index.ts';
import { request } from '../../src/transport/undici.ts';
import { closedPort, startServer, type Running } from '../support/http-server.ts';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

type Service = NonNullable<PolicyDocument['services']>[string];

async function server(): Promise<Running> {
  const running = await startServer((incoming, response) => {
    response.setHeader('x-seen', Object.keys(incoming.headers).join(','));
    if (incoming.url === '/pretends') response.setHeader('x-inmesh-decision', 'not JSON');
    response.writeHead(incoming.url === '/bad' ? 503 : 200).end('fine');
  });
  cleanup.push(() => running.close());
  return running;
}

function client(endpoints: string[], knobs: Service = {}): MeshClient {
  const mesh = createMeshClient({ policy: { version: 1, services: { reviews: { discovery: { endpoints }, ...knobs } } } });
  cleanup.push(() => mesh.close({ timeout: 0 }));
  return mesh;
}

const explain: { mesh: CallOptions } = { mesh: { explain: true } };

describe('a call that is to be explained', () => {
  it('has its decision in the response: of fetch, of request and of the dispatcher', async () => {
    const reviews = await server();
    const mesh = client([`127.0.0.1:${reviews.port}`]);
    const endpoint = `127.0.0.1:${reviews.port}`;
    await mesh.ready();
    const byFetch = await mesh.fetch('http://reviews/', explain);
    await byFetch.text();
    const byRequest = await mesh.request('http://reviews/', explain);
    await byRequest.body.dump();
    const byDispatcher = await request('http://reviews/', { dispatcher: mesh.dispatcher, ...explain });
    await byDispatcher.body.dump();
    for (const response of [byFetch, byRequest, byDispatcher]) {
      expect(decisionOf(response)).toMatchObject({
        service: 'reviews', criticality: 'critical', deadline: 30_000, deadlineFrom: 'policy', suppressed: [], faults: [],
        attempts: [{ number: 1, because: 'first', endpoint, state: 'available', panic: false, of: 1, status: 200, candidates: [{ endpoint, state: 'available', pending: 0 }] }],
        levels: { budget: 10, inFlight: 0, queued: 0, limit: 64, circuit: 'closed', throttled: 0 },
      });
    }
    const { took, attempts } = decisionOf(byFetch)!;
    expect(attempts[0]!.took).toBeGreaterThan(0);
    expect(took).toBeGreaterThanOrEqual(attempts[0]!.took!);
  });

  it('tells of the retry, whom it chose among, and why there was no other', async () => {
    const reviews = await server();
    const refused = `127.0.0.1:${await closedPort()}`;
    const mesh = client([refused, `127.0.0.1:${reviews.port}`], { outlier: { relative: 'off', consecutiveFailures: 1 } });
    let decision: Decision | undefined;
    // Until the first attempt goes to the one that is down.
    for (let each = 0; each < 50 && decision?.attempts.length !== 2; each += 1) {
      const response = await mesh.fetch('http://reviews/', explain);
      await response.text();
      decision = decisionOf(response);
    }
    expect(decision!.attempts).toMatchObject([
      { because: 'first', endpoint: refused, of: 2, error: 'CONNECT_FAILED', ejected: 'consecutive-failures' },
      { because: 'retry', status: 200, of: 2 },
    ]);
    expect(decision!.attempts[1]!.candidates.find(({ endpoint }) => endpoint === refused)!.state).toBe('ejected');

    const bad = await mesh.fetch('http://reviews/bad', { method: 'POST', ...explain });
    await bad.text();
    expect(decisionOf(bad)).toMatchObject({ suppressed: [{ what: 'retry', reason: 'not-idempotent', enforced: true }] });
  });

  it('has it in its error', async () => {
    const mesh = client([`127.0.0.1:${await closedPort()}`], { retry: 'off' });
    const error = await mesh.fetch('http://reviews/', explain).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(MeshError);
    expect(decisionOf(error)).toMatchObject({ attempts: [{ error: 'CONNECT_FAILED' }] });
    expect(decisionOf(await mesh.fetch('http://reviews/').catch((thrown: unknown) => thrown))).toBeUndefined();
  });

  it('tells of faults', async () => {
    const mesh = client(['127.0.0.1:9'], { retry: 'off', routes: [{ name: 'all', fault: { abort: { percent: 100, status: 418 } } }] });
    const response = await mesh.fetch('http://reviews/', explain);
    await response.text();
    expect(decisionOf(response)).toMatchObject({ route: 'all', attempts: [], faults: [{ attempt: 1, abort: 418 }] });
  });
});

describe('a request that asks for a decision by its header', () => {
  const headers = { 'X-Inmesh-Explain': '1' };

  it('gets one where the policy allows it, and not elsewhere', async () => {
    const reviews = await server();
    const endpoints = [`127.0.0.1:${reviews.port}`];
    const allowed = await client(endpoints, { telemetry: { explainHeader: true } }).fetch('http://reviews/', { headers });
    const not = await client(endpoints).fetch('http://reviews/', { headers });
    const nobody = await client(endpoints, { telemetry: { explainHeader: true } }).fetch('http://reviews/');
    for (const response of [allowed, not, nobody]) await response.text();
    expect([allowed, not, nobody].map((response) => decisionOf(response)?.attempts.length)).toEqual([1, undefined, undefined]);
    // The next one may be asked as well.
    expect(allowed.headers.get('x-seen')).toContain('x-inmesh-explain');
  });

  it('is not told what a server made up', async () => {
    const reviews = await server();
    const mesh = client([`127.0.0.1:${reviews.port}`]);
    const plain = await mesh.fetch('http://reviews/pretends');
    const asked = await mesh.fetch('http://reviews/pretends', explain);
    for (const response of [plain, asked]) await response.text();
    expect(decisionOf(plain)).toBeUndefined();
    expect(decisionOf(asked)?.service).toBe('reviews');
    for (const nothing of [undefined, null, 'text', {}, { headers: null }]) expect(decisionOf(nothing)).toBeUndefined();
  });
});
