import { afterEach, describe, expect, it } from 'vitest';
import { createMeshClient, MeshError, type CallOptions, type MeshOptions, type PolicyDocument } from '../src/index.ts';
import * as undici from '../src/transport/undici.ts';
import { eventually } from './support/eventually.ts';
import { closedPort, json, readBody, startServer, startTcp, type Running } from './support/http-server.ts';
import type { Server as TcpServer } from 'node:net';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

function client(policy: PolicyDocument, options: MeshOptions = {}) {
  const mesh = createMeshClient({ ...options, policy });
  cleanup.push(() => mesh.close({ timeout: 0 }));
  return mesh;
}

type Service = NonNullable<PolicyDocument['services']>[string];

/** A client whose service `reviews` is at these addresses. */
function reviewsAt(targets: { host: string; port: number }[], knobs: Omit<Service, 'discovery'> = {}, options: MeshOptions = {}) {
  const endpoints = targets.map(({ host, port }) => `${host}:${port}`);
  return client({ version: 1, egress: { deny: [] }, services: { reviews: { ...knobs, discovery: { endpoints } } } }, options);
}

async function server(...args: Parameters<typeof startServer>): Promise<Running> {
  const running = await startServer(...args);
  cleanup.push(() => running.close());
  return running;
}

async function tcp(...args: Parameters<typeof startTcp>): Promise<Running<TcpServer>> {
  const running = await startTcp(...args);
  cleanup.push(() => running.close());
  return running;
}

const caught = (promise: Promise<unknown>) => promise.then(() => undefined, (error: unknown) => error);

describe('a call', () => {
  it('reaches the service by fetch, by request and by dispatcher', async () => {
    const reviews = await server((request, response) => json(response, { host: request.headers.host, url: request.url }));
    const mesh = reviewsAt([reviews]);
    const expected = { host: 'reviews', url: '/reviews/1?full' };
    expect(await (await mesh.fetch('http://reviews/reviews/1?full')).json()).toEqual(expected);
    expect(await (await mesh.request('http://reviews/reviews/1?full')).body.json()).toEqual(expected);
    expect(await (await undici.request('http://reviews/reviews/1?full', { dispatcher: mesh.dispatcher })).body.json()).toEqual(expected);
  });

  it('tells the server what remains of its time', async () => {
    const reviews = await server((request, response) => json(response, Number(request.headers['x-envoy-expected-rq-timeout-ms'])));
    const mesh = reviewsAt([reviews], { deadline: '2s', attemptTimeout: 'off' });
    const told = (await (await mesh.fetch('http://reviews/')).json()) as number;
    expect(told).toBeGreaterThan(1000);
    expect(told).toBeLessThanOrEqual(2000);
  });

  it('that is refused by one endpoint succeeds at another, whatever its method: nothing was sent', async () => {
    let posts = 0;
    const reviews = await server((request, response) => void readBody(request).then((body) => json(response, { body, posts: (posts += 1) })));
    const mesh = reviewsAt([{ host: '127.0.0.1', port: await closedPort() }, reviews]);
    for (let call = 1; call <= 10; call += 1) {
      const response = await mesh.fetch('http://reviews/', { method: 'POST', body: 'pay' });
      expect(await response.json()).toEqual({ body: 'pay', posts: call });
    }
    expect(posts).toBe(10);
  });

  it('with a body from fetch is sent again, whole, to another endpoint', async () => {
    const seen: string[] = [];
    const failing = await server((request, response) => void readBody(request).then((body) => {
      seen.push(body);
      response.writeHead(503).end();
    }));
    const reviews = await server((request, response) => void readBody(request).then((body) => json(response, body)));
    const mesh = reviewsAt([failing, reviews], { outlier: 'off' });
    // Until one of them went to the failing endpoint first: which is chosen depends on how quick the other one is.
    for (let call = 0; call < 500 && seen.length === 0; call += 1) {
      const response = await mesh.fetch('http://reviews/', { method: 'PUT', body: 'the whole body' });
      expect(await response.json()).toBe('the whole body');
    }
    expect(seen.length).toBeGreaterThan(0);
    expect(new Set(seen)).toEqual(new Set(['the whole body']));
  });

  it('that is a POST is sent once, when the connection breaks after it was sent', async () => {
    let posts = 0;
    const behave: Parameters<typeof startTcp>[0] = (socket) => socket.once('data', () => {
      posts += 1;
      socket.destroy();
    });
    const mesh = reviewsAt([await tcp(behave), await tcp(behave)]);
    const error = await caught(mesh.fetch('http://reviews/', { method: 'POST', body: 'pay' }));
    expect(error).toMatchObject({ code: 'CONNECTION_RESET', sent: 'maybe', attempts: 1, retrySuppressed: 'not-idempotent', service: 'reviews', endpoint: expect.stringMatching(/^127\.0\.0\.1:\d+$/) });
    expect(posts).toBe(1);
  });

  it('that is a POST with an idempotency key is sent again, with the same key', async () => {
    const keys: unknown[] = [];
    const reviews = await server((request, response) => {
      keys.push(request.headers['idempotency-key']);
      response.writeHead(keys.length === 1 ? 503 : 200).end();
    });
    const mesh = reviewsAt([reviews]);
    const response = await mesh.fetch('http://reviews/', { method: 'POST', body: 'pay', mesh: { idempotencyKey: 'invoice-1' } });
    expect([response.status, keys]).toEqual([200, ['invoice-1', 'invoice-1']]);
  });

  it('that ends with a 5xx is a response, as with fetch', async () => {
    const reviews = await server((_request, response) => response.writeHead(503, { 'content-type': 'text/plain' }).end('busy'));
    const mesh = reviewsAt([reviews]);
    const response = await mesh.fetch('http://reviews/');
    expect([response.status, await response.text()]).toEqual([503, 'busy']);
  });

  it('is not retried where the caller says so', async () => {
    let requests = 0;
    const reviews = await server((_request, response) => response.writeHead(503).end(String((requests += 1))));
    const mesh = reviewsAt([reviews]);
    await (await mesh.request('http://reviews/', { mesh: { retry: false } })).body.dump();
    expect(requests).toBe(1);
  });
});

describe('the deadline', () => {
  it('ends a call that gets no answer, at the socket too', async () => {
    const reviews = await server(() => {});
    const mesh = reviewsAt([reviews], { deadline: '80ms', attemptTimeout: 'off' });
    const error = await caught(mesh.fetch('http://reviews/'));
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', attempts: 1, sent: 'maybe', outcome: 'failure' });
    expect((error as Error).message).toBe(`reviews: the policy's deadline of 80 ms exceeded after 1 attempt (last endpoint 127.0.0.1:${reviews.port})`);
  });

  it('covers the body', async () => {
    const reviews = await server((_request, response) => void response.write('begin'));
    const mesh = reviewsAt([reviews], { deadline: '80ms', attemptTimeout: 'off' });
    const response = await mesh.request('http://reviews/');
    expect(await caught(response.body.text())).toMatchObject({ code: 'DEADLINE_EXCEEDED', sent: 'yes' });
  });

  it('of the caller counts, where it is shorter; the policy’s, where that is', async () => {
    const reviews = await server(() => {});
    const mesh = reviewsAt([reviews], { deadline: '5s' });
    expect(await caught(mesh.fetch('http://reviews/', { mesh: { deadline: '60ms' } }))).toMatchObject({ message: expect.stringContaining('the caller\'s deadline of 60 ms'), deadlineFrom: 'caller' });
    const strict = reviewsAt([reviews], { deadline: '70ms', attemptTimeout: 'off' });
    expect(await caught(strict.fetch('http://reviews/', { mesh: { deadline: 5000 } }))).toMatchObject({ message: expect.stringContaining('the policy\'s deadline of 70 ms'), deadlineFrom: 'policy' });
  });

  it('that makes no sense is refused', async () => {
    const mesh = reviewsAt([{ host: '127.0.0.1', port: 1 }]);
    expect(await caught(mesh.fetch('http://reviews/', { mesh: { deadline: 'soon' } }))).toMatchObject({ code: 'INVALID_REQUEST' });
  });

  it('that is mistyped is refused, by fetch, by request and by dispatcher', async () => {
    const mesh = reviewsAt([{ host: '127.0.0.1', port: 1 }]);
    const options = { mesh: { dealine: '2s' } as CallOptions };
    const refused = { code: 'INVALID_REQUEST', service: 'reviews', attempts: 0, message: expect.stringContaining('did you mean deadline?') };
    expect(await caught(mesh.fetch('http://reviews/', options))).toMatchObject(refused);
    expect(await caught(mesh.request('http://reviews/', options))).toMatchObject(refused);
    expect(await caught(undici.request('http://reviews/', { dispatcher: mesh.dispatcher, ...options }))).toMatchObject(refused);
  });

  it('does not end an upgraded connection', async () => {
    const reviews = await server((_request, response) => response.end());
    reviews.server.on('upgrade', (_request, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n');
      socket.pipe(socket);
    });
    const mesh = reviewsAt([reviews], { deadline: '80ms', attemptTimeout: 'off' });
    const { socket } = await mesh.dispatcher.upgrade({ origin: 'http://reviews', path: '/', protocol: 'echo' } as never);
    await new Promise((resolve) => setTimeout(resolve, 120));
    socket.write('still there');
    expect(String(await new Promise((resolve) => socket.once('data', resolve)))).toBe('still there');
    socket.destroy();
  });
});

describe('an upload', () => {
  /** Takes `time` to be read, in pieces. */
  async function* slowly(time: number) {
    for (let piece = 0; piece < 10; piece += 1) {
      await new Promise((resolve) => setTimeout(resolve, time / 10));
      yield Buffer.from('piece ');
    }
  }

  it('that takes long is no timeout of the attempt, and nothing to blame the endpoint for', async () => {
    const reviews = await server((request, response) => void readBody(request).then((body) => response.end(String(body.length))));
    const mesh = reviewsAt([reviews], { attemptTimeout: '100ms' });
    const { body } = await mesh.request('http://reviews/', { method: 'POST', body: slowly(400) as never });
    expect(await body.text()).toBe('60');
    const [endpoint] = mesh.inspect().services[0]!.endpoints;
    expect(endpoint).toMatchObject({ totals: { success: 1, failure: 0 } });
    // What the caller took to upload is not the endpoint's latency.
    expect(endpoint!.latency).toBeLessThan(300);
  });

  it('must be answered in time once it is sent', async () => {
    const reviews = await server((request) => void request.resume());
    const mesh = reviewsAt([reviews], { attemptTimeout: '100ms', retry: 'off' });
    const error = await caught(mesh.request('http://reviews/', { method: 'POST', body: slowly(200) as never }));
    expect(error).toMatchObject({ code: 'ATTEMPT_TIMEOUT', outcome: 'failure' });
  });

  it('that is not over at the deadline is not the endpoint’s fault', async () => {
    const reviews = await server((request) => void request.resume());
    const mesh = reviewsAt([reviews], { deadline: '100ms', attemptTimeout: 'off' });
    const error = await caught(mesh.request('http://reviews/', { method: 'POST', body: slowly(1000) as never }));
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', outcome: 'local', sent: 'maybe' });
    expect(mesh.inspect().services[0]).toMatchObject({ endpoints: [{ totals: { failure: 0 } }], circuit: { failures: 0 } });
  });

  it('that is answered early lets its source go', async () => {
    const { Readable } = await import('node:stream');
    const reviews = await server((_request, response) => response.writeHead(413, { connection: 'close' }).end());
    const mesh = reviewsAt([reviews]);
    const source = new Readable({ read() {} });
    source.push('first');
    const { statusCode, body } = await mesh.request('http://reviews/', { method: 'POST', body: source });
    await body.dump();
    expect(statusCode).toBe(413);
    await eventually(() => source.destroyed);
  });
});

describe('an attempt', () => {
  it('that hangs is given up, and the next one goes elsewhere', async () => {
    const hanging = await server(() => {});
    const reviews = await server((_request, response) => response.end('hello'));
    const mesh = reviewsAt([hanging, reviews], { attemptTimeout: '80ms', retry: { on: ['timeout'] } });
    const answers = await Promise.all(Array.from({ length: 6 }, async () => (await mesh.fetch('http://reviews/')).text()));
    expect(new Set(answers)).toEqual(new Set(['hello']));
  });

  it('endless 1xx are no answer', async () => {
    const reviews = await tcp((socket) => {
      const hint = (): void => {
        if (!socket.destroyed) socket.write('HTTP/1.1 103 Early Hints\r\n\r\n', () => setImmediate(hint));
      };
      socket.once('data', hint);
    });
    const mesh = reviewsAt([reviews], { attemptTimeout: '80ms', retry: 'off' });
    expect(await caught(mesh.fetch('http://reviews/'))).toMatchObject({ code: 'ATTEMPT_TIMEOUT', outcome: 'failure' });
  });
});

describe('hosts outside the policy', () => {
  it('get the defaults: found by name, balanced, retried', async () => {
    const other = await server((_request, response) => response.end('other'));
    const mesh = client({ version: 1, egress: { deny: [] } });
    expect(await (await mesh.fetch(`http://localhost:${other.port}/`)).text()).toBe('other');
    expect(await (await mesh.fetch(`${other.origin}/`)).text()).toBe('other');
    expect(mesh.inspect().services.map((service) => service.name)).toEqual([`localhost:${other.port}`, `127.0.0.1:${other.port}`]);
  });

  it('are known in a bounded number, those called longest ago let go first', async () => {
    const mesh = client({ version: 1, egress: { deny: [] }, defaults: { retry: 'off' } });
    const port = await closedPort();
    for (let host = 0; host < 600; host += 1) await caught(mesh.fetch(`http://127.0.${host >> 8}.${host & 255}:${port}/`));
    const names = mesh.inspect().services.map((service) => service.name);
    expect(names).toHaveLength(512);
    expect(names).toContain(`127.0.2.87:${port}`);
    expect(names).not.toContain(`127.0.0.1:${port}`);
  });

  it('are denied where the policy is an allow-list', async () => {
    const mesh = client({ version: 1, unknownHosts: 'deny' });
    expect(await caught(mesh.fetch('http://169.254.169.254/latest/meta-data'))).toMatchObject({ code: 'EGRESS_DENIED', sent: 'no', outcome: 'local' });
  });

  it('are passed through untouched where the policy says so', async () => {
    const other = await server((request, response) => json(response, request.headers['x-envoy-expected-rq-timeout-ms'] ?? 'untouched'));
    const mesh = client({ version: 1, unknownHosts: 'passthrough', egress: { deny: [] } });
    expect(await (await mesh.fetch(`http://localhost:${other.port}/`)).json()).toBe('untouched');
    expect(mesh.inspect().services).toEqual([]);
  });
});

describe('discovery that fails', () => {
  it('never answered: DISCOVERY_FAILED, in time', async () => {
    // A socket that receives and never answers.
    const { createSocket } = await import('node:dgram');
    const silent = createSocket('udp4');
    await new Promise<void>((resolve) => silent.bind(0, '127.0.0.1', resolve));
    cleanup.push(() => new Promise<void>((resolve) => silent.close(resolve)));
    const mesh = client({ version: 1, services: { reviews: { discovery: { srv: '_http._tcp.reviews.test' } } } }, { nameservers: [`127.0.0.1:${silent.address().port}`] });
    const begun = performance.now();
    expect(await caught(mesh.fetch('http://reviews/'))).toMatchObject({ code: 'DISCOVERY_FAILED', sent: 'no', outcome: 'local', service: 'reviews' });
    expect(performance.now() - begun).toBeLessThan(6500);
  }, 15_000);

  it('within the caller’s deadline, where that is shorter', async () => {
    const mesh = client({ version: 1, services: { reviews: { discovery: { srv: '_http._tcp.reviews.test' } } } }, { nameservers: [`127.0.0.1:${await closedPort()}`] });
    expect(await caught(mesh.fetch('http://reviews/', { mesh: { deadline: 100 } }))).toMatchObject({ code: 'DEADLINE_EXCEEDED', outcome: 'local', sent: 'no' });
  });
});

describe('overload of our own', () => {
  it('waits in a bounded queue in the caller’s async context, and beyond it fails at once', async () => {
    const { AsyncLocalStorage } = await import('node:async_hooks');
    const waiting: (() => void)[] = [];
    const reviews = await server((_request, response) => void waiting.push(() => response.end('done')));
    const mesh = reviewsAt([reviews], { concurrency: { max: 1, queue: 1 } });
    const storage = new AsyncLocalStorage<string>();
    const call = (name: string) => storage.run(name, async () => `${await (await mesh.request('http://reviews/')).body.text()} ${storage.getStore()}`);
    const first = call('first');
    const second = call('second');
    expect(await caught(call('third'))).toMatchObject({ code: 'OVERLOADED', outcome: 'local', sent: 'no', retryable: true });
    for (let served = 0; served < 2; served += 1) {
      await eventually(() => waiting.length, (length) => length > served);
      waiting[served]!();
    }
    expect(await Promise.all([first, second])).toEqual(['done first', 'done second']);
    expect(mesh.inspect().services[0]!.endpoints[0]!.totals).toMatchObject({ success: 2, failure: 0 });
  });
});

describe('the client', () => {
  it('connects ahead of the first call', async () => {
    let requests = 0;
    const reviews = await server((_request, response) => response.end(String((requests += 1))));
    const mesh = reviewsAt([reviews]);
    await mesh.ready();
    await eventually(() => reviews.connections.size, (size) => size === 1);
    expect(requests).toBe(0);
    await expect(mesh.ready(['reviws'])).rejects.toMatchObject({ code: 'UNKNOWN_SERVICE' });
  });

  it('becomes the process’s dispatcher, and takes itself back', async () => {
    const reviews = await server((_request, response) => response.end('hello'));
    const mesh = reviewsAt([reviews]);
    const before = undici.getGlobalDispatcher();
    const undo = mesh.install();
    try {
      expect(await (await fetch('http://reviews/')).text()).toBe('hello');
    } finally {
      undo();
    }
    expect(undici.getGlobalDispatcher()).toBe(before);
  });

  it('can stand in for the global fetch without calling itself', async () => {
    const reviews = await server((_request, response) => response.end('hello'));
    const mesh = reviewsAt([reviews]);
    const builtin = globalThis.fetch;
    globalThis.fetch = mesh.fetch;
    try {
      expect(await (await fetch('http://reviews/')).text()).toBe('hello');
    } finally {
      globalThis.fetch = builtin;
    }
  });

  it('closes: waits for what is in flight, refuses what is new', async () => {
    let finish = (): void => {};
    const reviews = await server((_request, response) => {
      response.write('begin ');
      finish = () => response.end('end');
    });
    const mesh = reviewsAt([reviews]);
    const response = await mesh.request('http://reviews/');
    const closing = mesh.close();
    expect(await caught(mesh.fetch('http://reviews/'))).toMatchObject({ code: 'CLIENT_CLOSED' });
    finish();
    expect(await response.body.text()).toBe('begin end');
    await closing;
    await eventually(() => reviews.connections.size, (size) => size === 0);
  });

  it('is not ready once it is closed, and a ready() that waits ends with it', async () => {
    const mesh = client({ version: 1, services: { reviews: { discovery: { srv: '_http._tcp.reviews.test' } } } }, { nameservers: [`127.0.0.1:${await closedPort()}`] });
    const waiting = caught(mesh.ready());
    await mesh.close();
    expect(await waiting).toMatchObject({ code: 'CLIENT_CLOSED' });
    expect(await caught(mesh.ready())).toMatchObject({ code: 'CLIENT_CLOSED' });
    expect(mesh.inspect().services).toEqual([]);
  });

  it('closes at once when somebody is in a hurry, and by its dispatcher’s destroy()', async () => {
    for (const hurry of ['close', 'destroy'] as const) {
      const reviews = await server((_request, response) => void response.write('begin'));
      const mesh = reviewsAt([reviews]);
      const reading = caught((await mesh.request('http://reviews/')).body.text());
      const slow = mesh.close({ timeout: 60_000 });
      await (hurry === 'close' ? mesh.close({ timeout: 0 }) : mesh.dispatcher.destroy());
      await slow;
      expect(await reading).toMatchObject({ code: 'CLIENT_CLOSED' });
    }
  });

  it('breaks each call off with an error of its own', async () => {
    const reviews = await server(() => {});
    const mesh = reviewsAt([reviews]);
    const calls = [caught(mesh.fetch('http://reviews/')), caught(mesh.fetch(`http://localhost:${reviews.port}/`))];
    await eventually(() => reviews.connections.size, (size) => size === 2);
    await mesh.close({ timeout: 0 });
    expect(await Promise.all(calls)).toMatchObject([{ code: 'CLIENT_CLOSED', service: 'reviews' }, { code: 'CLIENT_CLOSED', service: `localhost:${reviews.port}` }]);
  });

  it('keeps one deadline over the redirects of a fetch, and a key for its first request alone', async () => {
    const keys: unknown[] = [];
    const reviews = await server((request, response) => {
      keys.push(request.headers['idempotency-key']);
      setTimeout(() => response.writeHead(303, { location: `/${keys.length}` }).end(), 60);
    });
    const mesh = reviewsAt([reviews]);
    const error = await caught(mesh.fetch('http://reviews/', { method: 'POST', body: 'pay', mesh: { deadline: '150ms', idempotencyKey: 'invoice-1' } }));
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(keys.length).toBeLessThanOrEqual(4);
    expect(keys.filter((key) => key !== undefined)).toEqual(['invoice-1']);
  });

  it('mints a key where asked to, the same over attempts and redirects, and none for other work', async () => {
    const seen: string[] = [];
    const reviews = await server((request, response) => {
      seen.push(`${request.method} ${request.url} ${String(request.headers['idempotency-key'])}`);
      if (seen.length === 1) return void request.socket.destroy();
      if (request.url === '/') return void response.writeHead(307, { location: '/moved' }).end();
      if (request.method === 'POST') return void response.writeHead(303, { location: '/receipt' }).end();
      return void response.end('paid');
    });
    const mesh = reviewsAt([reviews]);
    const pay = () => mesh.fetch('http://reviews/', { method: 'POST', body: 'pay', mesh: { idempotencyKey: true } });
    expect(await (await pay()).text()).toBe('paid');
    const key = seen[0]!.split(' ')[2]!;
    expect(key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(seen).toEqual([`POST / ${key}`, `POST / ${key}`, `POST /moved ${key}`, 'GET /receipt undefined']);
    await (await pay()).text();
    expect(seen.at(-2)).not.toContain(key);
    const { body } = await mesh.request('http://reviews/moved', { method: 'PATCH', mesh: { idempotencyKey: true } });
    await body.dump();
    expect(seen.at(-1)).toMatch(/^PATCH \/moved [0-9a-f-]{36}$/);
  });

  it('leaves a key that the request brings as it is', async () => {
    const seen: unknown[] = [];
    const reviews = await server((request, response) => {
      seen.push(request.headers['idempotency-key']);
      if (seen.length === 1) return void request.socket.destroy();
      return void response.end();
    });
    const mesh = reviewsAt([reviews]);
    await (await mesh.fetch('http://reviews/', { method: 'POST', headers: { 'Idempotency-Key': 'invoice-1' }, mesh: { idempotencyKey: true } })).text();
    expect(seen).toEqual(['invoice-1', 'invoice-1']);
  });

  it('goes on with all other calls where the handler of one throws at its error', async () => {
    const reviews = await server((_request, response) => void response.write('begin'));
    const mesh = reviewsAt([reviews], { deadline: '120ms', attemptTimeout: 'off' });
    const uncaught = new Promise((resolve) => process.once('uncaughtException', resolve));
    const throwing = { onConnect() {}, onHeaders: () => true, onData: () => true, onComplete() {}, onError() { throw new Error('handler bug'); } };
    mesh.dispatcher.dispatch({ origin: 'http://reviews', path: '/', method: 'GET' }, throwing);
    const reading = await Promise.all(Array.from({ length: 3 }, async () => caught((await mesh.request('http://reviews/')).body.text())));
    expect(reading).toMatchObject(Array.from({ length: 3 }, () => ({ code: 'DEADLINE_EXCEEDED' })));
    expect(await uncaught).toMatchObject({ message: 'handler bug' });
  });

  it('closes: breaks off what does not end in time', async () => {
    const reviews = await server((_request, response) => void response.write('begin'));
    const mesh = reviewsAt([reviews]);
    const reading = caught((await mesh.request('http://reviews/')).body.text());
    await mesh.close({ timeout: 20 });
    expect(await reading).toMatchObject({ code: 'CLIENT_CLOSED' });
  });

  it('reports what it decides as events', async () => {
    // Nobody is there, so it is no matter of chance which endpoint is asked first.
    const mesh = reviewsAt([{ host: '127.0.0.1', port: await closedPort() }]);
    const retries: unknown[] = [];
    mesh.events.on('retry.scheduled', (event) => retries.push(event));
    mesh.events.on('retry.scheduled', () => {
      throw new Error('a broken dashboard');
    });
    const warned = new Promise((resolve) => process.once('warning', resolve));
    expect(await caught(mesh.fetch('http://reviews/'))).toMatchObject({ code: 'CONNECT_FAILED', attempts: 3 });
    expect(retries[0]).toMatchObject({ service: 'reviews', attempt: 2, because: 'CONNECT_FAILED' });
    expect(await warned).toMatchObject({ message: expect.stringContaining('a broken dashboard') });
  });

  it('says what is wrong with its policy, at once', () => {
    const error = (() => {
      try {
        return createMeshClient({ policy: { version: 1, services: { reviews: { retry: { maxRetries: 'two' } } } } as never });
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(MeshError);
    expect(error).toMatchObject({ code: 'POLICY_INVALID' });
    expect((error as Error).message).toContain('services.reviews.retry.maxRetries: "two" (expected: integer 0–10)');
  });
});
