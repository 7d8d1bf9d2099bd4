/**
 * TLS from the client's side, with real servers and certificates made here: whom a client talks to, whom it refuses, in which words and in
 * what time, and that nothing ever goes out in plain text instead.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { createMeshClient, MeshError, type MeshClient, type PolicyDocument } from '../../src/index.ts';
import { CertificateAuthority, selfSigned, type Issued } from '../support/certificate-authority.ts';
import { eventually } from '../support/eventually.ts';
import { startTcp } from '../support/http-server.ts';
import { startTls, type TlsServer } from '../support/tls-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'inmesh-tls-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
function file(content: string): string {
  const path = join(folder, `${(files += 1)}.pem`);
  writeFileSync(path, content);
  return path;
}

const root = CertificateAuthority.root('root of the mesh');
const issuer = root.intermediate();
const ca = file(root.cert);
const HOUR = 3_600_000;
const from = (hours: number): Date => new Date(Date.now() + hours * HOUR);

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

async function serve(issued: Issued, options: ServerOptions = {}): Promise<TlsServer> {
  const server = await startTls({ ...issued, ...options });
  cleanup.push(() => server.close());
  return server;
}

type Knobs = NonNullable<PolicyDocument['defaults']>;
type Tls = Exclude<NonNullable<Knobs['tls']>, 'off'>;

function meshOf(servers: readonly { readonly host: string; readonly port: number }[], tls: Tls | 'off', knobs: Knobs = {}): MeshClient {
  const defaults: Knobs = { circuit: 'off', throttle: 'off', deadline: '5s', attemptTimeout: '2s', ...knobs };
  const mesh = createMeshClient({ policy: { version: 1, defaults, services: { reviews: { tls, discovery: { endpoints: servers.map(({ host, port }) => `${host}:${port}`) } } } } });
  cleanup.push(() => mesh.close({ timeout: 0 }));
  return mesh;
}

async function get(mesh: MeshClient, url = 'http://reviews/'): Promise<string> {
  const response = await mesh.fetch(url);
  return response.text();
}

async function failing(mesh: MeshClient, method: 'GET' | 'POST' = 'GET'): Promise<MeshError> {
  const error: unknown = await mesh.fetch('http://reviews/', { method }).then(() => undefined, (caught: unknown) => caught);
  expect(error).toBeInstanceOf(MeshError);
  return error as MeshError;
}

const reviews = issuer.issue({ dns: ['reviews'], uris: ['spiffe://td/ns/shop/sa/reviews'] });

describe('with tls on', () => {
  it('an http: URL goes out over TLS 1.3, to a server whose certificate leads up to `ca` and is for the service’s name', async () => {
    const server = await serve(reviews);
    const mesh = meshOf([server], { ca });
    expect(await get(mesh)).toBe('fine');
    expect(server.secured).toMatchObject([{ servername: 'reviews', protocol: 'TLSv1.3' }]);
  });

  it('an https: URL of the service means the same', async () => {
    const server = await serve(reviews);
    expect(await get(meshOf([server], { ca }), 'https://reviews/')).toBe('fine');
  });

  it('TLS 1.2 is spoken with who speaks no more, and nothing older', async () => {
    const [two, old] = [await serve(reviews, { maxVersion: 'TLSv1.2' }), await serve(reviews, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' })];
    expect(await get(meshOf([two], { ca }))).toBe('fine');
    expect(two.secured).toMatchObject([{ protocol: 'TLSv1.2' }]);
    expect(await failing(meshOf([two], { ca, minVersion: '1.3' }))).toMatchObject({ code: 'CONNECT_FAILED', sent: 'no' });
    expect(await failing(meshOf([old], { ca }))).toMatchObject({ code: 'CONNECT_FAILED', sent: 'no' });
  });

  it('`serverName` is asked for, and what the certificate must be for, whatever the URL or the Host header says', async () => {
    const server = await serve(issuer.issue({ dns: ['reviews.shop.svc'] }));
    const mesh = meshOf([server], { ca, serverName: 'reviews.shop.svc' });
    for (const host of ['a', 'b', 'a']) await (await mesh.fetch('http://reviews/', { headers: { host } })).text();
    expect(new Set(server.secured.map(({ servername }) => servername))).toEqual(new Set(['reviews.shop.svc']));
  });

  it('one of `spiffeIds` is whom the certificate must name; its DNS names count for nothing', async () => {
    const server = await serve(issuer.issue({ uris: ['spiffe://td/ns/shop/sa/reviews'] }));
    expect(await get(meshOf([server], { ca, spiffeIds: ['spiffe://td/ns/*/sa/reviews'] }))).toBe('fine');
    expect(server.secured[0]!.servername).toBe('reviews');
    const named = await serve(issuer.issue({ dns: ['reviews'], uris: ['spiffe://td/ns/shop/sa/ratings'] }));
    expect(await failing(meshOf([named], { ca, spiffeIds: ['spiffe://td/ns/*/sa/reviews'] }))).toMatchObject({ code: 'IDENTITY_MISMATCH' });
  });

  it('sessions are resumed: a further connection to an endpoint makes no new handshake', async () => {
    const server = await serve(reviews);
    const mesh = meshOf([server], { ca });
    for (let call = 0; call < 3; call += 1) {
      await get(mesh);
      for (const socket of server.open) socket.destroy();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(server.secured.map(({ resumed }) => resumed)).toEqual([false, true, true]);
  });

  it('connections are made ahead by ready()', async () => {
    const server = await serve(reviews);
    const mesh = meshOf([server], { ca });
    await mesh.ready();
    await eventually(() => server.secured.length, (length) => length === 1);
    expect(server.requests).toEqual([]);
    await get(mesh);
    expect(server.secured.length).toBe(1);
  });

  it('health checks go out over it too', async () => {
    const server = await serve(reviews);
    const wrong = await serve(issuer.issue({ dns: ['ratings'] }));
    const mesh = meshOf([server, wrong], { ca }, { healthCheck: { path: '/healthz', interval: '200ms', timeout: '150ms', unhealthy: 1 }, outlier: 'off' });
    const unhealthy = new Promise<{ endpoint: string; why: string }>((resolve) => mesh.events.once('endpoint.unhealthy', resolve));
    await get(mesh);
    expect(await unhealthy).toMatchObject({ endpoint: wrong.address, why: expect.stringContaining('DNS:ratings') });
    await eventually(() => server.requests, (requests) => requests.includes('/healthz'));
    expect(wrong.requests).toEqual([]);
  });

  it('https: URLs of hosts that are no service of the policy mean what they mean anywhere', async () => {
    const server = await serve(issuer.issue({ ips: ['127.0.0.1'] }));
    const mesh = createMeshClient({ policy: { version: 1, egress: { allow: ['127.0.0.1'] }, defaults: { tls: { ca } } } });
    cleanup.push(() => mesh.close({ timeout: 0 }));
    // The public roots know nothing of ours; the policy's `ca` would have let it pass.
    await expect(mesh.fetch(`https://127.0.0.1:${server.port}/`)).rejects.toMatchObject({ code: 'IDENTITY_MISMATCH' });
    expect(await get(mesh, `http://127.0.0.1:${server.port}/`)).toBe('fine');
  });
});

describe('a server that is not who it should be', () => {
  const wrong: [string, Issued, Tls, RegExp][] = [
    ['has a certificate that expired', issuer.issue({ dns: ['reviews'], notBefore: from(-48), notAfter: from(-1) }), {}, /expired/],
    ['has one whose time has not come', issuer.issue({ dns: ['reviews'], notBefore: from(1), notAfter: from(48) }), {}, /not yet valid/],
    ['signed its own', selfSigned({ dns: ['reviews'] }), {}, /self-signed/],
    ['has one of another CA', CertificateAuthority.root('root of somebody else').issue({ dns: ['reviews'] }), {}, /unable to verify|local issuer/],
    ['has one of another CA of the same name', CertificateAuthority.root('root of the mesh').issue({ dns: ['reviews'] }), {}, /signature|unable to verify|local issuer/],
    ['leaves out what is between it and the root', { ...reviews, cert: reviews.cert.split(/(?<=-----END CERTIFICATE-----\n)/)[0]! }, {}, /unable to verify|local issuer/],
    ['has another name', issuer.issue({ dns: ['ratings'] }), {}, /its certificate is for DNS:ratings \(expected: DNS:reviews\)/],
    ['has its name in the subject alone', issuer.issue({ name: 'reviews' }), {}, /no name at all/],
    ['has another SPIFFE ID', issuer.issue({ dns: ['reviews'], uris: ['spiffe://td/ns/shop/sa/ratings'] }), { spiffeIds: ['spiffe://td/ns/shop/sa/reviews'] }, /it is spiffe:\/\/td\/ns\/shop\/sa\/ratings/],
    ['has the SPIFFE ID in another trust domain', issuer.issue({ uris: ['spiffe://td2/ns/shop/sa/reviews'] }), { spiffeIds: ['spiffe://td/ns/shop/sa/reviews'] }, /it is spiffe:\/\/td2/],
    ['has no URI name', issuer.issue({ dns: ['reviews'] }), { spiffeIds: ['spiffe://td/**'] }, /no URI name/],
    ['has two URI names', issuer.issue({ uris: ['spiffe://td/ns/shop/sa/reviews', 'spiffe://td/ns/shop/sa/ratings'] }), { spiffeIds: ['spiffe://td/**'] }, /2 URI names/],
  ];

  it.each(wrong)('%s: IDENTITY_MISMATCH, nothing sent, tried once, and no plain text', async (_what, issued, tls, why) => {
    const server = await serve(issued);
    for (const method of ['GET', 'POST'] as const) {
      const error = await failing(meshOf([server], { ca, ...tls }), method);
      expect(error).toMatchObject({ code: 'IDENTITY_MISMATCH', sent: 'no', outcome: 'failure', attempts: 1, retrySuppressed: 'no-other-endpoint', endpoint: server.address, retryable: false });
      expect(error.message).toMatch(why);
    }
    expect(server.requests).toEqual([]);
  });

  it('is not believed because of NODE_TLS_REJECT_UNAUTHORIZED either', async () => {
    const server = await serve(selfSigned({ dns: ['reviews'] }));
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      expect(await failing(meshOf([server], { ca }))).toMatchObject({ code: 'IDENTITY_MISMATCH' });
    } finally {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
    }
    expect(server.requests).toEqual([]);
  });

  it('costs a POST one attempt, which is made good at another endpoint, and is ejected at once', async () => {
    const [wrongOne, right] = [await serve(issuer.issue({ dns: ['ratings'] })), await serve(reviews)];
    const mesh = meshOf([wrongOne, right], { ca });
    const [ejected, refreshed]: [object[], string[]] = [[], []];
    mesh.events.on('endpoint.ejected', (event) => ejected.push(event));
    mesh.events.on('discovery.refresh', ({ reason }) => refreshed.push(reason));
    for (let call = 0; call < 20; call += 1) expect(await (await mesh.fetch('http://reviews/', { method: 'POST', body: 'an invoice' })).text()).toBe('fine');
    expect(ejected).toMatchObject([{ endpoint: wrongOne.address, reason: 'unreachable' }]);
    expect(refreshed).toContain('connect-error');
    expect(wrongOne.requests).toEqual([]);
    expect(right.requests.length).toBe(20);
  });

  it('is never tried twice for one call, however many retries there could be', async () => {
    const servers = [await serve(issuer.issue({ dns: ['a'] })), await serve(issuer.issue({ dns: ['b'] }))];
    const error = await failing(meshOf(servers, { ca }, { retry: { maxRetries: 8 }, outlier: 'off' }));
    expect(error).toMatchObject({ code: 'IDENTITY_MISMATCH', attempts: 2, retrySuppressed: 'no-other-endpoint' });
  });

  it('speaks plain HTTP: no connection, and not a byte of the request', async () => {
    let heard = '';
    const server = await startTcp((socket) => socket.on('data', (chunk) => {
      heard += chunk.toString('latin1');
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine');
    }));
    cleanup.push(() => server.close());
    expect(await failing(meshOf([server], { ca }), 'POST')).toMatchObject({ code: 'CONNECT_FAILED', sent: 'no' });
    expect(heard).not.toMatch(/HTTP|POST|GET/);
  });

  it('stalls in the handshake: within connectTimeout', async () => {
    const server = await startTcp((socket) => socket.resume());
    cleanup.push(() => server.close());
    const begun = performance.now();
    const error = await failing(meshOf([server], { ca }, { connection: { connectTimeout: '100ms' }, retry: 'off' }));
    expect(error).toMatchObject({ code: 'CONNECT_FAILED', sent: 'no', outcome: 'failure' });
    expect(performance.now() - begun).toBeLessThan(1_000);
  });
});

describe('with mutual TLS', () => {
  const client = issuer.issue({ uris: ['spiffe://td/ns/shop/sa/productpage'] });
  const demanding = { requestCert: true, ca: root.cert };

  it('the server sees who calls', async () => {
    const server = await serve(reviews, demanding);
    const mesh = meshOf([server], { mode: 'mutual', ca, cert: file(client.cert), key: file(client.key) });
    expect(await get(mesh)).toBe('fine');
    expect(server.secured).toMatchObject([{ peer: 'URI:spiffe://td/ns/shop/sa/productpage' }]);
    expect(mesh.inspect().tls).toMatchObject([{ identity: 'spiffe://td/ns/shop/sa/productpage', valid: true, generation: 1 }]);
  });

  // TLS 1.2 has no word of its own for it, and says so before the connection is made; TLS 1.3 has, and says it after.
  it.each([['TLSv1.2', 'CONNECT_FAILED'], ['TLSv1.3', 'IDENTITY_MISMATCH']] as const)('%s: who has no certificate is refused: a POST was not read, so it may go elsewhere', async (maxVersion, code) => {
    const server = await serve(reviews, { ...demanding, maxVersion });
    const error = await failing(meshOf([server], { ca }), 'POST');
    expect(error).toMatchObject({ code, sent: 'no' });
    if (code === 'IDENTITY_MISMATCH') expect(error.message).toContain('did not accept who we are');
    expect(server.requests).toEqual([]);
    const lenient = await serve(reviews);
    expect(await (await meshOf([server, lenient], { ca }, { outlier: 'off' }).fetch('http://reviews/', { method: 'POST' })).text()).toBe('fine');
  });
});
