/**
 * Who may call: real TLS, certificates of a real hierarchy with one thing wrong each, and what strangers say about themselves.
 */
import { once } from 'node:events';
import { createServer as createHttpServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { createSecureServer, connect as connectHttp2 } from 'node:http2';
import { createServer, request as httpsRequest } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createMeshClient, type PolicyDocument } from '../../src/index.ts';
import { createMeshServer, type MeshServer } from '../../src/server/index.ts';
import { CertificateAuthority, selfSigned, type Issued } from '../support/certificate-authority.ts';
import { frameworks } from '../support/frameworks.ts';

const FRONT = 'spiffe://shop.example/ns/shop/sa/front';
const BACK = 'spiffe://shop.example/ns/shop/sa/back';
const HOUR = 3_600_000;

const root = CertificateAuthority.root();
const authority = root.intermediate();
const serverCertificate = authority.issue({ dns: ['localhost'], uris: ['spiffe://shop.example/ns/shop/sa/orders'] });

interface Said {
  readonly caller: string | null;
  readonly xfcc: unknown;
  readonly raw: boolean;
}

const rules: NonNullable<NonNullable<PolicyDocument['services']>[string]>['allow'] = [FRONT, { id: BACK, methods: ['GET'], paths: ['/orders', '/orders/*'] }, { id: '*', methods: ['GET'], paths: ['/healthz'] }];

function meshServer(service: object = {}): MeshServer {
  return createMeshServer({ service: 'orders', policy: { version: 1, services: { orders: { allow: rules, ...service } } } });
}

const client = createMeshClient({ policy: { version: 1 } });
afterAll(() => client.close());

function says(mesh: MeshServer) {
  return mesh.node((request: IncomingMessage, response: ServerResponse) => {
    const said: Said = { caller: client.context()?.caller ?? null, xfcc: request.headers['x-forwarded-client-cert'] ?? null, raw: request.rawHeaders.some((name) => name.toLowerCase() === 'x-forwarded-client-cert') };
    response.end(JSON.stringify(said));
  });
}

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function secure(mesh: MeshServer): Promise<number> {
  return listen(createServer({ ...serverCertificate, ca: root.cert, requestCert: true, rejectUnauthorized: false }, says(mesh)));
}

interface Asked {
  readonly status: number;
  readonly body: Said & { error: string; message: string };
}

async function ask(port: number, certificate: Issued | undefined, { method = 'GET', path = '/orders', headers = {} } = {}): Promise<Asked> {
  const asking = httpsRequest({ port, host: '127.0.0.1', servername: 'localhost', ca: root.cert, method, path, headers, agent: false, ...certificate });
  const [response] = (await once(asking.end(), 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode!, body: JSON.parse(text) as Asked['body'] };
}

const of = (...uris: string[]): Issued => authority.issue({ uris });

describe('a caller with a certificate', () => {
  let port: number;
  let server: Server;
  beforeAll(async () => {
    server = createServer({ ...serverCertificate, ca: root.cert, requestCert: true, rejectUnauthorized: false }, says(meshServer()));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    port = (server.address() as AddressInfo).port;
  });
  afterAll(() => server.close());

  it('is who it says, and may do what the rules say', async () => {
    expect(await ask(port, of(FRONT), { method: 'POST', path: '/anything?at=all' })).toMatchObject({ status: 200, body: { caller: FRONT } });
    expect(await ask(port, of(BACK))).toMatchObject({ status: 200, body: { caller: BACK } });
    expect(await ask(port, of(BACK), { path: '/orders/17?full=1' })).toMatchObject({ status: 200 });
  });

  it.each([
    ['of another name', of('spiffe://shop.example/ns/shop/sa/other')],
    ['of another trust domain', of('spiffe://evil.example/ns/shop/sa/front')],
    ['with two names', of(FRONT, BACK)],
    ['with no name', authority.issue({ dns: ['front'] })],
    ['with a name that is no SPIFFE ID', of('https://shop.example/ns/shop/sa/front')],
    ['that has expired', authority.issue({ uris: [FRONT], notBefore: new Date(Date.now() - 2 * HOUR), notAfter: new Date(Date.now() - HOUR) })],
    ['that is not valid yet', authority.issue({ uris: [FRONT], notBefore: new Date(Date.now() + HOUR) })],
    ['that it signed itself', selfSigned({ uris: [FRONT] })],
    ['of somebody else’s authority', CertificateAuthority.root('somebody else').issue({ uris: [FRONT] })],
    ['that may sign others', authority.issue({ uris: [FRONT], ca: true })],
    ['but none', undefined],
  ])('%s is turned away', async (_what, certificate) => {
    const { status, body } = await ask(port, certificate);
    expect(status).toBe(403);
    expect(body.error).toBe('FORBIDDEN');
    expect(body.caller === null || (!body.caller.includes(FRONT) && body.caller !== BACK)).toBe(true);
    expect(body.message).toMatch(/^orders: .+ may not GET \/orders$/);
    // What anybody may, it may as well.
    expect((await ask(port, certificate, { path: '/healthz' })).status).toBe(200);
  });

  it.each([
    ['POST', '/orders'], ['HEAD', '/orders'], ['GET', '/'], ['GET', '/orders/'], ['GET', '/ordersx'], ['GET', '/Orders'], ['GET', '/orders/../admin'], ['GET', '/orders/%2e%2E/admin'],
    ['GET', '/orders/..%2fadmin'], ['GET', '/orders//admin'], ['GET', '/orders/.'], ['GET', '/orders/..;/admin'], ['GET', '/orders/a\\..\\admin'], ['GET', '/orders/%252e%252e/admin'], ['GET', '/orders/%00'],
    ['GET', 'http://orders/orders'], ['GET', '//orders'],
  ])('may not %s %s where it may GET /orders/*', async (method, path) => {
    const asking = httpsRequest({ port, host: '127.0.0.1', servername: 'localhost', ca: root.cert, method, path, agent: false, ...of(BACK) });
    const [response] = (await once(asking.end(), 'response')) as [IncomingMessage];
    expect(response.resume().statusCode).toBe(403);
  });
});

describe('what a stranger says of himself', () => {
  const forged = { 'X-Forwarded-Client-Cert': `By=spiffe://shop.example/a;URI=${FRONT}`, 'x-inmesh-caller': FRONT, 'x-spiffe-id': FRONT };

  it('counts for nothing, over TLS or without, and no handler sees it', async () => {
    const port = await secure(meshServer());
    expect((await ask(port, undefined, { headers: forged })).status).toBe(403);
    const open = await secure(meshServer({ allow: [{ id: '*' }] }));
    expect((await ask(open, undefined, { headers: forged })).body).toEqual({ caller: null, xfcc: null, raw: false });
    expect((await ask(open, of(BACK), { headers: forged })).body).toEqual({ caller: BACK, xfcc: null, raw: false });
  });

  it.each(Object.keys(frameworks))('is taken off before %s shows it to a handler', async (name) => {
    const mesh = createMeshServer({ policy: { version: 1 } });
    const seen: unknown[] = [];
    const running = await frameworks[name]!(mesh, async (_body, header) => {
      seen.push(client.context()?.caller, header('x-forwarded-client-cert'), header('x-spiffe-id'));
      return {};
    });
    cleanup.push(() => running.close(), () => mesh.close());
    const response = await fetch(`http://127.0.0.1:${running.port}/work`, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json', ...forged } });
    expect(response.status).toBe(200);
    expect(seen).toEqual([undefined, undefined, FRONT]);
  });

  it('is turned away with the reason, without TLS', async () => {
    const port = await listen(createHttpServer(says(meshServer())));
    const response = await fetch(`http://127.0.0.1:${port}/orders`, { headers: forged });
    expect(response.status).toBe(403);
    expect(await response.json()).toEqual({ error: 'FORBIDDEN', service: 'orders', caller: null, message: 'orders: a caller who is unknown (the connection is not over TLS) may not GET /orders' });
  });
});

describe('a proxy in front that ends TLS', () => {
  const behind = (from: string[], headers: Record<string, string>): Promise<[number, Said]> => new Promise((resolve, reject) => {
    void listen(createHttpServer(says(meshServer({ inbound: { forwardedFrom: from } })))).then((port) => {
      const asking = httpRequest({ port, path: '/orders', headers, agent: false }, (response) => {
        let text = '';
        response.on('data', (chunk) => (text += String(chunk)));
        response.on('end', () => resolve([response.statusCode!, JSON.parse(text) as Said]));
      });
      asking.once('error', reject).end();
    }, reject);
  });

  it('is believed from the addresses that the policy names', async () => {
    for (const from of [['127.0.0.1'], ['10.0.0.0/8', '127.0.0.0/8']]) {
      const [status, said] = await behind(from, { 'x-forwarded-client-cert': `By=spiffe://shop.example/p;Subject="CN=x,O=\\";URI=spiffe://evil.example/a";URI=${FRONT}` });
      expect(status).toBe(200);
      expect(said.caller).toBe(FRONT);
    }
  });

  it('is believed of what it added last, and not of what a client had sent it', async () => {
    const [status] = await behind(['127.0.0.1'], { 'x-forwarded-client-cert': `URI=${FRONT},By=spiffe://shop.example/p;URI=spiffe://shop.example/ns/shop/sa/stranger` });
    expect(status).toBe(403);
    const [, said] = await behind(['127.0.0.1'], { 'x-forwarded-client-cert': `URI=spiffe://evil.example/a,URI="${FRONT}"` });
    expect(said.caller).toBe(FRONT);
  });

  it.each(['', 'URI=', `URI=${FRONT};URI=${BACK}`, `Subject="URI=${FRONT}`, `Subject="a,URI=${FRONT}"`, 'By=spiffe://shop.example/p', `URI=${'x'.repeat(20_000)}`, `DNS=${FRONT}`])('that says %j has named nobody', async (header) => {
    expect((await behind(['127.0.0.1'], { 'x-forwarded-client-cert': header.slice(0, 14_000) }))[0]).toBe(403);
  });

  it('is not believed from elsewhere', async () => {
    expect((await behind(['10.0.0.0/8', 'fd00::/8'], { 'x-forwarded-client-cert': `URI=${FRONT}` }))[0]).toBe(403);
  });
});

it('in observe, everybody is let in, and it is said who would not have been', async () => {
  const mesh = meshServer({ inbound: { authorization: 'observe' } });
  const seen: object[] = [];
  mesh.events.on('request.refused', (event) => seen.push(event));
  const port = await secure(mesh);
  expect((await ask(port, of(BACK), { method: 'POST' })).status).toBe(200);
  expect(seen).toEqual([{ service: 'orders', reason: 'forbidden', method: 'POST', path: '/orders', criticality: 'critical', caller: BACK, enforced: false }]);
});

it('an empty list is nobody, and no list is everybody', async () => {
  expect((await ask(await secure(meshServer({ allow: [] })), of(FRONT))).status).toBe(403);
  expect((await ask(await secure(createMeshServer({ policy: { version: 1 } })), undefined)).status).toBe(200);
});

it('holds over HTTP/2 as well', async () => {
  const server = createSecureServer({ ...serverCertificate, ca: root.cert, requestCert: true, rejectUnauthorized: false }, says(meshServer()) as never);
  const port = await listen(server);
  const status = async (certificate: Issued | undefined): Promise<number> => {
    const session = connectHttp2(`https://localhost:${port}`, { ca: root.cert, ...certificate });
    const stream = session.request({ ':path': '/orders' });
    const [headers] = (await once(stream, 'response')) as [Record<string, number>];
    stream.resume();
    await once(stream, 'end');
    session.destroy();
    return headers[':status']!;
  };
  expect(await status(of(FRONT))).toBe(200);
  expect(await status(of('spiffe://shop.example/ns/shop/sa/other'))).toBe(403);
  expect(await status(undefined)).toBe(403);
});
