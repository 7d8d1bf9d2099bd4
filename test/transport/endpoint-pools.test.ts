import { readFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { MeshError } from '../../src/core/errors.ts';
import { ConnectTimeout, toMeshError } from '../../src/transport/transport-errors.ts';
import { request } from '../../src/transport/undici.ts';
import { eventually } from '../support/eventually.ts';
import { closedPort, startServer, startTcp } from '../support/http-server.ts';
import { wire } from '../support/wire.ts';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

function through(...args: Parameters<typeof wire>) {
  const opened = wire(...args);
  cleanup.push(() => opened.close());
  return opened;
}

const get = (dispatcher: ReturnType<typeof wire>['dispatcher'], url = 'http://reviews/') => request(url, { dispatcher });

describe('connections', () => {
  it('are reused', async () => {
    const server = await startServer((_request, response) => response.end());
    cleanup.push(() => server.close());
    const { dispatcher } = through(server);
    for (let call = 0; call < 10; call += 1) await (await get(dispatcher)).body.dump();
    // undici hands a socket back one turn of the event loop after the answer, so a loop like this one uses two.
    expect(server.accepted).toBeLessThanOrEqual(2);
  });

  it('to an endpoint that refuses leave nothing behind', async () => {
    const { dispatcher, close } = through({ host: '127.0.0.1', port: await closedPort() });
    for (let call = 0; call < 20; call += 1) await expect(get(dispatcher)).rejects.toMatchObject({ code: 'CONNECT_FAILED', sent: 'no' });
    const before = process.getActiveResourcesInfo().filter((kind) => kind.startsWith('TCP')).length;
    await close();
    expect(process.getActiveResourcesInfo().filter((kind) => kind.startsWith('TCP')).length).toBeLessThanOrEqual(before);
  });

  it('that this machine has no descriptors, ports or memory for are not the endpoint’s fault', () => {
    const context = { service: 'reviews', endpoint: { host: '10.0.0.1', port: 80, weight: 1, priority: 0 }, attempts: 1, sent: 'no', bodyFailed: false } as const;
    const outcomeOf = (error: Error) => toMeshError(error, context).outcome;
    for (const code of ['EMFILE', 'EADDRNOTAVAIL', 'ENOBUFS']) expect(outcomeOf(Object.assign(new Error(code), { code }))).toBe('local');
    expect(outcomeOf(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))).toBe('failure');
    expect(outcomeOf(new ConnectTimeout(1000, 5))).toBe('failure');
    expect(outcomeOf(new ConnectTimeout(1000, 500))).toBe('local');
  });

  it('that failed while others waited are all gone after destroy', async () => {
    const port = await closedPort();
    const { dispatcher, close } = through({ host: '127.0.0.1', port });
    const failing = Promise.allSettled(Array.from({ length: 20 }, () => get(dispatcher)));
    await failing;
    const server = await startTcp((socket) => socket.resume());
    cleanup.push(() => server.close());
    server.server.close();
    await close();
    expect(server.connections.size).toBe(0);
  });

  it('must be made within connectTimeout, TLS included, on a timer that is not coarse', async () => {
    // Accepts, and never says a word of TLS.
    const server = await startTcp((socket) => socket.resume());
    cleanup.push(() => server.close());
    const { dispatcher } = through(server, { connectTimeout: 60 });
    const begun = performance.now();
    const error = await get(dispatcher, 'https://reviews/').catch((caught: unknown) => caught);
    const elapsed = performance.now() - begun;
    expect(error).toMatchObject({ code: 'CONNECT_FAILED', sent: 'no', outcome: 'failure' });
    expect((error as Error).message).toContain('not connected within 60 ms');
    // undici's own timer would take a second for 60 ms.
    expect(elapsed).toBeLessThan(900);
  });

  it('are made ahead by warm(), and the first request finds one', async () => {
    let requests = 0;
    const server = await startServer((_request, response) => response.end(String((requests += 1))));
    cleanup.push(() => server.close());
    const { pools, dispatcher } = through(server);
    await pools.warm({ host: server.host, port: server.port, weight: 1, priority: 0 });
    await eventually(() => server.connections.size, (size) => size === 1);
    expect(requests).toBe(0);
    await (await get(dispatcher)).body.dump();
    expect([server.accepted, requests]).toEqual([1, 1]);
    await pools.warm({ host: '127.0.0.1', port: await closedPort(), weight: 1, priority: 0 });
  });

  it('of a retired endpoint finish what is in flight, then close; idle ones close at once', async () => {
    let finish = (): void => {};
    const server = await startServer((request, response) => {
      if (request.url === '/slow') {
        response.write('begin ');
        finish = () => response.end('end');
      } else response.end('quick');
    });
    cleanup.push(() => server.close());
    const { pools, dispatcher } = through(server);
    const slow = await get(dispatcher, 'http://reviews/slow');
    await (await get(dispatcher)).body.dump();
    expect(server.connections.size).toBe(2);
    pools.retire({ host: server.host, port: server.port, weight: 1, priority: 0 });
    await eventually(() => server.connections.size, (size) => size === 1);
    finish();
    expect(await slow.body.text()).toBe('begin end');
    await eventually(() => server.connections.size, (size) => size === 0);
  });

  it('are all broken by destroy, with its reason', async () => {
    const server = await startServer((_request, response) => void response.write('begin'));
    cleanup.push(() => server.close());
    const { pools, dispatcher } = through(server);
    const { body } = await get(dispatcher);
    const reading = body.text();
    await pools.destroy(new MeshError('CLIENT_CLOSED', 'closed'));
    await expect(reading).rejects.toMatchObject({ code: 'CLIENT_CLOSED' });
    await eventually(() => server.connections.size, (size) => size === 0);
  });
});

describe('TLS', () => {
  it('asks for the service’s name on every connection, whatever Host header a request brings', async () => {
    const folder = new URL('../support/certificates/', import.meta.url);
    const names: (string | false | null)[] = [];
    const server = createTlsServer({ key: readFileSync(new URL('reviews.key', folder)), cert: readFileSync(new URL('reviews.crt', folder)) }, (_request, response) => response.end('hello'));
    server.on('secureConnection', (socket: TLSSocket) => names.push((socket as TLSSocket & { servername: string | false }).servername));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanup.push(() => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }));
    const strict = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      const { dispatcher } = through({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
      for (const host of ['reviews', 'short', 'reviews', 'short']) {
        const { body } = await request('https://reviews/', { dispatcher, headers: { host } });
        expect(await body.text()).toBe('hello');
      }
    } finally {
      if (strict === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = strict;
    }
    expect(new Set(names)).toEqual(new Set(['reviews']));
    expect(names.length).toBeLessThanOrEqual(2);
  });
});
