/**
 * HTTP/2 with real servers: that requests share a connection, what the server allows is kept to, who speaks no HTTP/2 is spoken to in
 * HTTP/1.1, and what becomes of each request when a server refuses, goes away or breaks.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, type SecureServerOptions } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { createMeshClient, MeshError, type MeshClient, type PolicyDocument } from '../../src/index.ts';
import { CertificateAuthority } from '../support/certificate-authority.ts';
import { eventually } from '../support/eventually.ts';
import { fine, startHttp2, type Http2Running } from '../support/http2-server.ts';
import { startTcp } from '../support/http-server.ts';
import { startTls } from '../support/tls-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'inmesh-http2-'));
afterAll(() => rmSync(folder, { recursive: true }));
const root = CertificateAuthority.root();
const ca = join(folder, 'ca.crt');
writeFileSync(ca, root.cert);
const reviews = root.issue({ dns: ['reviews'] });

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

type Each = Parameters<typeof startHttp2>[1];
async function serve(each: Each = (stream) => fine(stream), settings: { maxConcurrentStreams?: number } = {}, tls: SecureServerOptions | 'plain' = { ...reviews }): Promise<Http2Running> {
  const server = await startHttp2(tls === 'plain' ? undefined : tls, each, settings);
  cleanup.push(() => server.close());
  return server;
}

type Knobs = NonNullable<PolicyDocument['defaults']>;

function meshOf(servers: readonly { readonly host: string; readonly port: number }[], knobs: Knobs = {}): MeshClient {
  const defaults: Knobs = { circuit: 'off', throttle: 'off', outlier: 'off', deadline: '5s', attemptTimeout: '2s', tls: { ca }, ...knobs, connection: { http2: true, ...knobs.connection } };
  const mesh = createMeshClient({ policy: { version: 1, defaults, services: { reviews: { discovery: { endpoints: servers.map(({ host, port }) => `${host}:${port}`) } } } } });
  cleanup.push(() => mesh.close({ timeout: 0 }));
  return mesh;
}

const post = { method: 'POST', body: 'an invoice' } as const;

async function caught(work: Promise<unknown>): Promise<MeshError> {
  const error: unknown = await work.then(() => undefined, (thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(MeshError);
  return error as MeshError;
}

describe('over HTTP/2', () => {
  it('requests share one connection, GETs and POSTs alike', async () => {
    const waiting: (() => void)[] = [];
    // Nobody is answered before all of them are there.
    const server = await serve((stream) => {
      waiting.push(() => fine(stream));
      if (waiting.length === 40) for (const answer of waiting) answer();
    });
    const mesh = meshOf([server]);
    const texts = await Promise.all(Array.from({ length: 40 }, async (_, index) => (await mesh.fetch(`http://reviews/${index}`, index % 2 === 0 ? {} : post)).text()));
    expect(new Set(texts)).toEqual(new Set(['fine']));
    expect([server.sessions.length, server.most()]).toEqual([1, 40]);
  });

  it('a request and its answer arrive as they were: method, authority, headers, bodies of all kinds, repeated headers, trailers', async () => {
    const server = await serve((stream, headers, body) => {
      stream.respond({ ':status': 201, 'set-cookie': ['a=1', 'b=2'], 'x-seen': JSON.stringify([headers[':method'], headers[':authority'], headers[':path'], headers[':scheme'], headers['x-own'], headers['connection'], headers['content-length'], body.toString()]) }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-after': 'yes' }));
      stream.end('created');
    });
    const mesh = meshOf([server]);
    const seen = async (options: object): Promise<unknown> => {
      const { statusCode, headers, body, trailers } = await mesh.request('http://reviews/a?b=c', { method: 'POST', headers: { 'X-Own': 'of mine', connection: 'keep-alive' }, ...options });
      expect([statusCode, headers['set-cookie'], await body.text(), trailers['x-after']]).toEqual([201, ['a=1', 'b=2'], 'created', 'yes']);
      return JSON.parse(headers['x-seen'] as string);
    };
    const as = (text: string, length: string | null) => ['POST', 'reviews', '/a?b=c', 'https', 'of mine', null, length, text];
    expect(await seen({ body: 'text' })).toEqual(as('text', '4'));
    expect(await seen({ body: Buffer.from('bytes') })).toEqual(as('bytes', '5'));
    expect(await seen({ body: (async function* () { yield 'in '; yield Buffer.from('parts'); })() })).toEqual(as('in parts', null));
    expect(await (await mesh.fetch('http://reviews/', { method: 'POST', body: new Blob(['blob']) })).text()).toBe('created');
    const head = await mesh.fetch('http://reviews/', { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([201, '']);
  });

  it('a large answer waits for its reader, and arrives whole', async () => {
    const size = 8 * 1024 * 1024;
    let written = 0;
    const server = await serve((stream) => {
      stream.respond({ ':status': 200 });
      const more = (): void => {
        while (written < size) {
          written += 65_536;
          if (!stream.write(Buffer.alloc(65_536))) return void stream.once('drain', more);
        }
        stream.end();
      };
      more();
    });
    const response = await meshOf([server]).fetch('http://reviews/');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(written).toBeLessThan(size / 2);
    expect((await response.arrayBuffer()).byteLength).toBe(size);
  });

  it('no more requests are on a connection at a time than the server allows; for the others there is another one', async () => {
    const server = await serve((stream) => void setTimeout(() => fine(stream), 20), { maxConcurrentStreams: 5 });
    const mesh = meshOf([server], { retry: 'off' });
    for (let round = 0; round < 3; round += 1) {
      const texts = await Promise.all(Array.from({ length: 23 }, async () => (await mesh.fetch('http://reviews/', post)).text()));
      expect(new Set(texts)).toEqual(new Set(['fine']));
    }
    expect(server.most()).toBe(5);
    expect(server.sessions.length).toBeLessThanOrEqual(5);
  });

  it('connection.maxPerEndpoint bounds them, too', async () => {
    const server = await serve((stream) => void setTimeout(() => fine(stream), 20));
    const mesh = meshOf([server], { connection: { maxPerEndpoint: 7 } });
    // What there is room for is known once there is an endpoint.
    await mesh.ready();
    await Promise.all(Array.from({ length: 30 }, async () => (await mesh.fetch('http://reviews/')).text()));
    expect([server.sessions.length, server.most()]).toEqual([1, 7]);
  });

  it('a server that speaks HTTP/1.1 alone is spoken to in it, over the connection that found that out', async () => {
    const server = await startTls({ ...reviews });
    cleanup.push(() => server.close());
    const mesh = meshOf([server]);
    for (let call = 0; call < 3; call += 1) {
      expect(await (await mesh.fetch('http://reviews/', post)).text()).toBe('fine');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(server.secured.length).toBe(1);
    const texts = await Promise.all(Array.from({ length: 10 }, async () => (await mesh.fetch('http://reviews/')).text()));
    expect(texts).toEqual(Array(10).fill('fine'));
  });

  it('who is not who he should be is as nobody', async () => {
    const server = await serve(undefined, {}, { ...root.issue({ dns: ['ratings'] }) });
    expect(await caught(meshOf([server]).fetch('http://reviews/', post))).toMatchObject({ code: 'IDENTITY_MISMATCH', sent: 'no', attempts: 1 });
    expect(server.requests).toEqual([]);
  });

  it('with `h2c` it is spoken in plain text, without asking; with `true` and no TLS it is not', async () => {
    const server = await serve(undefined, {}, 'plain');
    expect(await (await meshOf([server], { tls: 'off', connection: { http2: 'h2c' } }).fetch('http://reviews/', post)).text()).toBe('fine');
    expect(await caught(meshOf([server], { tls: 'off', retry: 'off' }).fetch('http://reviews/'))).toMatchObject({ code: 'CONNECTION_RESET' });
  });

  it('a call that is given up ends its own stream, and no other', async () => {
    let cancelled = 0;
    const server = await serve((stream, headers) => {
      stream.once('aborted', () => (cancelled += 1));
      if (headers[':path'] !== '/hang') setTimeout(() => fine(stream), 150);
    });
    const mesh = meshOf([server]);
    const controller = new AbortController();
    const hanging = mesh.fetch('http://reviews/hang', { signal: controller.signal }).catch((error: unknown) => error);
    const others = Array.from({ length: 5 }, async () => (await mesh.fetch('http://reviews/')).text());
    await eventually(() => server.requests.length, (length) => length === 6);
    controller.abort();
    expect(await hanging).toMatchObject({ name: 'AbortError' });
    expect(await Promise.all(others)).toEqual(Array(5).fill('fine'));
    await eventually(() => cancelled, (count) => count === 1);
    expect(server.sessions.length).toBe(1);
  });

  it('connections grow old, and the idle close; nothing is left when the client closes', async () => {
    const server = await serve();
    const mesh = meshOf([server], { connection: { keepAlive: '100ms' } });
    await (await mesh.fetch('http://reviews/')).text();
    await eventually(() => server.sockets.size, (size) => size === 0);
    await (await mesh.fetch('http://reviews/')).text();
    expect(server.sessions.length).toBe(2);
    await mesh.close();
    await eventually(() => server.sockets.size, (size) => size === 0);
  });
});

describe('a server that', () => {
  it('refuses a stream has not processed it: a POST goes elsewhere, and arrives once', async () => {
    const refusing = await serve((stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM));
    const good = await serve();
    expect(await caught(meshOf([refusing], { retry: 'off' }).fetch('http://reviews/', post))).toMatchObject({ code: 'CONNECTION_RESET', sent: 'no', outcome: 'overload' });
    const mesh = meshOf([refusing, good]);
    for (let call = 0; call < 10; call += 1) expect(await (await mesh.fetch('http://reviews/', post)).text()).toBe('fine');
    expect(good.requests.length).toBe(10);
  });

  it.each([
    ['in peace', constants.NGHTTP2_NO_ERROR, 0], ['in anger', constants.NGHTTP2_ENHANCE_YOUR_CALM, 5],
  ])('goes away %s has processed no more than it says it has: those POSTs that it has not taken go elsewhere, and none arrives twice', async (_how, code, inDoubt) => {
    const taken: (() => void)[] = [];
    const leaving = await serve((stream) => {
      // Of ten it has taken the first five (streams 1 to 9), and where it leaves in peace it answers those.
      if (taken.length < 5) taken.push(() => fine(stream));
      if (leaving.requests.length !== 10) return;
      stream.session?.goaway(code, 9);
      for (const answer of taken) answer();
    });
    const good = await serve();
    const mesh = meshOf([leaving, good], { balancer: { type: 'round-robin' } });
    await mesh.ready();
    const results: (string | MeshError)[] = [];
    const calls = Array.from({ length: 20 }, async (_, index) => {
      results.push(await mesh.fetch(`http://reviews/${index}`, post).then((response) => response.text(), (error: MeshError) => error));
    });
    await Promise.all(calls);
    const failed = results.filter((result) => result instanceof MeshError);
    for (const error of failed) expect(error).toMatchObject({ code: 'CONNECTION_RESET', sent: 'maybe', retrySuppressed: 'not-idempotent' });
    expect(failed.length).toBe(inDoubt);
    // The ten that were for it, and the five that it did not take, each once.
    expect(good.requests.length).toBe(15);
    expect(new Set(good.requests).size).toBe(15);
  });

  it('goes away while idle is left, and the next call finds another connection', async () => {
    const server = await serve();
    const mesh = meshOf([server], { retry: 'off' });
    for (let call = 1; call <= 5; call += 1) {
      expect(await (await mesh.fetch('http://reviews/', post)).text()).toBe('fine');
      server.sessions.at(-1)!.close();
      await eventually(() => server.sockets.size, (size) => size === 0);
    }
    expect([server.requests.length, server.sessions.length]).toEqual([5, 5]);
  });

  it('breaks the connection leaves each request on it in doubt: a POST fails and arrived once, a GET is sent again', async () => {
    const breaking = await serve(() => {
      for (const socket of breaking.sockets) socket.destroy();
    });
    const good = await serve();
    const error = await caught(meshOf([breaking], { retry: { maxRetries: 3 } }).fetch('http://reviews/', post));
    expect(error).toMatchObject({ code: 'CONNECTION_RESET', sent: 'maybe', attempts: 1, retrySuppressed: 'not-idempotent' });
    expect(breaking.requests.length).toBe(1);
    const mesh = meshOf([breaking, good]);
    for (let call = 0; call < 6; call += 1) expect(await (await mesh.fetch('http://reviews/')).text()).toBe('fine');
  });

  it('breaks off its answer, with or without saying so, ends the body with an error', async () => {
    for (const code of [constants.NGHTTP2_INTERNAL_ERROR, constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_CANCEL]) {
      const server = await serve((stream) => {
        stream.respond({ ':status': 200, 'content-length': 100 });
        stream.write('half');
        setTimeout(() => stream.close(code), 20);
      });
      const response = await meshOf([server]).fetch('http://reviews/', post);
      expect(await caught(response.text().catch((error: Error) => {
        throw (error.cause as Error | undefined) ?? error;
      }))).toMatchObject({ code: 'CONNECTION_RESET', sent: 'yes' });
    }
  });

  it('falls silent is not asked for ever: after a call that had no answer, a ping finds the connection dead', async () => {
    const server = await serve();
    // Between the two: what is said through it no longer arrives once it is frozen, and nobody is told.
    const through: Socket[] = [];
    const between = await startTcp((socket) => {
      const onward = connect(server.port, server.host);
      onward.on('error', () => {});
      socket.pipe(onward).pipe(socket);
      through.push(socket);
    });
    cleanup.push(() => between.close());
    const mesh = meshOf([between], { retry: 'off', attemptTimeout: '200ms', connection: { connectTimeout: '300ms' } });
    expect(await (await mesh.fetch('http://reviews/')).text()).toBe('fine');
    for (const socket of through) socket.unpipe().pause();
    expect(await caught(mesh.fetch('http://reviews/'))).toMatchObject({ code: 'ATTEMPT_TIMEOUT' });
    await eventually(async () => mesh.fetch('http://reviews/').then((response) => response.text(), () => ''), (text) => text === 'fine');
    expect(server.sessions.length).toBeGreaterThanOrEqual(2);
  });
});

describe('a request', () => {
  it('with a header, a method or a path that HTTP does not allow is not sent', async () => {
    const server = await serve();
    const mesh = meshOf([server]);
    for (const bad of [{ headers: { 'x-a': 'b\r\nx-c: d' } }, { headers: { 'x-a': 'b\0' } }, { headers: { 'x a': 'b' } }, { path: '/a b' }]) {
      const { path = '/', ...options } = bad as { path?: string; headers?: Record<string, string> };
      expect(await caught(new Promise((resolve, reject) => {
        mesh.dispatcher.dispatch({ origin: 'http://reviews', path, method: 'GET', ...options }, { onConnect() {}, onHeaders: () => true, onData: () => true, onComplete: resolve, onError: reject });
      }))).toMatchObject({ code: 'INVALID_REQUEST', outcome: 'local' });
    }
    expect(server.requests).toEqual([]);
  });
});
