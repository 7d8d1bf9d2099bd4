/**
 * Certificates and roots are replaced under load, as kubelet replaces a mounted secret (a folder of its own, then the link `..data` turned to
 * it), with real servers, and no call fails. What is replaced by something broken changes nothing, and is told once.
 */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMeshClient, MeshError, type MeshClient, type PolicyDocument } from '../../src/index.ts';
import { CertificateAuthority, type Issued } from '../support/certificate-authority.ts';
import { eventually } from '../support/eventually.ts';
import { startTls, type TlsServer } from '../support/tls-server.ts';

let folder: string;
const cleanup: (() => Promise<unknown>)[] = [];
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'inmesh-rotation-'))));
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
  rmSync(folder, { recursive: true });
});

/** A mounted secret. */
class Secret {
  readonly #folder: string;
  #generation = 0;

  constructor(name: string, contents: Record<string, string>) {
    this.#folder = join(folder, name);
    mkdirSync(this.#folder);
    this.swap(contents);
    for (const file of Object.keys(contents)) symlinkSync(join('..data', file), this.path(file));
  }

  path(file: string): string {
    return join(this.#folder, file);
  }

  swap(contents: Record<string, string>): void {
    const generation = `..${(this.#generation += 1)}`;
    mkdirSync(join(this.#folder, generation));
    for (const [file, content] of Object.entries(contents)) writeFileSync(join(this.#folder, generation, file), content);
    symlinkSync(generation, join(this.#folder, '..data_tmp'));
    renameSync(join(this.#folder, '..data_tmp'), join(this.#folder, '..data'));
  }
}

const contents = (ca: string, { cert, key }: Issued) => ({ 'ca.crt': ca, 'tls.crt': cert, 'tls.key': key });

function meshOf(secret: Secret, servers: readonly TlsServer[]): { mesh: MeshClient; warnings: string[] } {
  const warnings: string[] = [];
  const tls = { mode: 'mutual', ca: secret.path('ca.crt'), cert: secret.path('tls.crt'), key: secret.path('tls.key') } as const;
  const policy: PolicyDocument = { version: 1, defaults: { tls, retry: 'off', outlier: 'off', circuit: 'off' }, services: { reviews: { discovery: { endpoints: servers.map(({ address }) => address) } } } };
  const mesh = createMeshClient({ policy, logger: { warn: (_details, message) => void warnings.push(message) } });
  cleanup.push(() => mesh.close({ timeout: 0 }));
  return { mesh, warnings };
}

async function serve(options: Parameters<typeof startTls>[0]): Promise<TlsServer> {
  const server = await startTls({ requestCert: true, ...options }, (_request, response) => void setTimeout(() => response.end('fine'), 2));
  cleanup.push(() => server.close());
  return server;
}

/** Calls, several at a time, until it is stopped; retries are off, so each failure is one. */
function load(mesh: MeshClient, width = 8): { readonly done: () => number; stop(): Promise<{ calls: number; failures: unknown[] }> } {
  let [stopped, calls] = [false, 0];
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    while (!stopped) {
      try {
        await (await mesh.fetch('http://reviews/', { method: calls % 2 === 0 ? 'GET' : 'POST' })).text();
      } catch (error) {
        failures.push(error instanceof MeshError ? `${error.code}: ${error.message}` : error);
        // What fails at once leaves nobody else a turn.
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      calls += 1;
    }
  };
  const workers = Array.from({ length: width }, worker);
  cleanup.push(async () => void (stopped = true));
  return {
    done: () => calls,
    async stop() {
      stopped = true;
      await Promise.all(workers);
      return { calls, failures };
    },
  };
}

async function more(running: { done: () => number }, calls = 100): Promise<void> {
  const target = running.done() + calls;
  await eventually(running.done, (done) => done >= target);
}

describe('under load', () => {
  it('our own certificate is replaced: the servers see the new one, and no call fails', async () => {
    const root = CertificateAuthority.root();
    const client = (serial: number) => contents(root.cert, root.issue({ uris: [`spiffe://td/client/${serial}`] }));
    const server = await serve({ ...root.issue({ dns: ['reviews'] }), ca: root.cert });
    const secret = new Secret('tls', client(1));
    const { mesh, warnings } = meshOf(secret, [server]);
    const loaded: object[] = [];
    mesh.events.on('tls.loaded', (event) => loaded.push(event));
    const running = load(mesh);
    for (let serial = 2; serial <= 4; serial += 1) {
      await more(running);
      secret.swap(client(serial));
      await eventually(() => loaded.length, (length) => length === serial - 1);
      await more(running);
      await eventually(() => server.secured.at(-1)!.peer, (peer) => peer === `URI:spiffe://td/client/${serial}`);
    }
    // Two for each worker, as a connection is handed back a turn of the loop after its answer; those of before are closed.
    await eventually(() => server.open.size, (size) => size <= 2 * 8);
    const { calls, failures } = await running.stop();
    expect(failures).toEqual([]);
    expect(calls).toBeGreaterThan(600);
    expect(warnings).toEqual([]);
    expect(mesh.inspect().tls).toMatchObject([{ identity: 'spiffe://td/client/4', generation: 4, valid: true, expires: expect.stringMatching(/^20..-/) }]);
  });

  it('the root of the mesh is replaced by way of both: no call fails, and who is left with the old one is nobody', async () => {
    const [old, next] = [CertificateAuthority.root('old root'), CertificateAuthority.root('next root')];
    const both = old.cert + next.cert;
    const servers = [await serve({ ...old.issue({ dns: ['reviews'] }), ca: both }), await serve({ ...old.issue({ dns: ['reviews'] }), ca: both })];
    const secret = new Secret('tls', contents(old.cert, old.issue()));
    const { mesh } = meshOf(secret, servers);
    const generations: number[] = [];
    mesh.events.on('tls.loaded', ({ generation }) => generations.push(generation));
    const running = load(mesh);
    const step = async (change: () => void, generation: number): Promise<void> => {
      await more(running);
      change();
      await eventually(() => generations, (seen) => seen.includes(generation));
    };
    await step(() => secret.swap(contents(both, old.issue())), 2);
    for (const server of servers) {
      await more(running);
      server.renew({ ...next.issue({ dns: ['reviews'] }), ca: both });
    }
    await step(() => secret.swap(contents(both, next.issue())), 3);
    await step(() => secret.swap(contents(next.cert, next.issue())), 4);
    await more(running);
    const { failures } = await running.stop();
    expect(failures).toEqual([]);
    const left = await serve({ ...old.issue({ dns: ['reviews'] }), ca: both });
    const { mesh: other } = meshOf(secret, [left]);
    await expect(other.fetch('http://reviews/')).rejects.toMatchObject({ code: 'IDENTITY_MISMATCH' });
  });

  it('a session that the old root vouched for does not outlive it', async () => {
    const [old, next] = [CertificateAuthority.root('old root'), CertificateAuthority.root('next root')];
    const server = await serve({ ...old.issue({ dns: ['reviews'] }), ca: old.cert + next.cert });
    const secret = new Secret('tls', contents(old.cert, old.issue()));
    const { mesh } = meshOf(secret, [server]);
    await (await mesh.fetch('http://reviews/')).text();
    const loaded = new Promise((resolve) => mesh.events.once('tls.loaded', resolve));
    secret.swap(contents(next.cert, next.issue()));
    await loaded;
    await expect(mesh.fetch('http://reviews/')).rejects.toMatchObject({ code: 'IDENTITY_MISMATCH', sent: 'no' });
  });
});

describe('files that are replaced by something broken', () => {
  const root = CertificateAuthority.root();
  const first = root.issue({ uris: ['spiffe://td/client/1'] });
  const second = root.issue({ uris: ['spiffe://td/client/2'] });
  const past = root.issue({ notBefore: new Date(Date.now() - 2e8), notAfter: new Date(Date.now() - 1e8) });

  it.each([
    ['the key of another certificate', contents(root.cert, { cert: second.cert, key: first.key }), /the key of another certificate/],
    ['half of a certificate', contents(root.cert, { cert: second.cert.slice(0, 300), key: second.key }), /breaks off/],
    ['one that expired', contents(root.cert, past), /expired since/],
    ['no certificate at all', contents('', second), /an empty file/],
  ])('(%s) change nothing, are told once, and are forgotten when they are good again', async (_what, broken, why) => {
    const server = await serve({ ...root.issue({ dns: ['reviews'] }), ca: root.cert });
    const secret = new Secret('tls', contents(root.cert, first));
    const { mesh, warnings } = meshOf(secret, [server]);
    const call = async () => (await mesh.fetch('http://reviews/', { headers: { connection: 'close' } })).text();
    await call();
    const rejected: { error: Error }[] = [];
    mesh.events.on('tls.rejected', (event) => rejected.push(event));
    secret.swap(broken);
    await eventually(() => rejected.length, (length) => length === 1);
    expect(rejected[0]!.error.message).toMatch(why);
    expect(warnings).toEqual([expect.stringMatching(why)]);
    expect(mesh.inspect().tls).toMatchObject([{ identity: 'spiffe://td/client/1', generation: 1, valid: false, error: expect.stringMatching(why) }]);
    for (const socket of server.open) socket.destroy();
    expect(await call()).toBe('fine');

    const loaded = new Promise((resolve) => mesh.events.once('tls.loaded', resolve));
    secret.swap(contents(root.cert, second));
    expect(await loaded).toMatchObject({ identity: 'spiffe://td/client/2', generation: 2 });
    expect(mesh.inspect().tls).toMatchObject([{ identity: 'spiffe://td/client/2', valid: true }]);
    expect(rejected.length).toBe(1);
    expect(await call()).toBe('fine');
  });
});

describe('a policy', () => {
  const root = CertificateAuthority.root();
  const path = (): string => join(folder, 'policy.yaml');
  const start = (text: string): MeshClient => {
    writeFileSync(path(), text);
    const mesh = createMeshClient({ policy: path(), logger: { warn() {} } });
    cleanup.push(() => mesh.close({ timeout: 0 }));
    return mesh;
  };

  it('whose files are missing or broken is an error at the start, with the place that names them', () => {
    writeFileSync(join(folder, 'ca.crt'), root.cert);
    writeFileSync(join(folder, 'bad.crt'), 'nothing');
    const refused = (text: string): string => {
      try {
        start(text);
      } catch (error) {
        expect(error).toMatchObject({ code: 'POLICY_INVALID' });
        return (error as Error).message.replaceAll(folder, '');
      }
      throw new Error('accepted');
    };
    expect(refused(`version: 1\nservices:\n  reviews:\n    tls: { ca: ${folder}/none.crt }\n`)).toBe('/policy.yaml:4:16 services.reviews.tls.ca: "/none.crt": no such file (expected: a readable PEM file)');
    const two = refused(`version: 1\ndefaults:\n  tls: { ca: ${folder}/none.crt }\nservices:\n  reviews:\n    tls: { mode: tls }\n  ratings:\n    tls: { ca: ${folder}/bad.crt }\n`);
    expect(two.split('\n').map((line) => line.trim())).toEqual([
      '/policy.yaml has 2 problems:',
      '/policy.yaml:3:14 defaults.tls.ca: "/none.crt": no such file (expected: a readable PEM file)',
      '/policy.yaml:8:16 services.ratings.tls.ca: "/bad.crt": no certificate in it (expected: certificates in PEM)',
    ]);
  });

  it('that is changed to name such files is rejected, and the last good one stays', async () => {
    writeFileSync(join(folder, 'ca.crt'), root.cert);
    const mesh = start(`version: 1\nservices:\n  reviews:\n    tls: { ca: ${folder}/ca.crt }\n`);
    const rejected = new Promise<{ error: Error }>((resolve) => mesh.events.once('policy.rejected', resolve));
    writeFileSync(path(), `version: 1\nservices:\n  reviews:\n    tls: { ca: ${folder}/none.crt }\n`);
    expect((await rejected).error.message).toContain('none.crt": no such file');
    expect(mesh.inspect()).toMatchObject({ policy: { generation: 1, valid: false }, tls: [{ ca: join(folder, 'ca.crt'), valid: true }] });
  });

  it('that is changed to expect somebody else holds for the next call, whatever is connected or can be resumed', async () => {
    writeFileSync(join(folder, 'ca.crt'), root.cert);
    const server = await startTls(root.issue({ uris: ['spiffe://td/a'] }));
    cleanup.push(() => server.close());
    const text = (id: string): string => `version: 1\nservices:\n  reviews:\n    discovery: { endpoints: ['${server.address}'] }\n    retry: off\n    tls: { ca: ${folder}/ca.crt, spiffeIds: ['${id}'] }\n`;
    const mesh = start(text('spiffe://td/a'));
    expect(await (await mesh.fetch('http://reviews/')).text()).toBe('fine');
    const changed = new Promise((resolve) => mesh.events.on('policy.loaded', ({ generation }) => generation === 2 && resolve(undefined)));
    writeFileSync(path(), text('spiffe://td/b'));
    await changed;
    await expect(mesh.fetch('http://reviews/')).rejects.toMatchObject({ code: 'IDENTITY_MISMATCH', message: expect.stringContaining('it is spiffe://td/a (expected: spiffe://td/b)') });
    expect(server.requests.length).toBe(1);
  });
});
