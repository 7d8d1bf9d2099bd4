/** A caller's AbortSignal, by each way into the mesh, to the socket and back; and what is left of it afterwards. */
import { getEventListeners } from 'node:events';
import type { RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createMeshClient, type CallOptions, type MeshClient, type MeshOptions, type PolicyDocument } from '../src/index.ts';
import { eventually } from './support/eventually.ts';
import { FakeReply } from './support/fake-reply.ts';
import { FakeTransport } from './support/fake-transport.ts';
import { startServer, type Running } from './support/http-server.ts';
import { settle } from './support/virtual-clock.ts';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

function meshAt(policy: Omit<PolicyDocument, 'version'>, options: MeshOptions = {}): MeshClient {
  const mesh = createMeshClient({ ...options, policy: { version: 1, ...policy } });
  cleanup.push(() => mesh.close({ timeout: 0 }));
  return mesh;
}

/** A service, and the sockets on which its requests came. (undici opens another one as soon as it has cut one off.) */
async function reviews(listener: RequestListener): Promise<{ mesh: MeshClient; server: Running; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = await startServer((request, response) => {
    sockets.push(request.socket);
    listener(request, response);
  });
  cleanup.push(() => server.close());
  return { server, sockets, mesh: meshAt({ services: { reviews: { discovery: { endpoints: [`127.0.0.1:${server.port}`] } } } }) };
}

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;
const caught = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => undefined, (error: unknown) => error);
const halfAnAnswer = (response: ServerResponse): void => void response.writeHead(200, { 'content-length': '10' }).write('half');

/** Through the dispatcher, with nothing of undici's around it. */
function dispatch(mesh: MeshClient, options: CallOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    mesh.dispatcher.dispatch(
      { origin: 'http://reviews', path: '/', method: 'GET', mesh: options },
      { onConnect() {}, onHeaders: () => true, onData: (chunk) => ((text += String(chunk)), true), onComplete: () => resolve(text), onError: reject },
    );
  });
}

const ways: [string, (mesh: MeshClient, signal: AbortSignal) => Promise<string>][] = [
  ['fetch, signal', async (mesh, signal) => (await mesh.fetch('http://reviews/', { signal })).text()],
  ['fetch, mesh.signal', async (mesh, signal) => (await mesh.fetch('http://reviews/', { mesh: { signal } })).text()],
  ['fetch, both, this one', async (mesh, signal) => (await mesh.fetch('http://reviews/', { mesh: { signal }, signal: new AbortController().signal })).text()],
  ['fetch, both, the other one', async (mesh, signal) => (await mesh.fetch('http://reviews/', { mesh: { signal: new AbortController().signal }, signal })).text()],
  ['request, signal', async (mesh, signal) => (await mesh.request('http://reviews/', { signal })).body.text()],
  ['request, mesh.signal', async (mesh, signal) => (await mesh.request('http://reviews/', { mesh: { signal } })).body.text()],
  ['dispatch, mesh.signal', (mesh, signal) => dispatch(mesh, { signal })],
  ['mesh.run around fetch', (mesh, signal) => mesh.run({ signal }, async () => (await mesh.fetch('http://reviews/')).text())],
  ['mesh.run around request', (mesh, signal) => mesh.run({ signal }, async () => (await mesh.request('http://reviews/')).body.text())],
  ['mesh.run around dispatch', (mesh, signal) => mesh.run({ signal }, () => dispatch(mesh, {}))],
  ['mesh.run around dispatch, with a signal of its own', (mesh, signal) => mesh.run({ signal }, () => dispatch(mesh, { signal: new AbortController().signal }))],
  ['mesh.run around mesh.run with another one', (mesh, signal) => mesh.run({ signal }, () => mesh.run({ signal: new AbortController().signal }, () => dispatch(mesh, {})))],
  ['mesh.run within mesh.run with another one', (mesh, signal) => mesh.run({ signal: new AbortController().signal }, () => mesh.run({ signal }, () => dispatch(mesh, {})))],
  ['mesh.run, given back by mesh.context()', (mesh, signal) => mesh.run(mesh.run({ signal }, () => mesh.context()!), () => dispatch(mesh, {}))],
];

describe.each(ways)('a signal given to %s', (_way, call) => {
  it('ends the call before its answer, with the caller’s reason, down to the socket', async () => {
    const { mesh, sockets } = await reviews(() => {});
    const controller = new AbortController();
    const result = caught(call(mesh, controller.signal));
    await eventually(() => sockets.length === 1);
    const reason = new RangeError('the user closed the tab');
    controller.abort(reason);
    expect(await result).toBe(reason);
    await eventually(() => sockets[0]!.destroyed);
    await eventually(() => mesh.inspect().calls === 0);
  });

  it('ends the body, down to the socket', async () => {
    const { mesh, sockets } = await reviews((_request, response) => halfAnAnswer(response));
    const controller = new AbortController();
    const result = caught(call(mesh, controller.signal));
    await eventually(() => sockets.length === 1);
    // As soon as the answer has begun to arrive; there is nothing to wait for from outside.
    await new Promise((resolve) => setTimeout(resolve, 30));
    controller.abort();
    expect(await result).toMatchObject({ name: 'AbortError' });
    await eventually(() => sockets[0]!.destroyed);
  });

  it('that has fired sends nothing', async () => {
    const { mesh, server } = await reviews((_request, response) => response.end('answer'));
    expect(await caught(call(mesh, AbortSignal.abort()))).toMatchObject({ name: 'AbortError' });
    expect(server.accepted).toBe(0);
  });

  it('has nobody listening once the call is over, whether it worked or not', async () => {
    const { mesh, server } = await reviews((_request, response) => response.end('answer'));
    const controller = new AbortController();
    expect(await call(mesh, controller.signal)).toBe('answer');
    await eventually(() => listeners(controller.signal) === 0);
    await server.close();
    expect(await caught(call(mesh, controller.signal))).toMatchObject({ code: 'CONNECT_FAILED' });
    await eventually(() => listeners(controller.signal) === 0);
  });
});

describe('a signal', () => {
  it('ends a wait for a turn, and gives the place away', async () => {
    const held: ServerResponse[] = [];
    const server = await startServer((_request, response) => held.push(response));
    cleanup.push(() => server.close());
    const mesh = meshAt({ services: { reviews: { discovery: { endpoints: [`127.0.0.1:${server.port}`] }, concurrency: { max: 1 } } } });
    const first = mesh.request('http://reviews/');
    await eventually(() => held.length === 1);
    const controller = new AbortController();
    const second = caught(mesh.request('http://reviews/', { mesh: { signal: controller.signal } }));
    await eventually(() => mesh.inspect().services[0]!.calls.queued === 1);
    controller.abort();
    expect(await second).toMatchObject({ name: 'AbortError' });
    expect(mesh.inspect().services[0]!.calls.queued).toBe(0);
    held[0]!.end('answer');
    expect(await (await first).body.text()).toBe('answer');
  });

  it('ends a fetch that passes by the mesh, too', async () => {
    const { server, sockets } = await reviews(() => {});
    const mesh = meshAt({ unknownHosts: 'passthrough', egress: { deny: [] } });
    const controller = new AbortController();
    const result = caught(mesh.fetch(server.origin, { signal: controller.signal }));
    await eventually(() => sockets.length === 1);
    controller.abort();
    expect(await result).toMatchObject({ name: 'AbortError' });
    await eventually(() => sockets[0]!.destroyed);
  });

  it('with a reason that is no Error is told by fetch as it is', async () => {
    const { mesh } = await reviews(() => {});
    const controller = new AbortController();
    const result = caught(mesh.fetch('http://reviews/', { mesh: { signal: controller.signal } }));
    controller.abort('enough');
    expect(await result).toBe('enough');
  });

  it('that is none is refused', async () => {
    const { mesh } = await reviews(() => {});
    const signal = { abort: true } as unknown as AbortSignal;
    expect(await caught(dispatch(mesh, { signal }))).toMatchObject({ code: 'INVALID_REQUEST', message: 'reviews: mesh.signal: a mapping (expected: an AbortSignal)' });
    expect(await caught(mesh.fetch('http://reviews/', { mesh: { signal } }))).toMatchObject({ code: 'INVALID_REQUEST' });
    expect(await caught(mesh.fetch('http://reviews/', { signal }))).toBeInstanceOf(TypeError);
  });

  it('of a context ends the calls made in it and what they made in turn, and those made outside of it go on', async () => {
    const { mesh, sockets } = await reviews(() => {});
    const [client, handler] = [new AbortController(), new AbortController()];
    const inOuter = mesh.run({ signal: client.signal }, () => caught(mesh.request('http://reviews/')));
    const inBoth = mesh.run({ signal: client.signal }, () => mesh.run({ signal: handler.signal }, async () => caught(mesh.request('http://reviews/'))));
    const outside = caught(mesh.request('http://reviews/'));
    await eventually(() => sockets.length === 3);
    handler.abort(new RangeError('the handler has enough'));
    expect(await inBoth).toMatchObject({ message: 'the handler has enough' });
    expect(mesh.inspect().calls).toBe(2);
    client.abort(new RangeError('the client left'));
    expect(await inOuter).toMatchObject({ message: 'the client left' });
    expect(mesh.inspect().calls).toBe(1);
    await mesh.close({ timeout: 0 });
    expect(await outside).toMatchObject({ code: 'CLIENT_CLOSED' });
  });

  it('of a context is given back by it: the one, or one that fires with any of several', async () => {
    const { mesh } = await reviews(() => {});
    const [client, handler] = [new AbortController(), new AbortController()];
    mesh.run({ signal: client.signal }, () => {
      expect(mesh.context()?.signal).toBe(client.signal);
      mesh.run({ signal: client.signal, caller: 'cart' }, () => expect(mesh.context()?.signal).toBe(client.signal));
      mesh.run({ signal: handler.signal }, () => {
        const both = mesh.context()!.signal!;
        expect(both.aborted).toBe(false);
        client.abort('the client left');
        expect([both.aborted, both.reason]).toEqual([true, 'the client left']);
      });
    });
    expect(mesh.run({}, () => mesh.context()?.signal)).toBeUndefined();
  });

  it('that lives for 100,000 calls has nobody listening after them, and one listener while they last', async () => {
    const open: FakeReply[] = [];
    const network = new FakeTransport(() => {
      const reply = new FakeReply(open.length % 10 === 9 ? 500 : 200);
      open.push(reply);
      return Promise.resolve(reply);
    });
    const mesh = meshAt({ services: { reviews: { discovery: { endpoints: ['10.0.0.1:80'] }, retry: 'off', circuit: 'off' } } }, { transport: () => network });
    await mesh.ready();
    const [{ signal }, { signal: around }] = [new AbortController(), new AbortController()];
    const warned: string[] = [];
    const warning = (it: Error): number => warned.push(it.message);
    process.on('warning', warning);
    let most = 0;
    for (let round = 0; round < 2000; round += 1) {
      const calls = Array.from({ length: 50 }, () => mesh.run({ signal: around }, () => dispatch(mesh, { signal })));
      await settle();
      expect(open.length).toBe(50);
      most = Math.max(most, listeners(signal), listeners(around));
      for (const reply of open.splice(0)) reply.end();
      await Promise.all(calls);
      network.attempts.length = 0;
    }
    process.off('warning', warning);
    expect([most, listeners(signal), listeners(around), mesh.inspect().calls, warned]).toEqual([1, 0, 0, 0, []]);
  }, 60_000);
});
