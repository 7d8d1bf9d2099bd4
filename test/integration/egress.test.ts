/**
 * What a service with a request-forgery hole reaches through its mesh client: whoever may choose the URL gets neither the metadata address nor
 * the loopback, by whatever name, number or redirect, and also where names lead elsewhere the second time.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { createMeshClient, MeshError, type MeshClient, type PolicyDocument } from '../../src/index.ts';
import { startServer, type Running } from '../support/http-server.ts';
import { needs } from '../support/needs.ts';
import { startDnsmasq } from '../support/static-dns.ts';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});
const folder = mkdtempSync(join(tmpdir(), 'inmesh-egress-'));
afterAll(() => rmSync(folder, { recursive: true }));

function meshOf(policy: Omit<PolicyDocument, 'version'> = {}, nameservers?: string[]): MeshClient {
  const mesh = createMeshClient({ policy: { version: 1, ...policy }, ...(nameservers === undefined ? {} : { nameservers }), logger: { warn() {} } });
  cleanup.push(() => mesh.close({ timeout: 0 }));
  return mesh;
}

async function serve(location?: string): Promise<Running & { requests: string[] }> {
  const requests: string[] = [];
  const server = await startServer((request, response) => {
    requests.push(request.url!);
    if (location !== undefined) response.writeHead(302, { location });
    response.end('fine');
  });
  cleanup.push(() => server.close());
  return Object.assign(server, { requests });
}

async function denial(mesh: MeshClient, url: string): Promise<MeshError> {
  const error: unknown = await mesh.fetch(url).then(() => undefined, (caught: unknown) => caught);
  expect(error).toBeInstanceOf(MeshError);
  expect(error).toMatchObject({ code: 'EGRESS_DENIED', sent: 'no', outcome: 'local', retryable: false });
  return error as MeshError;
}

describe.each(['defaults', 'passthrough'] as const)('with unknownHosts: %s', (unknownHosts) => {
  it.each([
    'http://169.254.169.254/latest/meta-data/iam/security-credentials/', 'http://169.254.169.254:80/', 'https://169.254.169.254/', 'http://[::ffff:169.254.169.254]/',
    'http://[fe80::1]/', 'http://[fd00:ec2::254]/', 'http://[::]:8081/', 'http://0.0.0.0:8081/', 'http://0:8081/', 'http://2130706433:8081/', 'http://0x7f.1:8081/', 'http://127.0.0.1.:8081/', 'http://localhost:8081/',
  ])('nothing goes to %s', async (url) => {
    await denial(meshOf({ unknownHosts }), url);
  });

  it('a name that is the loopback is the loopback', async () => {
    const server = await serve();
    const error = await denial(meshOf({ unknownHosts }), `http://localhost:${server.port}/`);
    expect(error.message).toContain('is loopback, which egress.deny names');
    expect([server.accepted, server.requests]).toEqual([0, []]);
  });

  it('a redirect leads no further than a URL', async () => {
    const server = await serve('http://169.254.169.254/latest/meta-data/');
    await denial(meshOf({ unknownHosts, egress: { allow: ['127.0.0.1', '::1'] } }), `http://localhost:${server.port}/`);
    expect(server.requests).toEqual(['/']);
  });

  it('what is allowed goes', async () => {
    const server = await serve();
    const mesh = meshOf({ unknownHosts, egress: { allow: ['127.0.0.1', '::1'] } });
    expect(await (await mesh.fetch(`http://localhost:${server.port}/`)).text()).toBe('fine');
    expect(await (await mesh.fetch(`http://127.0.0.1:${server.port}/`)).text()).toBe('fine');
  });

  it('ports that are not listed are none', async () => {
    const server = await serve();
    const mesh = meshOf({ unknownHosts, egress: { ports: [80, 443], allow: ['127.0.0.1'] } });
    expect((await denial(mesh, `http://127.0.0.1:${server.port}/`)).message).toContain(`port ${server.port} is not in egress.ports`);
  });
});

describe('a service of the policy', () => {
  it('may be where the policy says it is', async () => {
    const server = await serve();
    const mesh = meshOf({ unknownHosts: 'deny', egress: { ports: [443] }, services: { agent: { discovery: { endpoints: [`127.0.0.1:${server.port}`] } } } });
    expect(await (await mesh.fetch('http://agent/')).text()).toBe('fine');
    await denial(mesh, `http://127.0.0.1:${server.port}/`);
  });
});

describe('a policy that is changed', () => {
  it('denies from the next call on, whatever is connected', async () => {
    const server = await serve();
    const path = join(folder, 'policy.yaml');
    writeFileSync(path, 'version: 1\negress: { allow: [127.0.0.1] }\n');
    const mesh = createMeshClient({ policy: path, logger: { warn() {} } });
    cleanup.push(() => mesh.close({ timeout: 0 }));
    expect(await (await mesh.fetch(`http://127.0.0.1:${server.port}/`)).text()).toBe('fine');
    const changed = new Promise<void>((resolve) => mesh.events.on('policy.loaded', ({ generation }) => generation === 2 && resolve()));
    writeFileSync(path, 'version: 1\n');
    await changed;
    await denial(mesh, `http://127.0.0.1:${server.port}/`);
    expect(server.requests.length).toBe(1);
  });
});

needs('dnsmasq').describe('a name of somebody else’s zone', () => {
  it('that leads to the metadata address, the loopback or both of a good and a bad address never leads there', async () => {
    const server = await serve();
    const dns = await startDnsmasq(['host-record=ready.cluster.local,10.0.0.1', 'host-record=metadata.cluster.local,169.254.169.254', 'host-record=mapped.cluster.local,::ffff:127.0.0.1', 'host-record=rebound.cluster.local,127.0.0.1']);
    cleanup.push(() => dns.close());
    const mesh = meshOf({}, [dns.address]);
    await denial(mesh, 'http://metadata.cluster.local/latest/meta-data/');
    await denial(mesh, `http://mapped.cluster.local:${server.port}/`);
    await denial(mesh, `http://rebound.cluster.local:${server.port}/`);
    expect(server.accepted).toBe(0);
  });
});
