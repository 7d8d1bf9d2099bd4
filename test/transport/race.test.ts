import { readFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { racing, type Connector } from '../../src/transport/race.ts';
import { request } from '../../src/transport/undici.ts';
import { eventually } from '../support/eventually.ts';
import { closedPort, startServer, startTcp } from '../support/http-server.ts';
import { hasLoopback6 } from '../support/ipv6.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { wire } from '../support/wire.ts';

/** Connections that do as they are told, each by its address. */
class Road {
  readonly clock = new VirtualClock();
  readonly begun: string[] = [];
  readonly destroyed: string[] = [];
  readonly outcomes: string[] = [];
  alternate: string | undefined = 'six';
  readonly #callbacks = new Map<string, Parameters<Connector>[1]>();
  readonly #connector = racing((options, callback) => {
    const { hostname } = options as { hostname: string };
    this.begun.push(hostname);
    this.#callbacks.set(hostname, callback);
    return this.#socket(hostname);
  }, this.clock, () => this.alternate);
  readonly #sockets = new Map<string, Socket>();

  connect(): ReturnType<Connector> {
    this.begun.length = this.destroyed.length = this.outcomes.length = 0;
    this.#sockets.clear();
    return this.#connector({ hostname: 'four', port: 80 }, (error, socket) => {
      const won = [...this.#sockets].find(([, each]) => each === socket);
      this.outcomes.push(error === null ? won![0] : error instanceof AggregateError ? error.errors.map(String).join() : error.message);
    });
  }

  connected(address: string): void {
    this.#callbacks.get(address)!(null, this.#socket(address));
  }

  failed(address: string, code = 'ECONNREFUSED'): void {
    this.#callbacks.get(address)!(Object.assign(new Error(`${address} ${code}`), { code }), null);
  }

  #socket(address: string): Socket {
    const known = this.#sockets.get(address) ?? { destroy: () => void this.destroyed.push(address) } as unknown as Socket;
    this.#sockets.set(address, known);
    return known;
  }
}

describe('two addresses of one endpoint', () => {
  it('are not both tried where the preferred one connects in time', async () => {
    const road = new Road();
    road.connect();
    await road.clock.advance(249);
    road.connected('four');
    expect(road.clock.timers).toBe(0);
    await road.clock.advance(1000);
    expect([road.begun, road.outcomes, road.destroyed]).toEqual([['four'], ['four'], []]);
  });

  it('are tried together after 250 ms; the first that connects wins, and the other is destroyed', async () => {
    const road = new Road();
    road.connect();
    await road.clock.advance(249);
    expect(road.begun).toEqual(['four']);
    await road.clock.advance(1);
    expect(road.begun).toEqual(['four', 'six']);
    road.connected('six');
    road.failed('four');
    expect([road.outcomes, road.destroyed, road.clock.timers]).toEqual([['six'], ['four'], 0]);

    const late = new Road();
    late.connect();
    await late.clock.advance(300);
    late.connected('four');
    expect([late.outcomes, late.destroyed]).toEqual([['four'], ['six']]);
  });

  it('follow one another at once where the preferred one fails', async () => {
    const road = new Road();
    road.connect();
    road.failed('four');
    expect(road.begun).toEqual(['four', 'six']);
    road.connected('six');
    await road.clock.advance(1000);
    expect([road.begun, road.outcomes, road.clock.timers]).toEqual([['four', 'six'], ['six'], 0]);
  });

  it('have failed when both have, with the reasons of both and the code of the first', () => {
    const road = new Road();
    const failing = racing((options, callback) => {
      const { hostname } = options as { hostname: string };
      queueMicrotask(() => callback(Object.assign(new Error(hostname), { code: hostname === 'four' ? 'ECONNREFUSED' : 'ENETUNREACH' }), null));
      return { destroy: () => undefined as never };
    }, road.clock, () => 'six');
    const done = new Promise<Error>((resolve) => failing({ hostname: 'four' }, (error) => resolve(error!)));
    road.connect();
    road.failed('four');
    road.failed('six', 'ENETUNREACH');
    expect(road.outcomes).toEqual(['Error: four ECONNREFUSED,Error: six ENETUNREACH']);
    return done.then((error) => {
      expect((error as { code?: unknown }).code).toBe('ECONNREFUSED');
    });
  });

  it('are both given up when time is up, and nothing is begun after that', async () => {
    const road = new Road();
    road.connect().destroy(new Error('time is up'));
    road.failed('four');
    await road.clock.advance(1000);
    expect([road.begun, road.outcomes, road.destroyed]).toEqual([['four'], ['time is up'], ['four']]);
    const connecting = road.connect();
    await road.clock.advance(250);
    connecting.destroy(new Error('time is up'));
    road.failed('four');
    road.failed('six');
    expect([road.outcomes, road.destroyed]).toEqual([['time is up'], ['four', 'six']]);
  });

  it('change places for the next connection where the other one won, until that fails', async () => {
    const road = new Road();
    road.connect();
    await road.clock.advance(250);
    road.connected('six');
    road.connect();
    expect(road.begun).toEqual(['six']);
    road.failed('six');
    road.connected('four');
    road.connect();
    expect(road.begun).toEqual(['four']);
    road.connected('four');
    road.alternate = undefined;
    road.connect();
    await road.clock.advance(1000);
    expect(road.begun).toEqual(['four']);
  });
});

describe.skipIf(!hasLoopback6)('an endpoint with an address in each family (needs ::1)', () => {
  const cleanup: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of cleanup.splice(0).reverse()) await close();
  });

  function through(...args: Parameters<typeof wire>): ReturnType<typeof wire> {
    const opened = wire(...args);
    cleanup.push(() => opened.close());
    return opened;
  }

  it('is reached where only one of them listens', async () => {
    for (const [here, elsewhere] of [['127.0.0.1', '::1'], ['::1', '127.0.0.1']] as const) {
      const server = await startServer((_request, response) => response.end('hello'), here);
      cleanup.push(() => server.close());
      const { dispatcher } = through({ host: elsewhere, port: server.port, alternate: here });
      const { body } = await request('http://reviews/', { dispatcher });
      expect(await body.text()).toBe('hello');
      expect(server.accepted).toBe(1);
    }
  });

  it('is reached by the address that discovery learned of later', async () => {
    const server = await startServer((_request, response) => response.end('hello'), '::1');
    cleanup.push(() => server.close());
    const { pools, dispatcher } = through({ host: '127.0.0.1', port: server.port });
    await expect(request('http://reviews/', { dispatcher })).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
    await pools.warm({ host: '127.0.0.1', port: server.port, alternate: '::1', weight: 1, priority: 0 });
    await eventually(() => server.connections.size === 1);
  });

  it('is called what both said where neither listens', async () => {
    const { dispatcher } = through({ host: '127.0.0.1', port: await closedPort(), alternate: '::1' });
    const error: unknown = await request('http://reviews/', { dispatcher }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'CONNECT_FAILED', sent: 'no', outcome: 'failure' });
    expect((error as Error).message).toMatch(/ECONNREFUSED 127\.0\.0\.1.*ECONNREFUSED ::1/);
  });

  it('is reached with TLS past an address that swallows everything, by the name of the service, and that one is hung up on', async () => {
    const hole = await startTcp((socket) => socket.resume());
    cleanup.push(() => hole.close());
    const folder = new URL('../support/certificates/', import.meta.url);
    const names: unknown[] = [];
    const server = createTlsServer({ key: readFileSync(new URL('reviews.key', folder)), cert: readFileSync(new URL('reviews.crt', folder)) }, (_request, response) => response.end('hello'));
    server.on('secureConnection', (socket) => names.push((socket as { servername?: unknown }).servername));
    await new Promise<void>((resolve) => server.listen(hole.port, '::1', resolve));
    cleanup.push(() => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }));
    const strict = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      const { dispatcher } = through({ host: '127.0.0.1', port: hole.port, alternate: '::1' });
      const { body } = await request('https://reviews/', { dispatcher });
      expect(await body.text()).toBe('hello');
    } finally {
      if (strict === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = strict;
    }
    expect([hole.accepted, names]).toEqual([1, ['reviews']]);
    await eventually(() => hole.connections.size === 0);
  });

  it('is given up within connectTimeout where both swallow everything', async () => {
    const four = await startTcp((socket) => socket.resume());
    const six = await startTcp((socket) => socket.resume(), '::1', four.port);
    cleanup.push(() => four.close(), () => six.close());
    const { dispatcher } = through({ host: '127.0.0.1', port: four.port, alternate: '::1' }, { connectTimeout: 300 });
    await expect(request('https://reviews/', { dispatcher })).rejects.toThrow('not connected within 300 ms');
    expect([four.accepted, six.accepted]).toEqual([1, 1]);
    await eventually(() => four.connections.size + six.connections.size === 0);
  });
});
