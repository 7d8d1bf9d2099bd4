/** What holds whatever the framework: real servers, real clients, the wiring of the framework's own documentation. */
import { createServer, IncomingMessage, request, ServerResponse } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect, Socket, type AddressInfo } from 'node:net';
import fastify from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { createMeshClient, type MeshClient, type PolicyDocument } from '../../src/index.ts';
import { createMeshServer, type MeshServer } from '../../src/server/index.ts';
import { eventually } from '../support/eventually.ts';
import { frameworks, startHttp2, type Start, type Work } from '../support/frameworks.ts';
import { json, readBody, startServer } from '../support/http-server.ts';

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

interface World {
  readonly port: number;
  readonly mesh: MeshServer;
  /** Of the service, to call what is behind it. */
  readonly client: MeshClient;
}

async function world(start: Start, work: (client: MeshClient) => Work, leaf: Parameters<typeof startServer>[0] = (request, response) => json(response, request.headers)): Promise<World> {
  const behind = await startServer(leaf);
  cleanup.push(() => behind.close());
  const policy: PolicyDocument = { version: 1, services: { shop: {}, leaf: { discovery: { endpoints: [`127.0.0.1:${behind.port}`] } } } };
  const client = createMeshClient({ policy });
  cleanup.push(() => client.close({ timeout: 0 }));
  const mesh = createMeshServer({ policy, service: 'shop' });
  cleanup.push(() => mesh.close());
  const running = await start(mesh, work(client));
  cleanup.push(() => running.close());
  return { port: running.port, mesh, client };
}

function ask(port: number, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}/work`, { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json', ...headers } });
}

/** As one does whose body does not come with the headers, but from within other events of the socket. */
async function slowly(port: number, headers: Record<string, string>): Promise<object> {
  const sent = request({ port, path: '/work', method: 'POST', headers: { 'content-type': 'application/json', 'content-length': 7, ...headers } });
  const answered = new Promise<object>((resolve, reject) => {
    sent.once('error', reject);
    sent.once('response', (response) => void readBody(response).then((text) => resolve(JSON.parse(text) as object), reject));
  });
  sent.flushHeaders();
  for (const piece of ['{"a"', ':1}']) {
    await new Promise((resolve) => setTimeout(resolve, 15));
    sent.write(piece);
  }
  sent.end();
  return answered;
}

const callsLeaf = (client: MeshClient): Work => async (body) => {
  await new Promise((resolve) => setTimeout(resolve, 30));
  return { body, leaf: await (await client.fetch('http://leaf/')).json() };
};

describe.each(Object.entries(frameworks))('%s', (_name, start) => {
  it('carries deadline, criticality and attempt on to what its handler calls, also where its body came late and in pieces', async () => {
    const { port } = await world(start, callsLeaf);
    const { body, leaf } = (await slowly(port, { 'x-envoy-expected-rq-timeout-ms': '2000', 'x-inmesh-criticality': 'sheddable', 'x-envoy-attempt-count': '2' })) as { body: object; leaf: Record<string, string> };
    expect(body).toEqual({ a: 1 });
    const left = Number(leaf['x-envoy-expected-rq-timeout-ms']);
    // A timer may fire up to a millisecond early.
    expect(left).toBeLessThanOrEqual(1971);
    expect(left).toBeGreaterThan(500);
    expect(leaf).toMatchObject({ 'x-inmesh-criticality': 'sheddable', 'x-envoy-attempt-count': '2' });
  });

  it('gives a request no more than the service’s own deadline, whatever it asks for', async () => {
    const { port } = await world(start, (client) => async () => ({ left: client.context()?.deadline }));
    for (const absurd of ['999999999999999', '999999999999999999999', '-5', '1e9', 'Infinity', '0', 'never', '']) {
      const { left } = (await (await ask(port, { 'x-envoy-expected-rq-timeout-ms': absurd })).json()) as { left: number };
      expect(left, absurd).toBeLessThanOrEqual(30_000);
      expect(left, absurd).toBeGreaterThan(20_000);
    }
  });

  it('refuses a request whose time is over, says that it did not begin, and does not', async () => {
    let ran = 0;
    const { port, mesh } = await world(start, () => async () => ({ ran: (ran += 1) }));
    const response = await ask(port, { 'grpc-timeout': '0m' });
    expect(response.status).toBe(504);
    expect(response.headers.get('x-inmesh-not-processed')).toBe(`deadline; by=127.0.0.1:${port}`);
    expect(await response.json()).toMatchObject({ error: 'DEADLINE_EXCEEDED', message: expect.stringContaining('not processed') });
    expect(ran).toBe(0);
    expect(mesh.inspect().inFlight).toBe(0);
    expect((await ask(port)).status).toBe(200);
    expect(ran).toBe(1);
  });

  it('ends what a handler calls when its client has left, and counts it out', async () => {
    let leafLeft = false;
    let failed: unknown;
    const { port, mesh } = await world(
      start,
      (client) => async () => {
        await client.fetch('http://leaf/').catch((error: unknown) => (failed = error));
        return {};
      },
      (request) => request.socket.once('close', () => (leafLeft = true)),
    );
    const socket = connect(port, '127.0.0.1');
    socket.write('POST /work HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}');
    await eventually(() => mesh.inspect().inFlight === 1);
    socket.destroy();
    await eventually(() => leafLeft);
    await eventually(() => failed !== undefined);
    expect(failed).toMatchObject({ name: 'AbortError', message: 'the client has left' });
    await eventually(() => mesh.inspect().inFlight === 0);
  });

  it('says with every answer how busy it is', async () => {
    const { port, mesh } = await world(start, () => async () => ({}));
    const response = await ask(port);
    expect(response.headers.get('endpoint-load-metrics')).toMatch(/^TEXT application_utilization=[\d.]+, rps_fractional=[\d.]+, eps=[\d.]+, named_metrics\.rif=1, named_metrics\.conns=[1-9]\d*$/);
    await response.text();
    await eventually(() => mesh.inspect().inFlight === 0);
  });
});

describe('an older Fastify', () => {
  it('went on outside of the context once a body was read, and is brought back into it', async () => {
    const hooks: Record<string, (request: object, reply: object, done: () => void) => void> = {};
    const mesh = createMeshServer({ policy: { version: 1 } });
    const client = createMeshClient({ policy: { version: 1 } });
    cleanup.push(() => mesh.close(), () => client.close());
    mesh.fastify({ server: createServer(), addHook: (name: string, hook: never) => (hooks[name] = hook) });
    const raw = new ServerResponse(new IncomingMessage(new Socket()));
    const request = { raw: { method: 'POST', url: '/', headers: { 'x-inmesh-criticality': 'sheddable' } } };
    hooks['onRequest']!(request, { raw }, () => {});
    expect(client.context()).toBeUndefined();
    let within: string | undefined;
    hooks['preValidation']!(request, { raw }, () => (within = client.context()?.criticality));
    expect(within).toBe('sheddable');
  });
});

describe('NestJS with Fastify below', () => {
  it('is wired as Fastify is, whose bodies a middleware’s context would not outlive', async () => {
    const start: Start = async (mesh, work) => {
      const below = fastify();
      const refuse = (): never => {
        throw new Error('a middleware');
      };
      mesh.nest({ use: refuse, getHttpServer: () => below.server, getHttpAdapter: () => ({ getInstance: () => below }) });
      below.post('/work', (request) => work(request.body as never, (name) => request.headers[name]));
      await below.listen({ port: 0, host: '127.0.0.1' });
      return { port: (below.server.address() as AddressInfo).port, close: () => below.close() };
    };
    const { port } = await world(start, (client) => async () => ({ criticality: client.context()?.criticality }));
    expect(await slowly(port, { 'x-inmesh-criticality': 'sheddable' })).toEqual({ criticality: 'sheddable' });
  });
});

describe('HTTP/2', () => {
  it('carries the context on, reports load, and refuses what is too late', async () => {
    const { port, mesh } = await world(startHttp2, (client) => async () => ({ ...client.context(), signal: undefined }));
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    cleanup.push(() => session.close());
    const answered = (headers: Record<string, string>): Promise<{ headers: Record<string, string>; body: Record<string, unknown> }> =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ':method': 'POST', ':path': '/work', ...headers });
        let text = '';
        let got: Record<string, string> = {};
        stream.on('response', (given) => (got = given as Record<string, string>));
        stream.on('data', (chunk) => (text += String(chunk)));
        stream.on('end', () => resolve({ headers: got, body: JSON.parse(text) as Record<string, unknown> }));
        stream.on('error', reject);
        stream.end('{}');
      });
    const served = await answered({ 'x-envoy-expected-rq-timeout-ms': '700', 'x-inmesh-criticality': 'critical-plus' });
    expect(served.body).toMatchObject({ criticality: 'critical-plus' });
    expect(served.body['deadline']).toBeLessThanOrEqual(700);
    expect(served.headers['endpoint-load-metrics']).toContain('named_metrics.rif=1, named_metrics.conns=1');
    const late = await answered({ 'grpc-timeout': '0n' });
    expect(late.headers).toMatchObject({ ':status': 504, 'x-inmesh-not-processed': `deadline; by=127.0.0.1:${port}` });
    await eventually(() => mesh.inspect().inFlight === 0);
  });
});
