/** A client whose service has a virtual IP, which stands for many instances: each connection is to one of them. */
import { afterEach, describe, expect, it } from 'vitest';
import type { MeshEventMap } from '../src/core/events.ts';
import { createMeshClient, type MeshClient, type PolicyDocument } from '../src/index.ts';
import { CONNECTION_FAILURES } from '../src/transport/failing-connection.ts';
import { eventually } from './support/eventually.ts';
import { startHttp2 } from './support/http2-server.ts';
import { startServer } from './support/http-server.ts';
import { a, srv, startScriptedDns } from './support/scripted-dns.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

type Knobs = NonNullable<PolicyDocument['defaults']>;

interface Recycled {
  readonly mesh: MeshClient;
  readonly events: MeshEventMap['connection.recycled'][];
  /** Statuses of so many calls, one after the other. */
  readonly calls: (count: number) => Promise<number[]>;
}

const name = '_http._tcp.reviews.default.svc.test';

/** What the SRV record names is the service itself where it is a ClusterIP, one of its pods where it is headless. */
async function meshOf(port: number, knobs: Knobs = {}, target = 'reviews.default.svc.test'): Promise<Recycled> {
  const dns = await startScriptedDns((query) => {
    const answers = query.type === 'SRV' ? [srv(name, target, port)] : query.type === 'A' ? [a(query.name, '127.0.0.1')] : [];
    query.send(query.reply({ answers }));
  });
  closing.push(() => dns.close());
  const defaults: Knobs = { retry: 'off', circuit: 'off', throttle: 'off', ...knobs };
  const mesh = createMeshClient({ service: 'shop', nameservers: [dns.address], logger: { warn() {} }, policy: { version: 1, defaults, services: { reviews: { discovery: { srv: name } } } } });
  closing.push(() => mesh.close({ timeout: 0 }));
  const events: Recycled['events'] = [];
  mesh.events.on('connection.recycled', (event) => void events.push(event));
  const calls = async (count: number): Promise<number[]> => {
    const statuses: number[] = [];
    for (let call = 0; call < count; call += 1) {
      const response = await mesh.fetch('http://reviews/');
      await response.text();
      statuses.push(response.status);
      // undici hands a connection back one turn of the event loop after the answer.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return statuses;
  };
  return { mesh, events, calls };
}

/** The first connection is to an instance that answers as it is told, the others to one that is well. */
async function firstAnswers(...statuses: readonly number[]): Promise<{ readonly port: number; readonly connections: ReadonlySet<unknown>; accepted: number }> {
  let first: unknown;
  let answered = 0;
  const server = await startServer((incoming, response) => {
    first ??= incoming.socket;
    response.statusCode = incoming.socket === first ? statuses[answered++ % statuses.length]! : 200;
    response.end('an answer');
  });
  closing.push(() => server.close());
  return server;
}

const failed = (count: number, status = 500): number[] => Array.from({ length: count }, () => status);

describe('behind a virtual IP', () => {
  it('a connection on which one request after the other fails is closed, and the next one is to somebody else', async () => {
    const server = await firstAnswers(500);
    const { calls, events } = await meshOf(server.port);
    expect(await calls(CONNECTION_FAILURES + 3)).toEqual([...failed(CONNECTION_FAILURES), 200, 200, 200]);
    expect(server.accepted).toBe(2);
    await eventually(() => server.connections.size, (size) => size === 1);
    expect(events).toEqual([{ service: 'reviews', endpoint: `127.0.0.1:${server.port}`, failures: CONNECTION_FAILURES, enforced: true }]);
  });

  it('one on which some succeed in between is kept, as is one that is overloaded or asked for what is not there', async () => {
    const some = await firstAnswers(500, 500, 500, 500, 200);
    const busy = await firstAnswers(429, 404, 501);
    for (const { port } of [some, busy]) {
      const { calls, events } = await meshOf(port);
      await calls(4 * CONNECTION_FAILURES);
      expect(events).toEqual([]);
    }
    expect([some.accepted, busy.accepted]).toEqual([1, 1]);
  });

  it('as many as `outlier.consecutiveFailures` says; with `observe` it is told and kept, with `off` neither', async () => {
    const [two, observed, off] = [await firstAnswers(500), await firstAnswers(500), await firstAnswers(500)];
    expect(await (await meshOf(two.port, { outlier: { consecutiveFailures: 2 } })).calls(3)).toEqual([500, 500, 200]);
    const observing = await meshOf(observed.port, { outlier: { mode: 'observe' } });
    expect(await observing.calls(2 * CONNECTION_FAILURES)).toEqual(failed(2 * CONNECTION_FAILURES));
    expect(observing.events.map(({ enforced, failures }) => [enforced, failures])).toEqual([[false, CONNECTION_FAILURES], [false, CONNECTION_FAILURES]]);
    const silent = await meshOf(off.port, { outlier: 'off' });
    expect(await silent.calls(2 * CONNECTION_FAILURES)).toEqual(failed(2 * CONNECTION_FAILURES));
    expect([silent.events, observed.accepted, off.accepted]).toEqual([[], 1, 1]);
  });

  it('a session of HTTP/2 is given up likewise, for streams that are reset or not answered as for 5xx', async () => {
    const sessions: unknown[] = [];
    let asked = 0;
    const server = await startHttp2(undefined, (stream) => {
      if (!sessions.includes(stream.session)) sessions.push(stream.session);
      const way = sessions.length > 1 ? 'fine' : ['fail', 'reset', 'silence'][asked++ % 3];
      if (way === 'silence') return;
      if (way === 'reset') return stream.close(2);
      stream.respond({ ':status': way === 'fail' ? 500 : 200 });
      stream.end('an answer');
    });
    closing.push(() => server.close());
    const { mesh, events } = await meshOf(server.port, { connection: { http2: 'h2c' }, attemptTimeout: '100ms', deadline: '1s' });
    const answers: (number | string)[] = [];
    for (let call = 0; call < CONNECTION_FAILURES + 2; call += 1) {
      answers.push(await mesh.fetch('http://reviews/').then(async (response) => (await response.text(), response.status), () => 'an error'));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(answers).toEqual([500, 'an error', 'an error', 500, 'an error', 200, 200]);
    expect([sessions.length, events.length]).toEqual([2, 1]);
    await eventually(() => server.sockets.size, (size) => size === 1);
  });
});

it('an endpoint of its own is a matter of ejection, and keeps its connection', async () => {
  const server = await firstAnswers(500);
  const { calls, events } = await meshOf(server.port, {}, 'reviews-0.reviews.default.svc.test');
  expect(await calls(2 * CONNECTION_FAILURES)).toEqual(failed(2 * CONNECTION_FAILURES));
  expect([server.accepted, events]).toEqual([1, []]);
});
