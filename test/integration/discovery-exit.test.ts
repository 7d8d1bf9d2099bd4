/**
 * A process that uses the built package, seen from outside: whether it ends by itself when its work is done. It does one call to a server and a
 * nameserver that stay, and says when it exits how long it took; nobody ends it.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { startServer } from '../support/http-server.ts';
import { startKnot } from '../support/knot.ts';
import { needs } from '../support/needs.ts';

const root = new URL('../../', import.meta.url);

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

interface Ended {
  readonly said: { readonly status: number; readonly endpoints: number; readonly doneFor: number };
  readonly code: number | null;
}

/** `then` runs after the call and two more look-ups, with `mesh` in scope. */
async function runToItsEnd(then: string): Promise<Ended> {
  const server = await startServer((_request, response) => response.end('ok'));
  const service = '_http._tcp.reviews.default.svc';
  const knot = await startKnot({ zone: [`${service} 1 SRV 0 1 ${server.port} one.reviews.default.svc`, 'one.reviews.default.svc 1 A 127.0.0.1'] });
  cleanup.push(() => server.close(), () => knot.close());
  const program = `
    import { createMeshClient } from ${JSON.stringify(new URL('dist/index.js', root).href)};
    const srv = '${service}.cluster.local';
    const mesh = createMeshClient({ nameservers: ['${knot.address}'], policy: { version: 1, services: { reviews: { discovery: { srv, refresh: '1s' } } } } });
    const response = await mesh.fetch('http://reviews/');
    await response.text();
    const endpoints = mesh.inspect().services[0].endpoints.length;
    // V8 may still be compiling what parses HTTP (WebAssembly); no process exits before that is done.
    const age = () => mesh.inspect().services[0].discovery.age;
    for (let refreshes = 0, before = age(); refreshes < 2; before = age()) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (age() < before) refreshes += 1;
    }
    ${then}
    const done = performance.now();
    process.on('exit', () => console.log(JSON.stringify({ status: response.status, endpoints, doneFor: performance.now() - done })));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  cleanup.push(() => child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { said: JSON.parse(output) as Ended['said'], code };
}

needs('knot').describe('a process that is done', () => {
  beforeAll(() => {
    execFileSync(process.execPath, [fileURLToPath(new URL('scripts/build-if-stale.mjs', root))], { stdio: 'ignore' });
  }, 120_000);

  it('R-40: exits by itself within 100 ms of close()', async () => {
    const { said, code } = await runToItsEnd('await mesh.close();');
    expect({ ...said, code }).toMatchObject({ status: 200, endpoints: 1, code: 0 });
    expect(said.doneFor).toBeLessThan(100);
  });

  it('R-40: exits by itself without close(), although endpoints are still watched and connections kept', async () => {
    const { said, code } = await runToItsEnd('');
    expect({ ...said, code }).toMatchObject({ status: 200, endpoints: 1, code: 0 });
    expect(said.doneFor).toBeLessThan(500);
  });
});
