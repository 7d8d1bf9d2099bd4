/**
 * Clients that mean harm, over real sockets: none of them keeps others from being served, holds a connection for longer than it may, or makes memory grow without
 * bound. Timeouts are shortened, as `attach` lets an application do; the ten thousand are real.
 */
import { execFileSync, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { createMeshServer, type ConnectionLimits, type MeshServer } from '../../src/server/index.ts';
import { eventually } from '../support/eventually.ts';

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

async function serving(limits: ConnectionLimits): Promise<{ mesh: MeshServer; port: number; ask: () => Promise<number> }> {
  const mesh = createMeshServer({ policy: { version: 1 } });
  const server = mesh.attach(createServer(mesh.node((_request, response) => response.end('ok'))), limits).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.push(() => mesh.close(), () => server.close(), () => server.closeAllConnections());
  const { port } = server.address() as AddressInfo;
  return { mesh, port, ask: async () => (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).status };
}

async function open(port: number): Promise<Socket & { received: string }> {
  const socket = Object.assign(connect(port, '127.0.0.1'), { received: '' });
  socket.on('error', () => {});
  socket.on('data', (chunk) => (socket.received += String(chunk)));
  await once(socket, 'connect');
  cleanup.push(() => socket.destroy());
  return socket;
}

describe('a client that is slow on purpose', () => {
  it('says nothing at all: its connection is closed in time, and others are served meanwhile', async () => {
    const { mesh, port, ask } = await serving({ headersTimeout: 300 });
    const silent = await Promise.all(Array.from({ length: 50 }, () => open(port)));
    expect(await ask()).toBe(200);
    await eventually(() => silent.every(({ closed }) => closed), Boolean, 10_000);
    await eventually(() => mesh.inspect().connections === 0);
  });

  it('sends a byte of its headers now and then: it gets 408, and its connection is closed in time', async () => {
    const { mesh, port, ask } = await serving({ headersTimeout: 300 });
    const slow = await open(port);
    const drip = setInterval(() => slow.write('x'), 50);
    cleanup.push(() => clearInterval(drip));
    slow.write('GET / HTTP/1.1\r\nhost: shop\r\nx-slow: ');
    const began = performance.now();
    expect(await ask()).toBe(200);
    await eventually(() => slow.closed, Boolean, 10_000);
    expect(slow.received).toMatch(/^HTTP\/1\.1 408 /);
    // Looked at every second; Node alone would look after thirty.
    expect(performance.now() - began).toBeLessThan(8_000);
    expect(mesh.inspect().inFlight).toBe(0);
  });

  it('sends nothing after a first request: its idle connection is closed in time', async () => {
    const { port } = await serving({ keepAliveTimeout: 200 });
    const idle = await open(port);
    idle.write('GET / HTTP/1.1\r\nhost: shop\r\n\r\n');
    await eventually(() => idle.received.includes('\r\n\r\nok') || idle.received.endsWith('0\r\n\r\n'));
    await eventually(() => idle.closed, Boolean, 10_000);
  });

  it('never sends the body that it promised: that is the handler’s, and is over when the client goes', async () => {
    const { mesh, port } = await serving({});
    const socket = await open(port);
    socket.write('POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 1000000\r\n\r\nx');
    await eventually(() => socket.received.includes(' 200 '));
    socket.destroy();
    await eventually(() => mesh.inspect().inFlight === 0 && mesh.inspect().connections === 0);
  });
});

describe('a client that opens more connections than it may', () => {
  it('has those beyond the bound closed at once, and leaves room when it goes', async () => {
    const { mesh, port, ask } = await serving({ maxConnections: 20 });
    const many = await Promise.all(Array.from({ length: 60 }, () => open(port)));
    await eventually(() => many.filter(({ closed }) => closed).length === 40);
    expect(mesh.inspect().connections).toBe(20);
    await expect(ask()).rejects.toThrow();
    for (const socket of many) socket.destroy();
    await eventually(() => mesh.inspect().connections === 0);
    expect(await ask()).toBe(200);
  });
});

describe('a client that sends what HTTP does not allow', () => {
  it.each([
    ['headers without end', `GET / HTTP/1.1\r\nhost: shop\r\nx-long: ${'x'.repeat(100_000)}`, 431],
    ['a thousand deadlines', `GET / HTTP/1.1\r\nhost: shop\r\n${'x-envoy-expected-rq-timeout-ms: 1\r\n'.repeat(300)}\r\n`, 200],
    ['two lengths', 'POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab', 400],
    ['a length and chunks', 'POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n', 400],
    ['no HTTP', '\x16\x03\x01\x02\x00\x01\x00', 400],
  ])('%s gets an answer, and the process goes on', async (_what, bytes, status) => {
    const { mesh, port, ask } = await serving({});
    const socket = await open(port);
    socket.write(Buffer.from(bytes, 'latin1'));
    await eventually(() => socket.received.startsWith(`HTTP/1.1 ${status} `));
    expect(await ask()).toBe(200);
    await eventually(() => mesh.inspect().inFlight === 0);
  });
});

describe('ten thousand idle connections', () => {
  it('cost a bounded amount of memory, keep nobody from being served, and are gone in time', async () => {
    // Each is a descriptor here and one in the server.
    const limit = Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }));
    const count = Math.min(10_000, limit - 500);
    expect(count, `ulimit -n is ${limit}`).toBe(10_000);
    const child: ChildProcess = fork(fileURLToPath(new URL('../support/crowded-server.mjs', import.meta.url)), { execArgv: ['--expose-gc'] });
    cleanup.push(() => child.kill('SIGKILL'));
    const told = async (order: object): Promise<{ port: number; connections: number; rss: number }> => {
      child.send(order);
      const [answer] = (await once(child, 'message')) as [{ port: number; connections: number; rss: number }];
      return answer;
    };
    const { port } = await told({ listen: true });
    const before = await told({ look: true });
    const crowd: Socket[] = [];
    cleanup.push(() => crowd.forEach((socket) => socket.destroy()));
    let closed = 0;
    // The queue of connections that wait to be accepted is short.
    while (crowd.length < count) {
      await Promise.all(Array.from({ length: 200 }, async () => {
        const socket = connect(port, '127.0.0.1');
        socket.on('error', () => {}).resume();
        socket.once('close', () => (closed += 1));
        crowd.push(socket);
        await once(socket, 'connect');
      }));
    }
    const full = await eventually(() => told({ look: true }), ({ connections }) => connections === count, 30_000);
    const each = (full.rss - before.rss) / count;
    // Some 7 KiB on Node 20.
    expect(each).toBeLessThan(40 * 1024);
    // The bound is the ten thousand, so one must go for another to be served.
    crowd[0]!.destroy();
    await eventually(async () => (await told({ look: true })).connections < count, Boolean, 10_000);
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
    await told({ headersTimeout: 1_000 });
    await eventually(() => closed >= count, Boolean, 30_000);
    await eventually(async () => (await told({ look: true })).connections <= 1, Boolean, 10_000);
  }, 120_000);
});
