/**
 * Servers that mean harm over HTTP/2: what a call makes of them, in what time, and that this process's memory and its connections stay its own.
 */
import type { Server, Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createMeshClient, MeshError, type MeshClient, type PolicyDocument } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import type { Running } from '../support/http-server.ts';
import { FLAG, frame, FRAME, kept, LAST_KEPT, literal, OK, response, SETTING, settings, startRawHttp2, type RawHttp2 } from '../support/raw-http2.ts';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

async function serve(how: RawHttp2): Promise<Running<Server>> {
  const server = await startRawHttp2(how);
  cleanup.push(() => server.close());
  return server;
}

function meshOf({ host, port }: { host: string; port: number }, knobs: NonNullable<PolicyDocument['defaults']> = {}): MeshClient {
  const defaults = { circuit: 'off', outlier: 'off', retry: 'off', deadline: '1500ms', attemptTimeout: '600ms', connection: { http2: 'h2c', connectTimeout: '300ms' }, ...knobs } as const;
  const mesh = createMeshClient({ policy: { version: 1, defaults, services: { reviews: { discovery: { endpoints: [`${host}:${port}`] } } } } });
  cleanup.push(() => mesh.close({ timeout: 0 }));
  return mesh;
}

async function get(mesh: MeshClient): Promise<string | MeshError> {
  try {
    const { body } = await mesh.request('http://reviews/');
    return await body.text();
  } catch (error) {
    expect(error).toBeInstanceOf(MeshError);
    return error as MeshError;
  }
}

const MB = 1024 * 1024;

/** Writes the same again and again, as fast as it is taken, up to so many bytes. */
function pour(socket: Socket, bytes: Buffer, most = 1024 * MB): { readonly written: () => number } {
  const chunk = Buffer.concat(Array<Buffer>(Math.ceil(65_536 / bytes.length)).fill(bytes));
  let written = 0;
  const more = (): void => {
    while (written < most && !socket.destroyed) {
      written += chunk.length;
      if (!socket.write(chunk)) return void socket.once('drain', more);
    }
  };
  more();
  return { written: () => written };
}

/** How a call ends, in what time, and what is alive then on the heap and beside it, more than before. */
async function ending(mesh: MeshClient): Promise<{ result: string | MeshError; took: number; grown: number }> {
  const before = process.memoryUsage();
  const begun = performance.now();
  const result = await get(mesh);
  const took = performance.now() - begun;
  const after = process.memoryUsage();
  return { result, took, grown: after.heapUsed + after.external - before.heapUsed - before.external };
}

const RESET = { code: 'CONNECTION_RESET', outcome: 'failure' };
const IN_VAIN = { code: 'ATTEMPT_TIMEOUT', sent: 'maybe' };

describe('a server that, over HTTP/2, sends', () => {
  it('well-formed frames is understood: what is below fails for what is wrong with it', async () => {
    const server = await serve({ each: (socket, stream) => socket.write(Buffer.concat([
      response(stream, FLAG.endHeaders, Buffer.concat([Buffer.from([0x08, 3]), Buffer.from('103')])), response(stream, FLAG.endHeaders, Buffer.concat([OK, literal('x-a', 'b')])), frame(FRAME.data, FLAG.endStream, stream, Buffer.from('fine')),
    ])) });
    expect(await get(meshOf(server))).toBe('fine');
  });

  const early = (stream: number): Buffer => response(stream, FLAG.endHeaders, Buffer.concat([Buffer.from([0x08, 3]), Buffer.from('103'), literal('link', `</${'a'.repeat(100)}>`)]));
  it.each<[what: string, each: (socket: Socket, stream: number) => unknown, outcome: object]>([
    ['headers that CONTINUATION never ends', (socket, stream) => {
      socket.write(response(stream, FLAG.none));
      pour(socket, frame(FRAME.continuation, FLAG.none, stream, literal('x-a', 'b'.repeat(100))));
    }, RESET],
    ['CONTINUATION that is empty, for ever', (socket, stream) => {
      socket.write(response(stream, FLAG.none));
      pour(socket, frame(FRAME.continuation, FLAG.none, stream));
    }, RESET],
    ['1xx for ever', (socket, stream) => pour(socket, early(stream)), IN_VAIN],
    ['SETTINGS for ever', (socket) => pour(socket, settings([SETTING.maxConcurrentStreams, 100])), { code: expect.stringMatching(/^(?:CONNECTION_RESET|ATTEMPT_TIMEOUT)$/) }],
    ['SETTINGS for ever, and takes no acknowledgement', (socket) => (socket.pause(), pour(socket, settings())), RESET],
    ['PING for ever', (socket) => pour(socket, frame(FRAME.ping, FLAG.none, 0, Buffer.alloc(8))), { code: expect.stringMatching(/^(?:CONNECTION_RESET|ATTEMPT_TIMEOUT)$/) }],
    ['PING for ever, and takes no answer', (socket) => (socket.pause(), pour(socket, frame(FRAME.ping, FLAG.none, 0, Buffer.alloc(8)))), RESET],
    ['WINDOW_UPDATE without end', (socket) => pour(socket, frame(FRAME.windowUpdate, FLAG.none, 0, Buffer.from([0x7f, 0xff, 0xff, 0xff]))), RESET],
    ['frames of no kind, for ever', (socket) => pour(socket, frame(0xbe, FLAG.none, 0, Buffer.alloc(100))), { code: expect.stringMatching(/^(?:CONNECTION_RESET|ATTEMPT_TIMEOUT)$/) }],
    // nghttp2 says GOAWAY and hears no more of it, and node tells nobody: the ping after a call without an answer finds that out.
    ['a frame longer than any', (socket) => pour(socket, frame(FRAME.ping, FLAG.none, 0, Buffer.alloc(1 * MB))), IN_VAIN],
    ['what nobody asked for (PUSH_PROMISE)', (socket, stream) => socket.write(frame(FRAME.pushPromise, FLAG.endHeaders, stream, Buffer.concat([Buffer.from([0, 0, 0, 2]), OK]))), RESET],
    ['bytes that are no frames', (socket) => pour(socket, Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine')), IN_VAIN],
  ])('%s, is cut off', async (_what, each, outcome) => {
    const server = await serve({ each });
    const { result, took, grown } = await ending(meshOf(server));
    expect(result).toMatchObject(outcome);
    expect(took).toBeLessThan(5_000);
    expect(grown).toBeLessThan(60 * MB);
    await eventually(() => server.connections.size, (size) => size === 0);
  });

  it('a thousand headers of four kilobytes in a thousand bytes has its stream reset', async () => {
    const server = await serve({ each: (socket, stream) => socket.write(response(stream, FLAG.endHeaders, Buffer.concat([OK, kept('x-a', Buffer.alloc(4000, 0x62)), Buffer.alloc(1000, LAST_KEPT)]))) });
    const { result, grown } = await ending(meshOf(server));
    expect(result).toMatchObject(RESET);
    expect((result as MeshError).message).toContain('ENHANCE_YOUR_CALM');
    expect(grown).toBeLessThan(4 * MB);
  });

  it.each<[what: string, bytes: (stream: number) => Buffer]>([
    ['more than there is room for', (stream) => frame(FRAME.data, FLAG.none, stream, Buffer.alloc(16_384))],
    ['nothing, for ever', (stream) => frame(FRAME.data, FLAG.none, stream)],
  ])('a body of %s breaks off with an error', async (_what, bytes) => {
    const server = await serve({ each: (socket, stream) => {
      socket.write(response(stream));
      pour(socket, bytes(stream));
    } });
    const { body } = await meshOf(server).request('http://reviews/');
    // Nobody reads yet, so it may send a window's worth and no more.
    await new Promise((resolve) => setTimeout(resolve, 100));
    await expect(body.text()).rejects.toMatchObject({ code: 'CONNECTION_RESET', sent: 'yes' });
  });
});

describe('a server that, over HTTP/2, breaks the protocol', () => {
  const tooLong = frame(FRAME.ping, FLAG.none, 0, Buffer.alloc(20_000));
  it.each<[when: string, first: (socket: Socket, stream: number) => void]>([
    ['before it answers', (socket) => socket.write(tooLong)],
    ['while it answers', (socket, stream) => socket.write(Buffer.concat([response(stream), tooLong]))],
  ])('%s costs the calls on that connection, and none after them', async (_when, first) => {
    let requests = 0;
    const server = await serve({ each: (socket, stream) => {
      requests += 1;
      if (requests === 1) first(socket, stream);
      else socket.write(Buffer.concat([response(stream), frame(FRAME.data, FLAG.endStream, stream, Buffer.from('fine'))]));
    } });
    const mesh = meshOf(server, { deadline: '700ms' });
    expect(await get(mesh)).toMatchObject({ code: expect.stringMatching(/^(?:ATTEMPT_TIMEOUT|DEADLINE_EXCEEDED)$/) });
    await eventually(() => server.connections.size, (size) => size === 0);
    for (let call = 0; call < 3; call += 1) expect(await get(mesh)).toBe('fine');
    expect(server.accepted).toBe(2);
  });
});

describe('a server that, over HTTP/2, allows', () => {
  it('no request at all is not asked again and again', async () => {
    const server = await serve({ first: settings([SETTING.maxConcurrentStreams, 0]) });
    const mesh = meshOf(server);
    expect(await Promise.all(Array.from({ length: 10 }, () => get(mesh)))).toEqual(Array(10).fill(expect.objectContaining({ code: 'CONNECTION_RESET', sent: 'no', outcome: 'overload' })));
    expect(server.accepted).toBeLessThanOrEqual(10);
  });
});
