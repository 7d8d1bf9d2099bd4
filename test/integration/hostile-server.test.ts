/**
 * Servers that mean harm, or are broken as if they did: what a call makes of them, in what time, and that this process's memory stays its own.
 */
import type { Server, Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createMeshClient, MeshError, type MeshClient, type PolicyDocument } from '../../src/index.ts';
import { collect } from '../support/collect.ts';
import { startTcp, type Running } from '../support/http-server.ts';
import { onRequests } from '../support/raw-requests.ts';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

async function serve(each: (socket: Socket, request: number) => void): Promise<Running<Server>> {
  let requests = 0;
  const server = await startTcp((socket) => onRequests(socket, () => each(socket, (requests += 1))));
  cleanup.push(() => server.close());
  return server;
}

function meshOf({ host, port }: { host: string; port: number }, knobs: NonNullable<PolicyDocument['defaults']> = {}): MeshClient {
  const defaults = { circuit: 'off', outlier: 'off', retry: 'off', deadline: '3s', attemptTimeout: '400ms', ...knobs } as const;
  const mesh = createMeshClient({ policy: { version: 1, defaults, services: { reviews: { discovery: { endpoints: [`${host}:${port}`] } } } } });
  cleanup.push(() => mesh.close({ timeout: 0 }));
  return mesh;
}

async function get(mesh: MeshClient, path = '/'): Promise<string | MeshError> {
  try {
    const { body } = await mesh.request(`http://reviews${path}`);
    return await body.text();
  } catch (error) {
    expect(error).toBeInstanceOf(MeshError);
    return error as MeshError;
  }
}

/** Writes the same again and again, as fast as it is taken, up to so many bytes. */
function pour(socket: Socket, text: string, most: number): { readonly written: () => number } {
  const chunk = Buffer.from(text.repeat(Math.ceil(65_536 / text.length)));
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

const MB = 1024 * 1024;
/** The most that is kept on the heap and beside it while this goes on, more than before: without what is garbage, of which a quick machine makes more. */
async function growth(work: () => Promise<unknown>): Promise<number> {
  const kept = (): number => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = kept();
  let most = before;
  const timer = setInterval(() => (most = Math.max(most, kept())), 50);
  await work();
  clearInterval(timer);
  return most - before;
}

describe('a server that sends', () => {
  it('100 MB of headers is cut off after some kilobytes of them', async () => {
    let poured: ReturnType<typeof pour> | undefined;
    const server = await serve((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      poured = pour(socket, `x-${'a'.repeat(50)}: ${'b'.repeat(200)}\r\n`, 100 * MB);
    });
    const error = await get(meshOf(server));
    expect(error).toMatchObject({ code: 'CONNECTION_RESET', sent: 'maybe', outcome: 'failure' });
    expect((error as MeshError).message).toMatch(/header/i);
    // What its own and our kernel hold of it.
    expect(poured!.written()).toBeLessThan(20 * MB);
  });

  it('one header of 100 MB, too', async () => {
    const server = await serve((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nx-long: ');
      pour(socket, 'b', 100 * MB);
    });
    expect(await get(meshOf(server))).toMatchObject({ code: 'CONNECTION_RESET', outcome: 'failure' });
  });

  it('1xx by the hundred has its first sixteen kept, and its answer', async () => {
    const hints = 'HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n'.repeat(200);
    const server = await serve((socket) => void socket.write(`${hints}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine`));
    let told = 0;
    const { body } = await meshOf(server).request('http://reviews/', { onInfo: () => (told += 1) });
    expect([await body.text(), told]).toEqual(['fine', 16]);
  });

  it('1xx for ever has as long as an attempt has, and costs no memory', async () => {
    const server = await serve((socket) => void pour(socket, `HTTP/1.1 103 Early Hints\r\nlink: </${'a'.repeat(500)}>\r\n\r\n`, 1024 * MB));
    const mesh = meshOf(server);
    let result: string | MeshError = '';
    const begun = performance.now();
    const grown = await growth(async () => (result = await get(mesh)));
    expect(result).toMatchObject({ code: 'ATTEMPT_TIMEOUT', sent: 'maybe' });
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect(grown).toBeLessThan(40 * MB);
  });

  it.each([
    ['no number', 'zz\r\nfine\r\n'], ['a negative number', '-4\r\nfine\r\n'], ['more than any number', 'fffffffffffffffff\r\nfine\r\n'], ['a number and more', '4 4\r\nfine\r\n'],
    ['a chunk that is longer', '3\r\nfine\r\n0\r\n\r\n'], ['an extension without end', `4;${'a'.repeat(200_000)}`],
  ])('a chunk size that is %s ends the body with an error', async (_what, chunks) => {
    const server = await serve((socket) => socket.write(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunks}`));
    expect(await get(meshOf(server, { deadline: '600ms' }))).toMatchObject({ code: expect.stringMatching(/^(?:CONNECTION_RESET|DEADLINE_EXCEEDED)$/) });
  });

  it.each([
    ['two lengths', 'content-length: 4\r\ncontent-length: 8'], ['a length and chunks', 'content-length: 4\r\ntransfer-encoding: chunked'], ['a length that is none', 'content-length: 4, 8'], ['a negative length', 'content-length: -4'],
    ['a line break in a value', 'x-a: b\nset-cookie: evil=1\r\ncontent-length: 4'], ['a carriage return in a value', 'x-a: b\rset-cookie: evil=1\r\ncontent-length: 4'], ['a NUL in a value', 'x-a: b\0c\r\ncontent-length: 4'], ['a space in a name', 'x a: b\r\ncontent-length: 4'],
  ])('%s among its headers is not believed', async (_what, headers) => {
    const server = await serve((socket) => socket.write(`HTTP/1.1 200 OK\r\n${headers}\r\n\r\nfine`));
    const mesh = meshOf(server);
    expect(await get(mesh)).toMatchObject({ code: 'CONNECTION_RESET', outcome: 'failure' });
  });

  it('a second response nobody asked for gives it to nobody', async () => {
    const server = await serve((socket, number) => socket.write(number % 2 === 1
      ? 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfineHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil'
      : 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine'));
    const mesh = meshOf(server);
    for (let call = 0; call < 20; call += 1) {
      const result = await get(mesh, `/${call}`);
      // The first may be met by the error that the second one is; it is never the second one.
      if (typeof result === 'string') expect(result).toBe('fine');
      else expect(result.code).toBe('CONNECTION_RESET');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });

  it('a body without end holds no more than its reader takes', async () => {
    let poured: ReturnType<typeof pour> | undefined;
    const server = await serve((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      poured = pour(socket, 'x'.repeat(1024), 500 * MB);
    });
    const { body } = await meshOf(server, { deadline: '800ms' }).request('http://reviews/');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(poured!.written()).toBeLessThan(30 * MB);
    await expect(body.text()).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });
});
