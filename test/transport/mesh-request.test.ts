/** `mesh.request` is undici's `request` with our dispatcher, only by a shorter way: what both give is compared, and what each leaves behind. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { MeshError } from '../../src/core/errors.ts';
import { meshRequest, type RequestOptions } from '../../src/transport/mesh-request.ts';
import { ResponseBody } from '../../src/transport/response-body.ts';
import * as undici from '../../src/transport/undici.ts';
import { eventually } from '../support/eventually.ts';
import { json, readBody, startServer } from '../support/http-server.ts';
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
  const ours = (url: string | URL = 'http://reviews/', options?: RequestOptions) => meshRequest(through.dispatcher, url, options);
  const theirs = (url: string | URL = 'http://reviews/', options?: RequestOptions) => undici.request(url, { ...options, dispatcher: through.dispatcher });
  return { server, ours, theirs, both: [ours, theirs] };
}

async function caught(promise: Promise<unknown>): Promise<MeshError> {
  return promise.then(() => expect.fail('it did not fail'), (error: unknown) => error as MeshError);
}

const chunk = Buffer.alloc(64 * 1024, 'x');

/** Half a megabyte, after which it waits. */
function large(response: ServerResponse, then: 'end' | 'hang' | 'break'): void {
  for (let times = 0; times < 8; times += 1) response.write(chunk);
  if (then === 'end') response.end();
  if (then === 'break') setTimeout(() => response.destroy(), 50);
}

describe('response', () => {
  it('has what undici gives', async () => {
    const { both } = await serving((request, response) => {
      response.setHeader('set-cookie', ['a=1', 'b=2']);
      response.writeHead(207, 'So So', { 'content-type': 'application/json', trailer: 'x-sum', date: 'now' });
      response.addTrailers({ 'x-sum': '42' });
      response.end(JSON.stringify([request.method, request.url, request.headers['x-a']]));
    });
    const [own, other] = await Promise.all(both.map(async (request) => {
      const { body, ...rest } = await request('http://reviews/things/1?size=2', { headers: { 'x-a': 'b' }, opaque: 'mine' });
      return { ...rest, read: await body.json() };
    }));
    expect(own).toEqual(other);
    expect(own).toMatchObject({ statusCode: 207, statusText: 'So So', trailers: { 'x-sum': '42' }, opaque: 'mine', read: ['GET', '/things/1?size=2', 'b'], headers: { 'set-cookie': ['a=1', 'b=2'] } });
  });

  it.each([
    'http://reviews', 'http://reviews/', 'http://reviews/a/../b', 'http://reviews/./a', 'http://reviews/.hidden', 'http://reviews/a/.', 'http://reviews/a b', 'http://reviews/%2e%2e/b', 'http://reviews/a?', 'http://reviews/?a=b?c',
    "http://reviews/?a='b'", 'http://reviews/#there', 'http://reviews/a#b?c', 'http://REVIEWS/A', 'http://reviews:80/a', 'http://reviews/ü', 'http://reviews?x=1', 'http://reviews/a\\b', 'http://reviews/a..b/c.d', 'http://user:word@reviews/',
  ])('asks for what undici asks for: %s', async (url) => {
    const { both } = await serving((request, response) => json(response, [request.headers.host, request.url, request.headers.authorization]));
    const [own, other] = await Promise.all(both.map(async (request) => (await request(url)).body.json()));
    expect(own).toEqual(other);
  });

  it('remembers an origin, and takes no other for it that begins alike', async () => {
    const { both } = await serving((request, response) => json(response, [request.headers.host, request.url]));
    for (const url of ['http://reviews/a', 'http://reviews/b', 'http://reviews-2/a', 'http://reviews/c', 'http://reviews:8080/a', 'http://reviews:80/a', 'http://review/s/a']) {
      const [own, other] = await Promise.all(both.map(async (request) => (await request(url)).body.json()));
      expect(own, url).toEqual(other);
    }
  });

  it('takes what undici takes: a URL, a body and its method, a query', async () => {
    const { both } = await serving((request, response) => void readBody(request).then((body) => json(response, [request.method, request.url, body])));
    for (const [url, options] of [[new URL('http://reviews/a'), {}], ['http://reviews/a', { body: 'text' }], ['http://reviews/a', { method: 'POST', body: Readable.from(['in ', 'pieces']) }], ['http://reviews/a', { query: { b: 1 } }], ['http://reviews', { path: '/other' }]] as [string, RequestOptions][]) {
      const [own, other] = [await (await both[0]!(url, options.body instanceof Readable ? { ...options, body: Readable.from(['in ', 'pieces']) } : options)).body.json(), await (await both[1]!(url, options)).body.json()];
      expect(own).toEqual(other);
    }
  });

  it('refuses what undici refuses', async () => {
    const { both } = await serving((_request, response) => response.end());
    for (const [url, options] of [['nonsense', {}], ['ftp://reviews/', {}], ['http://reviews/', { method: 'CONNECT' }], ['http://reviews/', { signal: 'soon' }], ['http://reviews/', { highWaterMark: -1 }]] as [string, RequestOptions][]) {
      const [own, other] = await Promise.all(both.map(async (request) => caught((async () => request(url, options))())));
      expect(`${own!.name} ${own!.message}`, url).toBe(`${other!.name} ${other!.message}`);
    }
  });

  it('gives informational responses to whoever wants them', async () => {
    const { ours } = await serving((_request, response) => response.writeEarlyHints({ link: '</a.css>; rel=preload' }, () => response.end('late')));
    const hints: unknown[] = [];
    const { body } = await ours('http://reviews/', { onInfo: (info) => hints.push(info) });
    expect([await body.text(), hints]).toMatchObject(['late', [{ statusCode: 103 }]]);
    expect(await (await ours()).body.text()).toBe('late');
  });
});

describe('body', () => {
  const answers = { json: { a: ['ä'] }, text: '{"a":["ä"]}' };
  const serve = (response: ServerResponse): void => json(response, answers.json);

  it('becomes a stream when it is first used as one, and says then what undici’s says', async () => {
    const { ours, both } = await serving((_request, response) => serve(response));
    const { body: lazy } = await ours();
    expect([lazy instanceof Readable, Object.hasOwn(lazy, '_readableState')]).toEqual([true, false]);
    await lazy.text();
    expect(Object.hasOwn(lazy, '_readableState')).toBe(false);
    expect(Object.hasOwn((await ours()).body.on('data', () => {}), '_readableState')).toBe(true);
    expect((ResponseBody.prototype as unknown as { _readableState: unknown })._readableState).toBeUndefined();

    const uses: [string, (body: ResponseBody) => unknown][] = [
      ['nothing', () => {}],
      ['text', (body) => body.text()],
      ['text, while somebody waits for its end', (body) => Promise.all([once(body, 'end'), body.text()])],
      ['chunks', (body) => body.toArray()],
      ['the first chunk', (body) => once(body, 'data')],
      ['text, and then another one', (body) => body.text().then(() => body.text()).catch(() => {})],
    ];
    for (const [use, run] of uses) {
      const said = await Promise.all(both.map(async (request) => {
        const body = (await request()).body as unknown as ResponseBody;
        await run(body);
        await new Promise((resolve) => setTimeout(resolve, 10));
        const { bodyUsed, destroyed, closed, readableEnded, readableDidRead, readableAborted, errored, readableHighWaterMark } = body;
        return { bodyUsed, destroyed, closed, readableEnded, readableDidRead, readableAborted, errored, readableHighWaterMark };
      }));
      expect(said[0], use).toEqual(said[1]);
    }
  });

  it.each([
    ['at once', (response: ServerResponse) => serve(response)],
    ['in pieces', (response: ServerResponse) => {
      const bytes = Buffer.from(answers.text);
      response.writeHead(200, { 'content-type': 'application/json' });
      // Within the two bytes of a letter.
      response.write(bytes.subarray(0, 8));
      setTimeout(() => response.end(bytes.subarray(8)), 20);
    }],
  ])('is read as a whole, when it comes %s', async (_how, listener) => {
    const { ours } = await serving((_request, response) => listener(response));
    expect((await ours()).body).toBeInstanceOf(ResponseBody);
    expect(await (await ours()).body.text()).toBe(answers.text);
    expect(await (await ours()).body.json()).toEqual(answers.json);
    expect(Buffer.from(await (await ours()).body.bytes()).toString()).toBe(answers.text);
    expect(Buffer.from(await (await ours()).body.arrayBuffer()).toString()).toBe(answers.text);
    const blob = await (await ours()).body.blob();
    expect([await blob.text(), blob.type]).toEqual([answers.text, 'application/json']);
    await expect((await ours()).body.formData()).rejects.toThrow('Not supported');
  });

  it('is read once', async () => {
    const { ours } = await serving((_request, response) => serve(response));
    const { body } = await ours();
    expect(body.bodyUsed).toBe(false);
    const first = body.text();
    expect(body.bodyUsed).toBe(true);
    await expect(body.json()).rejects.toThrow('unusable');
    expect(await first).toBe(answers.text);
    expect([body.bodyUsed, body.readableEnded]).toEqual([true, true]);
    await expect(body.text()).rejects.toThrow('unusable');
  });

  it('that was read as a whole is a stream that has ended, also to those who listen', async () => {
    const { ours } = await serving((_request, response) => serve(response));
    const { body } = await ours();
    const heard: string[] = [];
    body.on('end', () => heard.push('end')).on('close', () => heard.push('close'));
    await body.text();
    await finished(body);
    expect(heard).toEqual(['end', 'close']);
    const unheard = await ours();
    await unheard.body.text();
    await finished(unheard.body);
    expect([unheard.body.readableEnded, unheard.body.closed]).toEqual([true, true]);
  });

  it('that is no JSON says so', async () => {
    const { ours } = await serving((_request, response) => response.end('not JSON'));
    expect(await caught((await ours()).body.json())).toBeInstanceOf(SyntaxError);
  });

  it('without a mark of its byte order, and in the encoding that is set', async () => {
    const { ours } = await serving((_request, response) => response.end('\ufeffmark'));
    expect(await (await ours()).body.text()).toBe('mark');
    expect(await (await ours()).body.setEncoding('hex').text()).toBe(Buffer.from('mark').toString('hex'));
  });

  it('that is empty is read as empty', async () => {
    const { ours } = await serving((_request, response) => response.writeHead(204).end());
    expect(await (await ours()).body.text()).toBe('');
    expect(await (await ours('http://reviews/', { method: 'HEAD' })).body.text()).toBe('');
  });

  it('is read as a stream, at once or later, and as a web stream', async () => {
    const { ours } = await serving((_request, response) => large(response, 'end'));
    for (const wait of [0, 50]) {
      const { body } = await ours();
      await new Promise((resolve) => setTimeout(resolve, wait));
      let bytes = 0;
      for await (const piece of body) bytes += (piece as Buffer).length;
      expect(bytes).toBe(8 * chunk.length);
    }
    const { body } = await ours();
    expect((await new Response(body.body as unknown as ReadableStream).arrayBuffer()).byteLength).toBe(8 * chunk.length);
  });

  it('that nobody reads is held back', async () => {
    let sent = 0;
    const { ours } = await serving((_request, response) => void Readable.from((function* () {
      for (; sent < 500; sent += 1) yield chunk;
    })()).pipe(response));
    const { body } = await ours();
    let before = -1;
    await eventually(() => sent, (now) => {
      const still = now === before;
      before = now;
      return still;
    });
    // The rest is in sockets and in the server.
    expect(sent).toBeLessThan(400);
    const text = await body.text();
    expect(text.length).toBe(500 * chunk.length);
  });

  it('that breaks off fails whoever waits for it, and nobody else', async () => {
    const { ours } = await serving((request, response) => {
      if (request.url === '/') return large(response, 'break');
      response.write('begun');
      setTimeout(() => response.destroy(), 20);
    });
    const { body } = await ours();
    expect(await caught(body.text())).toMatchObject({ code: 'CONNECTION_RESET', sent: 'yes' });
    const streamed = await ours();
    expect(await caught((async () => {
      for await (const _piece of streamed.body);
    })())).toMatchObject({ code: 'CONNECTION_RESET' });
    const { body: unread } = await ours('http://reviews/short');
    await new Promise((resolve) => unread.on('close', resolve));
    expect(unread.errored).toMatchObject({ code: 'CONNECTION_RESET' });
    await expect(unread.text()).rejects.toMatchObject({ code: 'CONNECTION_RESET' });
  });

  it('that is destroyed frees its connection', async () => {
    const { ours, server } = await serving((_request, response) => large(response, 'hang'));
    const { body } = await ours();
    body.destroy();
    expect(await caught(finished(body))).toMatchObject({ code: 'UND_ERR_ABORTED' });
    await eventually(() => server.connections.size === 0);
    const waiting = await ours();
    const text = caught(waiting.body.text());
    waiting.body.destroy(new Error('enough'));
    expect((await text).message).toBe('enough');
  });

  it('is dumped: to its end where it is short, else cut off', async () => {
    const { ours, server } = await serving((_request, response) => response.end('short'));
    await (await ours('http://reviews/short')).body.dump();
    await new Promise(setImmediate);
    await (await ours('http://reviews/short')).body.dump();
    expect(server.accepted).toBe(1);
    const long = await serving((_request, response) => large(response, 'hang'));
    await (await long.ours()).body.dump();
    await eventually(() => long.server.connections.size === 0);
    const signal = AbortSignal.abort(new Error('no time'));
    expect((await caught((await ours('http://reviews/short')).body.dump({ limit: 1000, signal }))).message).toBe('no time');
  });
});

describe('signal', () => {
  it('ends the request before its response, and the body after it', async () => {
    const { ours } = await serving((request, response) => {
      if (request.url === '/slow') return;
      large(response, 'hang');
    });
    for (const stop of [new Error('mine'), undefined]) {
      const before = new AbortController();
      const waiting = caught(ours('http://reviews/slow', { signal: before.signal }));
      setTimeout(() => before.abort(stop), 20);
      expect(await waiting).toBe(before.signal.reason);
      const after = new AbortController();
      const { body } = await ours('http://reviews/', { signal: after.signal });
      const reading = caught(body.text());
      after.abort(stop);
      expect(await reading).toBe(after.signal.reason);
    }
    const gone = AbortSignal.abort(new Error('long ago'));
    expect((await caught(ours('http://reviews/', { signal: gone }))).message).toBe('long ago');
  });

  it('that lives longer has no listener left', async () => {
    const { ours } = await serving((_request, response) => response.end('short'));
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: unknown[]) => void (listeners += 1, (addEventListener as (...all: unknown[]) => void).apply(signal, args));
    signal.removeEventListener = (...args: unknown[]) => void (listeners -= 1, (removeEventListener as (...all: unknown[]) => void).apply(signal, args));
    await (await ours('http://reviews/', { signal })).body.text();
    expect(listeners).toBe(0);
  });
});

it('destroys the stream that it sends, where it fails', async () => {
  const { ours } = await serving((request) => request.destroy());
  const body = new Readable({ read() {} });
  body.push('begun');
  expect(await caught(ours('http://reviews/', { method: 'POST', body }))).toMatchObject({ code: 'CONNECTION_RESET' });
  expect(body.destroyed).toBe(true);
});
