/**
 * What real sockets do wrong, and what a call makes of it: the code, what was sent, how many attempts, and how often the server got the
 * request. A POST without a key never arrives twice; a GET, and a POST with a key, finds another endpoint.
 *
 * What is particular to HTTP/2, GOAWAY among it, is in http2.test.ts.
 */
import type { Server, Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createMeshClient, MeshError, type MeshClient, type PolicyDocument } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import { closedPort, startTcp, type Running } from '../support/http-server.ts';
import { answer, onRequests, type RawRequest } from '../support/raw-requests.ts';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

interface Target {
  readonly host: string;
  readonly port: number;
}

class Service implements Target {
  readonly host: string;
  readonly port: number;
  /** Requests that arrived whole. */
  readonly requests: RawRequest[] = [];
  readonly #running: Running<Server>;

  private constructor(running: Running<Server>) {
    this.#running = running;
    this.host = running.host;
    this.port = running.port;
  }

  static async start(connected: (socket: Socket, service: () => Service) => void): Promise<Service> {
    let service: Service | undefined = undefined;
    const running = await startTcp((socket) => connected(socket, () => service!));
    service = new Service(running);
    cleanup.push(() => running.close());
    return service;
  }

  get connections(): number {
    return this.#running.accepted;
  }
}

/** Takes requests, counts them, and does this with each. */
const serving = (each: (socket: Socket, request: RawRequest) => void) =>
  Service.start((socket, service) => onRequests(socket, (request) => {
    service().requests.push(request);
    each(socket, request);
  }));

const healthy = () => serving((socket) => answer(socket, 'fine'));

type Knobs = NonNullable<PolicyDocument['defaults']>;

/** Nothing but retries: neither circuit nor ejection keeps a call from the server that misbehaves. */
function meshOf(targets: readonly Target[], knobs: Knobs = {}): MeshClient {
  const defaults: Knobs = { circuit: 'off', outlier: 'off', throttle: 'off', deadline: '3s', attemptTimeout: '250ms', retry: { on: ['5xx', 'reset', 'connect-failure', 'timeout'] }, ...knobs };
  const mesh = createMeshClient({ policy: { version: 1, defaults, services: { reviews: { discovery: { endpoints: targets.map(({ host, port }) => `${host}:${port}`) } } } } });
  cleanup.push(() => mesh.close({ timeout: 0 }));
  return mesh;
}

interface Result {
  readonly body?: string;
  readonly error?: MeshError;
}

async function call(mesh: MeshClient, method: 'GET' | 'POST', options: { idempotencyKey?: true } = {}): Promise<Result> {
  try {
    const { body } = await mesh.request('http://reviews/pay', { method, ...(method === 'POST' ? { body: 'one invoice' } : {}), mesh: options });
    return { body: await body.text() };
  } catch (error) {
    expect(error).toBeInstanceOf(MeshError);
    return { error: error as MeshError };
  }
}

interface Fault {
  readonly name: string;
  readonly start: () => Promise<Target & { readonly requests: readonly RawRequest[] }>;
  /** Of a POST at two such servers. */
  readonly code: string;
  readonly sent: 'no' | 'maybe' | 'yes';
  /** How many servers got the POST whole: never more than one. */
  readonly arrives: 0 | 1;
  readonly attempts: number;
  readonly reason: string | undefined;
}

const nobody = async (): Promise<Target & { requests: readonly RawRequest[] }> => ({ host: '127.0.0.1', port: await closedPort(), requests: [] });

const faults: Fault[] = [
  { name: 'refuses the connection', start: nobody, code: 'CONNECT_FAILED', sent: 'no', arrives: 0, attempts: 3, reason: 'max-retries' },
  {
    name: 'accepts, and never answers (a black hole)',
    start: () => serving(() => {}),
    code: 'ATTEMPT_TIMEOUT', sent: 'maybe', arrives: 1, attempts: 1, reason: 'not-idempotent',
  },
  {
    name: 'accepts, and never reads',
    start: () => Service.start((socket) => socket.pause()),
    code: 'ATTEMPT_TIMEOUT', sent: 'maybe', arrives: 0, attempts: 1, reason: 'not-idempotent',
  },
  {
    name: 'resets in the middle of the request',
    start: () => Service.start((socket) => socket.once('data', () => socket.resetAndDestroy())),
    code: 'CONNECTION_RESET', sent: 'maybe', arrives: 0, attempts: 1, reason: 'not-idempotent',
  },
  {
    name: 'resets after the request',
    start: () => serving((socket) => socket.resetAndDestroy()),
    code: 'CONNECTION_RESET', sent: 'maybe', arrives: 1, attempts: 1, reason: 'not-idempotent',
  },
  {
    name: 'closes after the request',
    start: () => serving((socket) => socket.end()),
    code: 'CONNECTION_RESET', sent: 'maybe', arrives: 1, attempts: 1, reason: 'not-idempotent',
  },
  {
    name: 'answers in no HTTP',
    start: () => serving((socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n')),
    code: 'CONNECTION_RESET', sent: 'maybe', arrives: 1, attempts: 1, reason: 'not-idempotent',
  },
  {
    name: 'sends its headers a byte at a time',
    start: () => serving((socket) => drip(socket, 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine', 40)),
    code: 'ATTEMPT_TIMEOUT', sent: 'maybe', arrives: 1, attempts: 1, reason: 'not-idempotent',
  },
];

function drip(socket: Socket, text: string, every: number): void {
  let at = 0;
  const timer = setInterval(() => (at < text.length ? socket.write(text[at++]!) : clearInterval(timer)), every);
  socket.once('close', () => clearInterval(timer));
}

describe.each(faults)('a server that $name', ({ start, code, sent, arrives, attempts, reason }) => {
  it('gets a POST once at most, and the error says how far it got', async () => {
    const servers = [await start(), await start(), await start()];
    const { error } = await call(meshOf(servers), 'POST');
    expect(error).toMatchObject({ code, sent, attempts, retrySuppressed: reason, service: 'reviews', endpoint: expect.stringMatching(/^127\.0\.0\.1:\d+$/) });
    expect(servers.flatMap(({ requests }) => requests).length).toBe(arrives);
  });

  it('costs a GET, and a POST with a key, an attempt and no more', async () => {
    for (const [method, options] of [['GET', {}], ['POST', { idempotencyKey: true }]] as const) {
      const [bad, good] = [await start(), await healthy()];
      const mesh = meshOf([bad, good], { balancer: { type: 'round-robin' } });
      let retries = 0;
      mesh.events.on('retry.scheduled', () => (retries += 1));
      // Which of the two is first is chance; the other is second.
      let calls = 0;
      for (; retries === 0 && calls < 2; calls += 1) expect(await call(mesh, method, options)).toEqual({ body: 'fine' });
      expect(retries).toBe(1);
      expect(good.requests.length).toBe(calls);
      const keys = good.requests.map(({ headers }) => headers['idempotency-key']);
      expect(new Set(keys).size).toBe(method === 'POST' ? calls : 1);
      for (const { headers } of bad.requests) expect(headers['idempotency-key']).toBe(keys.at(-1));
    }
  });
});

describe('a server that breaks off its answer', () => {
  it.each([
    ['before the body', 'HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n'],
    ['in the middle of the body', 'HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\nhalf of it'],
    ['in the middle of a chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n28\r\nhalf of it'],
  ])('%s has answered: nothing is sent again, GET or POST, and the body ends with the error', async (_where, text) => {
    for (const method of ['GET', 'POST'] as const) {
      const servers = [await serving((socket) => socket.write(text, () => socket.resetAndDestroy())), await serving((socket) => socket.write(text, () => socket.resetAndDestroy()))];
      const { error } = await call(meshOf(servers), method);
      // A reset may overtake the headers that were sent before it; a GET is then tried again.
      expect(error).toMatchObject({ code: 'CONNECTION_RESET' });
      const arrived = servers.flatMap(({ requests }) => requests).length;
      if (error!.sent === 'yes' || method === 'POST') expect([arrived, error!.attempts]).toEqual([1, 1]);
      else expect(arrived).toBe(error!.attempts);
    }
  });

  it('or sends its body a byte at a time, is cut off by the deadline, not by the attempt timeout', async () => {
    const server = await serving((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n');
      drip(socket, 'x'.repeat(1000), 20);
    });
    const startedAt = performance.now();
    const { error } = await call(meshOf([server], { deadline: '600ms', attemptTimeout: '250ms' }), 'POST');
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', sent: 'yes', attempts: 1 });
    expect(performance.now() - startedAt).toBeGreaterThan(550);
    expect(server.requests.length).toBe(1);
  });
});

describe('a connection that is kept', () => {
  // The first request of a connection is answered. The second is read, and met with a close: as it is where a server gives
  // up an idle connection while a request is on its way to it.
  const race = () => serving((socket, { number }) => (number === 1 ? answer(socket, 'fine') : socket.destroy()));
  const met = (server: Service) => server.requests.some(({ number }) => number === 2);

  it('and closed by the server just as a POST goes: that fails with what nobody can know, and arrived once', async () => {
    const server = await race();
    const mesh = meshOf([server]);
    let result: Result = {};
    let calls = 0;
    for (; !met(server) && calls < 50; calls += 1) {
      result = await call(mesh, 'POST');
      // undici takes a socket back one turn of the loop after its answer.
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(result.error).toMatchObject({ code: 'CONNECTION_RESET', sent: 'maybe', attempts: 1, retrySuppressed: 'not-idempotent' });
    expect(server.requests.length).toBe(calls);
  });

  it('and closed by the server just as a GET goes: that is sent again, and nobody notices', async () => {
    const server = await race();
    const mesh = meshOf([server]);
    let retries = 0;
    mesh.events.on('retry.scheduled', () => (retries += 1));
    let calls = 0;
    for (; !met(server) && calls < 50; calls += 1) {
      expect(await call(mesh, 'GET')).toEqual({ body: 'fine' });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(retries).toBeGreaterThanOrEqual(1);
    expect(server.requests.length).toBe(calls + retries);
  });

  it('and half-closed behind the answer is not used again: every POST arrives once, on a connection of its own', async () => {
    const server = await serving((socket) => {
      answer(socket, 'fine');
      socket.end();
    });
    const mesh = meshOf([server]);
    for (let post = 1; post <= 5; post += 1) {
      expect(await call(mesh, 'POST')).toEqual({ body: 'fine' });
      expect([server.requests.length, server.connections]).toEqual([post, post]);
    }
  });

  it('and half-closed some time later is not used again either', async () => {
    const server = await serving((socket) => {
      answer(socket, 'fine');
      setTimeout(() => socket.end(), 20);
    });
    const mesh = meshOf([server]);
    for (let post = 1; post <= 5; post += 1) {
      expect(await call(mesh, 'POST')).toEqual({ body: 'fine' });
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    expect(server.requests.length).toBe(5);
  });
});

describe('a hedge', () => {
  it('reaches another server while the first one hangs; the loser’s socket is closed, and its record says cancelled', async () => {
    let [closed, hanging] = [0, 0];
    const slow = await serving((socket) => {
      hanging += 1;
      socket.once('close', () => (closed += 1));
    });
    const good = await healthy();
    const mesh = meshOf([slow, good], { balancer: { type: 'round-robin' }, attemptTimeout: '500ms', hedge: { after: '30ms', extraLoad: '100%' }, retry: { budget: { cap: 40 } } });
    let won = 0;
    mesh.events.on('hedge.won', () => (won += 1));
    // The first call has nothing saved up to pay a hedge from, and waits its time where it meets the server that hangs.
    for (let calls = 0; won === 0 && calls < 4; calls += 1) {
      const result = await call(mesh, 'GET');
      if (result.error !== undefined) expect(result.error).toMatchObject({ code: 'ATTEMPT_TIMEOUT' });
    }
    expect(won).toBe(1);
    await eventually(() => closed, (count) => count === hanging);
    const record = mesh.inspect().services[0]!.endpoints.find(({ endpoint }) => endpoint === `${slow.host}:${slow.port}`);
    expect(record).toMatchObject({ pending: 0, totals: { cancelled: 1, success: 0 } });
  });

  it('is not sent beside a POST, which arrives once however long it takes', async () => {
    const slowly = () => serving((socket) => void setTimeout(() => answer(socket, 'fine'), 150));
    const servers = [await slowly(), await slowly()];
    const mesh = meshOf(servers, { attemptTimeout: '1s', hedge: { after: '10ms', extraLoad: '100%' } });
    for (let post = 1; post <= 4; post += 1) {
      expect(await call(mesh, 'POST')).toEqual({ body: 'fine' });
      expect(servers.flatMap(({ requests }) => requests).length).toBe(post);
    }
  });
});
