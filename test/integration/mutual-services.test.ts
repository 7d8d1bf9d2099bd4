/**
 * Two services on mutual TLS, each with both halves: the client of one and the server half of the other know who is at the other end. A third without a certificate is
 * refused by both.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it } from 'vitest';
import { createMeshClient, type MeshClient, type MeshError, type PolicyDocument } from '../../src/index.ts';
import { createMeshServer } from '../../src/server/index.ts';
import { CertificateAuthority, selfSigned, type Issued } from '../support/certificate-authority.ts';
import { json } from '../support/http-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'inmesh-mutual-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
function file(content: string): string {
  const path = join(folder, `${(files += 1)}.pem`);
  writeFileSync(path, content);
  return path;
}

const root = CertificateAuthority.root();
const authority = root.intermediate();
const ca = file(root.cert);
const idOf = (name: string): string => `spiffe://shop.example/ns/shop/sa/${name}`;
const certificateOf = (name: string): Issued => authority.issue({ uris: [idOf(name)] });

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

type Handler = (caller: string | undefined) => Promise<object>;

/** A service by its name: serves over TLS, asks for certificates, and goes by the rules of the policy. */
async function service(name: string, allow: string[], handler: Handler, issued = certificateOf(name)): Promise<number> {
  const meshServer = createMeshServer({ service: name, policy: { version: 1, services: { [name]: { allow } } } });
  const knows = createMeshClient({ policy: { version: 1 } });
  const server = meshServer.attach(createServer({ ...issued, ca: root.cert, requestCert: true, rejectUnauthorized: false }, meshServer.node(async (_request, response) => {
    json(response, await handler(knows.context()?.caller).catch((error: unknown) => ({ code: (error as MeshError).code })));
  })));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.push(() => meshServer.close(), () => knows.close(), () => server.close(), () => server.closeAllConnections());
  return (server.address() as AddressInfo).port;
}

/** What a service calls with; without a name it has no certificate. */
function clientOf(name: string | undefined, ports: Record<string, number>): MeshClient {
  const own = name === undefined ? undefined : certificateOf(name);
  const tls = (to: string) => ({ ca, spiffeIds: [idOf(to)], ...(own === undefined ? { mode: 'tls' as const } : { mode: 'mutual' as const, cert: file(own.cert), key: file(own.key) }) });
  const services: NonNullable<PolicyDocument['services']> = Object.fromEntries(Object.entries(ports).map(([to, port]) => [to, { tls: tls(to), discovery: { endpoints: [`127.0.0.1:${port}`] } }]));
  const mesh = createMeshClient({ policy: { version: 1, services } });
  cleanup.push(() => mesh.close({ timeout: 0 }));
  return mesh;
}

it('each knows the other: the server half by the caller’s certificate, the client by the server’s', async () => {
  const orders = await service('orders', [idOf('front')], async (caller) => ({ caller }));
  const meshOfFront = clientOf('front', { orders });
  const front = await service('front', [idOf('edge')], async (caller) => ({ caller, orders: await (await meshOfFront.fetch('http://orders/')).json() }));
  const response = await clientOf('edge', { front }).fetch('http://front/');
  expect(await response.json()).toEqual({ caller: idOf('edge'), orders: { caller: idOf('front') } });
});

it('a third without a certificate is refused by the server half, and so is one that is not named', async () => {
  const orders = await service('orders', [idOf('front')], async (caller) => ({ caller }));
  const nameless = await clientOf(undefined, { orders }).fetch('http://orders/');
  expect(nameless.status).toBe(403);
  expect(await nameless.json()).toMatchObject({ error: 'FORBIDDEN', caller: null, message: 'orders: a caller who is unknown (it has shown no certificate) may not GET /' });
  const other = await clientOf('reviews', { orders }).fetch('http://orders/');
  expect(other.status).toBe(403);
  expect(await other.json()).toMatchObject({ caller: idOf('reviews') });
});

it.each<[string, Issued]>([
  ['of another service', certificateOf('reviews')],
  ['that it signed itself', selfSigned({ uris: [idOf('orders')] })],
])('a server with a certificate %s is refused by the client, and no request reaches it', async (_whose, issued) => {
  let asked = 0;
  const orders = await service('orders', [idOf('front')], async () => ({ asked: (asked += 1) }), issued);
  await expect(clientOf('front', { orders }).fetch('http://orders/', { method: 'POST', body: 'an order' })).rejects.toMatchObject({ code: 'IDENTITY_MISMATCH', sent: 'no' });
  expect(asked).toBe(0);
});
