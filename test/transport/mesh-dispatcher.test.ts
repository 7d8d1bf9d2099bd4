import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { MeshError } from '../../src/core/errors.ts';
import { meshFetch } from '../../src/transport/mesh-fetch.ts';
import * as undici from '../../src/transport/undici.ts';
import { eventually } from '../support/eventually.ts';
import { closedPort, json, readBody, startServer, startTcp } from '../support/http-server.ts';
import { wire } from '../support/wire.ts';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

async function serving(...args: Parameters<typeof startServer>) {
  const server = await startServer(...args);
  cleanup.push(() => server.close());
  const through = wire(server);
  cleanup.push(() => through.close());
  return { server, ...through, fetch: meshFetch(through.dispatcher) };
}

/** undici's new handler style, recorded. */
function newStyle(record: { [key: string]: unknown }, done: (error?: Error) => void) {
  return {
    onRequestStart(controller: object) {
      record['controller'] = controller;
    },
    onResponseStart(_controller: object, status: number, headers: object) {
      ((record['statuses'] ??= []) as number[]).push(status);
      record['headers'] = headers;
    },
    onResponseData(_controller: object, chunk: Buffer) {
      record['body'] = `${String(record['body'] ?? '')}${chunk.toString()}`;
    },
    onResponseEnd(_controller: object, trailers: object) {
      record['trailers'] = trailers;
      done();
    },
    onResponseError(_controller: object, error: Error) {
      done(error);
    },
  };
}

/** undici's raw handler style, recorded. */
function rawStyle(record: { [key: string]: unknown }, done: (error?: Error) => void) {
  return {
    onConnect(abort: (reason?: Error) => void) {
      record['abort'] = abort;
    },
    onHeaders(status: number, rawHeaders: Buffer[]) {
      record['status'] = status;
      record['rawHeaders'] = rawHeaders.map(String);
      return true;
    },
    onData(chunk: Buffer) {
      record['body'] = `${String(record['body'] ?? '')}${chunk.toString()}`;
      return true;
    },
    onComplete() {
      done();
    },
    onError(error: Error) {
      done(error);
    },
  };
}

type Style = (record: { [key: string]: unknown }, done: (error?: Error) => void) => object;

function dispatch(dispatcher: import('undici').Dispatcher, options: object, style: Style): Promise<{ [key: string]: unknown }> {
  const record: { [key: string]: unknown } = {};
  return new Promise((resolve, reject) => {
    const handler = style(record, (error) => (error === undefined ? resolve(record) : reject(error)));
    dispatcher.dispatch(options as never, handler);
  });
}

const get = { origin: 'http://reviews', path: '/', method: 'GET' };
const setsTwoCookies: Parameters<typeof startServer>[0] = (_request, response) => {
  response.setHeader('set-cookie', ['a=1', 'b=2']);
  response.end('hello');
};

describe('the dispatcher', () => {
  it('serves handlers of the new style', async () => {
    const { dispatcher } = await serving(setsTwoCookies);
    const record = await dispatch(dispatcher, get, newStyle);
    expect(record).toMatchObject({ statuses: [200], body: 'hello', headers: { 'set-cookie': ['a=1', 'b=2'] } });
  });

  it('serves handlers of the raw style, with headers as they came', async () => {
    const { dispatcher } = await serving(setsTwoCookies);
    const record = await dispatch(dispatcher, get, rawStyle);
    expect(record).toMatchObject({ status: 200, body: 'hello' });
    const raw = record['rawHeaders'] as string[];
    expect(raw.filter((item) => item.toLowerCase() === 'set-cookie')).toHaveLength(2);
  });

  it('keeps two Set-Cookie headers two through the built-in fetch', async () => {
    const { fetch } = await serving(setsTwoCookies);
    const response = await fetch('http://reviews/');
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(await response.text()).toBe('hello');
  });

  it('sends the name of the service as Host, whatever the address', async () => {
    const { fetch, dispatcher } = await serving((request, response) => json(response, request.headers.host));
    expect(await (await fetch('http://reviews.default:9080/')).json()).toBe('reviews.default:9080');
    const own = await undici.request('http://reviews/', { dispatcher, headers: { Host: 'other' } });
    expect(await own.body.json()).toBe('other');
  });

  it('takes headers in every form that undici takes', async () => {
    const { dispatcher } = await serving((request, response) => json(response, request.headers['x-a']));
    for (const headers of [{ 'x-a': '1' }, ['x-a', '1'], [['x-a', '1']], new Map([['x-a', '1']]), new Headers({ 'x-a': '1' })]) {
      const record = await dispatch(dispatcher, { ...get, headers }, rawStyle);
      expect(record['body']).toBe('"1"');
    }
    expect((await dispatch(dispatcher, { ...get, headers: null }, rawStyle))['body']).toBeUndefined();
  });

  it('can be composed with interceptors, used and closed: the result is a Proxy', async () => {
    const { dispatcher } = await serving((_request, response) => response.end('hello'));
    const composed = dispatcher.compose((next) => (options, handler) => next(options, handler));
    const { body } = await undici.request('http://reviews/', { dispatcher: composed });
    expect(await body.text()).toBe('hello');
    await composed.close();
  });

  it('gives a query to the server, and refuses two', async () => {
    const { dispatcher } = await serving((request, response) => json(response, request.url));
    const { body } = await undici.request('http://reviews/a', { dispatcher, query: { q: 'x y', n: 1 } });
    expect(await body.json()).toBe('/a?q=x%20y&n=1');
    await expect(undici.request('http://reviews/a?b', { dispatcher, query: { q: '1' } })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });

  it('says what is wrong with a request that cannot be sent', async () => {
    const { dispatcher } = await serving((_request, response) => response.end());
    await expect(dispatch(dispatcher, { ...get, origin: 'ftp://reviews' }, rawStyle)).rejects.toThrow('origin: "ftp://reviews" (expected: an http: or https: URL)');
    const bad = await dispatch(dispatcher, { ...get, headers: { 'x-a': 'line\nbreak' } }, rawStyle).catch((error: unknown) => error);
    expect(bad).toMatchObject({ code: 'INVALID_REQUEST', outcome: 'local', sent: 'no' });
  });

  it('passes early hints on, and then the answer', async () => {
    const { dispatcher } = await serving((_request, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.end('hello');
    });
    expect(await dispatch(dispatcher, get, newStyle)).toMatchObject({ statuses: [103, 200], body: 'hello' });
  });

  it('passes trailers on', async () => {
    const { dispatcher } = await serving((_request, response) => {
      response.writeHead(200, { trailer: 'x-sum' });
      response.write('hello');
      response.addTrailers({ 'x-sum': '5' });
      response.end();
    });
    expect(await dispatch(dispatcher, get, newStyle)).toMatchObject({ trailers: { 'x-sum': '5' } });
  });

  it('tells a handler that throws at the end of its error, so that undici’s own retry interceptor works on top', async () => {
    let requests = 0;
    const { dispatcher } = await serving((_request, response) => response.writeHead((requests += 1) === 1 ? 500 : 200).end('hello'));
    const retrying = dispatcher.compose(undici.interceptors.retry({ minTimeout: 1, maxTimeout: 1 }));
    const { statusCode, body } = await undici.request('http://reviews/', { dispatcher: retrying });
    expect([statusCode, await body.text(), requests]).toEqual([200, 'hello', 2]);
  });

  it.each([['raw', rawStyle], ['new', newStyle]] as const)('delivers nothing more to a %s handler that aborts in its headers callback, though all has arrived', async (name, style) => {
    const { dispatcher } = await serving((_request, response) => response.end('hello'));
    const mine = new Error('mine');
    const record: { [key: string]: unknown } = {};
    const seen = await new Promise<unknown>((resolve) => {
      const handler = style(record, resolve) as { [key: string]: unknown };
      if (name === 'raw') handler['onHeaders'] = () => ((record['abort'] as (reason: Error) => void)(mine), true);
      else handler['onResponseStart'] = (controller: { abort(reason: Error): void }) => controller.abort(mine);
      dispatcher.dispatch(get, handler);
    });
    expect([seen, record['body']]).toEqual([mine, undefined]);
  });

  it('closes an upgraded socket that its handler does not take', async () => {
    const { dispatcher, server } = await serving((_request, response) => response.end());
    server.server.on('upgrade', (_request, socket) => void socket.on('end', () => socket.end()).resume().write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n'));
    for (const handler of [{ ...rawStyle({}, () => {}), onUpgrade: () => { throw new Error('handler bug'); } }, rawStyle({}, () => {})]) {
      const error = await new Promise((resolve) => dispatcher.dispatch({ ...get, upgrade: 'echo' }, { ...handler, onError: resolve }));
      expect((error as Error).message).toMatch(/handler bug|invalid onUpgrade/);
    }
    await eventually(() => server.connections.size, (size) => size === 0);
  });

  it('sends CONNECT as undici does, and closes connections that the caller wants closed', async () => {
    const seen: string[] = [];
    const server = await startTcp((socket) => socket.once('data', (chunk: Buffer) => {
      seen.push(chunk.toString());
      socket.end(seen.length === 1 ? 'HTTP/1.1 200 OK\r\n\r\n' : 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    }));
    cleanup.push(() => server.close());
    const through = wire(server);
    cleanup.push(() => through.close());
    const { socket } = await through.dispatcher.connect({ origin: 'http://reviews', path: 'reviews:80' });
    socket.destroy();
    await undici.request('http://reviews/', { dispatcher: through.dispatcher, reset: true });
    expect(seen[0]).not.toMatch(/upgrade/i);
    expect(seen[1]).toMatch(/connection: close/i);
  });

  it('hands an upgraded socket over, both ways', async () => {
    const { dispatcher, server } = await serving((_request, response) => response.end());
    server.server.on('upgrade', (_request, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n');
      socket.pipe(socket);
    });
    const { socket } = await dispatcher.upgrade({ origin: 'http://reviews', path: '/', protocol: 'echo' } as never);
    socket.write('ping');
    expect(String(await new Promise((resolve) => socket.once('data', resolve)))).toBe('ping');
    socket.destroy();
  });

  it('keeps the async context of each caller', async () => {
    const { dispatcher } = await serving((_request, response) => setTimeout(() => response.end('hello'), 5));
    const storage = new AsyncLocalStorage<number>();
    const seen = await Promise.all(
      Array.from({ length: 20 }, (_, caller) =>
        storage.run(caller, async () => {
          const { body } = await undici.request('http://reviews/', { dispatcher });
          const atHeaders = storage.getStore();
          await body.text();
          return [caller, atHeaders, storage.getStore()];
        }),
      ),
    );
    for (const [caller, atHeaders, atEnd] of seen) expect([atHeaders, atEnd]).toEqual([caller, caller]);
  });

  it('tells diagnostics subscribers in the async context of the caller: nothing waits inside a Pool', async () => {
    const { subscribe, unsubscribe } = await import('node:diagnostics_channel');
    const { dispatcher } = await serving((_request, response) => setTimeout(() => response.end('hello'), 2));
    const storage = new AsyncLocalStorage<string>();
    const contexts: unknown[] = [];
    const onCreate = () => void contexts.push(storage.getStore());
    subscribe('undici:request:create', onCreate);
    const one = async (caller: string) => storage.run(caller, async () => (await undici.request('http://reviews/', { dispatcher })).body.text());
    await Promise.all(Array.from({ length: 70 }, (_, index) => one(`caller ${index}`)));
    unsubscribe('undici:request:create', onCreate);
    expect(new Set(contexts)).toEqual(new Set(Array.from({ length: 70 }, (_, index) => `caller ${index}`)));
  });

  it('holds the server back while the caller does not read, and loses nothing', async () => {
    const chunk = Buffer.alloc(64 * 1024, 'x');
    let written = 0;
    const { dispatcher } = await serving((_request, response) => {
      const write = (): void => {
        while (written < 512) {
          written += 1;
          if (!response.write(chunk)) return void response.once('drain', write);
        }
        response.end();
      };
      write();
    });
    const { body } = await undici.request('http://reviews/', { dispatcher });
    await eventually(() => written, (value) => value > 4);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(written).toBeLessThan(512);
    let bytes = 0;
    for await (const part of body) bytes += (part as Buffer).length;
    expect(bytes).toBe(512 * chunk.length);
  });
});

describe('a request body', () => {
  const echo = async (request: IncomingMessage, response: ServerResponse): Promise<void> => json(response, { method: request.method, body: await readBody(request) });

  it('from fetch arrives whole, in each form', async () => {
    const { fetch, calls } = await serving((request, response) => void echo(request, response));
    const form = new FormData();
    form.set('field', 'value');
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('stre'));
        controller.enqueue(new TextEncoder().encode('am'));
        controller.close();
      },
    });
    for (const [body, expected] of [['text', 'text'], [new Uint8Array([104, 105]), 'hi'], [new URLSearchParams({ a: '1' }), 'a=1'], [stream, 'stream'], [new Blob(['blob']), 'blob']] as const) {
      const response = await fetch('http://reviews/', { method: 'POST', body, duplex: 'half' });
      expect(await response.json()).toEqual({ method: 'POST', body: expected });
    }
    expect(((await (await fetch('http://reviews/', { method: 'POST', body: form })).json()) as { body: string }).body).toContain('name="field"');
    for (const call of calls) expect(call.request.body?.replayable).toBe(true);
  });

  it('takes a global Request, as many libraries call fetch', async () => {
    const { fetch } = await serving((request, response) => void echo(request, response));
    const response = await fetch(new Request('http://reviews/', { method: 'PUT', body: 'text' }));
    expect(await response.json()).toEqual({ method: 'PUT', body: 'text' });
  });

  it('that fails is the caller’s error, not the endpoint’s', async () => {
    const { dispatcher } = await serving((request, response) => void echo(request, response));
    async function* broken() {
      yield 'half';
      throw new Error('disk gone');
    }
    const error = await undici.request('http://reviews/', { dispatcher, method: 'POST', body: broken() as never }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'INVALID_REQUEST', outcome: 'local' });
    expect((error as Error).message).toContain('disk gone');
  });
});

describe('errors', () => {
  it('reject fetch with the MeshError itself', async () => {
    const through = wire({ host: '127.0.0.1', port: await closedPort() });
    cleanup.push(() => through.close());
    const error = await meshFetch(through.dispatcher)('http://reviews/').catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(MeshError);
    expect(error).toMatchObject({ code: 'CONNECT_FAILED', sent: 'no', outcome: 'failure', retryable: true, cause: { code: 'ECONNREFUSED' } });
  });

  it('of a caller who left are the reason the caller gave', async () => {
    const { fetch, server } = await serving(() => {});
    const reason = new Error('not needed any longer');
    const controller = new AbortController();
    const pending = fetch('http://reviews/', { signal: controller.signal });
    const [socket] = await eventually(() => [...server.connections], (sockets) => sockets.length === 1);
    controller.abort(reason);
    await expect(pending).rejects.toBe(reason);
    // undici may open another one in its place; the one that carried the request is gone.
    await eventually(() => server.connections.has(socket!), (open) => !open);
  });

  it('of a signal that had fired before the call begins are that signal’s, and nothing is sent', async () => {
    let requests = 0;
    const { dispatcher } = await serving((_request, response) => response.end(String((requests += 1))));
    const reason = new Error('too late');
    await expect(undici.request('http://reviews/', { dispatcher, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(requests).toBe(0);
  });

  it('thrown by the caller’s handler are the caller’s, and free the connection', async () => {
    const sockets: import('node:net').Socket[] = [];
    const { dispatcher, server } = await serving((request, response) => {
      sockets.push(request.socket);
      response.write('hello');
    });
    const failing = new Error('handler bug');
    const seen = await new Promise((resolve) => {
      const handler = { ...rawStyle({}, resolve), onData: () => { throw failing; } };
      dispatcher.dispatch(get, handler);
    });
    expect(seen).toBe(failing);
    await eventually(() => server.connections.has(sockets[0]!), (open) => !open);
  });

  const broken: [string, (socket: import('node:net').Socket) => void, object][] = [
    ['a connection closed before the answer', (socket) => socket.once('data', () => socket.destroy()), { code: 'CONNECTION_RESET', sent: 'maybe', outcome: 'failure' }],
    ['a reset', (socket) => socket.once('data', () => socket.resetAndDestroy()), { code: 'CONNECTION_RESET', sent: 'maybe', outcome: 'failure' }],
    ['an answer that is not HTTP', (socket) => socket.resume().end('SSH-2.0-OpenSSH\r\n'), { code: 'CONNECTION_RESET', sent: 'maybe', outcome: 'failure' }],
    ['endless headers', (socket) => flood(socket, 'HTTP/1.1 200 OK\r\n', 'x-filler: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n'), { code: 'CONNECTION_RESET', sent: 'maybe', outcome: 'failure' }],
  ];
  it.each(broken)('%s', async (_name, behave, expected) => {
    const sockets: import('node:net').Socket[] = [];
    const server = await startTcp((socket) => {
      sockets.push(socket);
      behave(socket);
    });
    cleanup.push(() => server.close());
    const through = wire(server);
    cleanup.push(() => through.close());
    await expect(undici.request('http://reviews/', { dispatcher: through.dispatcher })).rejects.toMatchObject(expected);
    await eventually(() => server.connections.has(sockets[0]!), (open) => !open);
  });

  it('half a response breaks the body off, not silently', async () => {
    const server = await startTcp((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf!')));
    cleanup.push(() => server.close());
    const through = wire(server);
    cleanup.push(() => through.close());
    const { body } = await undici.request('http://reviews/', { dispatcher: through.dispatcher });
    await expect(body.text()).rejects.toMatchObject({ code: 'CONNECTION_RESET', sent: 'yes', outcome: 'failure' });
  });
});

function flood(socket: import('node:net').Socket, first: string, line: string): void {
  socket.write(first);
  const more = (): void => {
    while (!socket.destroyed && socket.write(line));
    if (!socket.destroyed) socket.once('drain', more);
  };
  more();
}
