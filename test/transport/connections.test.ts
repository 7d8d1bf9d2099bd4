import { connect as connectTcp, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { defaultServicePolicy, type ConnectionKnobs } from '../../src/core/policy.ts';
import { seededRandom } from '../../src/core/random.ts';
import { Connections } from '../../src/transport/connections.ts';
import { buildConnector, request } from '../../src/transport/undici.ts';
import { eventually } from '../support/eventually.ts';
import { closedPort, startServer, startTcp, type Running } from '../support/http-server.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { wire } from '../support/wire.ts';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

type Wired = ReturnType<typeof wire>;

function through(...args: Parameters<typeof wire>): Wired {
  const opened = wire(...args);
  cleanup.push(() => opened.close());
  return opened;
}

async function serve(...args: Parameters<typeof startServer>): Promise<Running> {
  const server = await startServer(...args);
  cleanup.push(() => server.close());
  return server;
}

async function get({ dispatcher }: Wired, path = '/'): Promise<string> {
  const { body } = await request(`http://reviews${path}`, { dispatcher });
  return body.text();
}

/** undici hands a connection back one turn of the event loop after the answer. */
const handedBack = () => new Promise((resolve) => setTimeout(resolve, 5));
const MINUTE = 60_000;

/** Sockets are real, and age in the time of the test. */
async function aging(knobs: Partial<ConnectionKnobs>) {
  const clock = new VirtualClock(1_000_000);
  const server = await serve((_incoming, response) => response.end());
  const mesh = through(server, knobs, clock);
  const once = async () => {
    await get(mesh);
    await handedBack();
  };
  return { clock, server, mesh, once };
}

describe('a connection', () => {
  it('is used for nine tenths of maxAge at least, and no longer than eleven', async () => {
    const { clock, server, once } = await aging({ maxAge: 5 * MINUTE });
    await once();
    clock.stall(0.9 * 5 * MINUTE - 1);
    await once();
    expect(server.accepted).toBe(1);
    clock.stall(0.2 * 5 * MINUTE + 1);
    await once();
    expect(server.accepted).toBe(2);
    await eventually(() => server.connections.size, (size) => size === 1);
  });

  it('that was opened together with others is not closed together with them', async () => {
    const { clock, server, mesh } = await aging({ maxAge: 5 * MINUTE });
    const round = async () => {
      await Promise.all(Array.from({ length: 40 }, () => get(mesh)));
      await handedBack();
    };
    await round();
    expect(server.accepted).toBe(40);
    clock.stall(5 * MINUTE);
    await round();
    // Each with even chance, so 20 ± 4 standard deviations.
    expect(server.accepted - 40).toBeGreaterThan(7);
    expect(server.accepted - 40).toBeLessThan(33);
  });

  it('finishes its request first, however old it is, and is closed then', async () => {
    const responses: { end(text: string): void }[] = [];
    const clock = new VirtualClock(1_000_000);
    const server = await serve((_incoming, response) => {
      response.write('begin ');
      responses.push(response);
    });
    const mesh = through(server, { maxAge: 5 * MINUTE, keepAlive: 60 * MINUTE }, clock);
    const { body } = await request('http://reviews/', { dispatcher: mesh.dispatcher });
    clock.stall(60 * MINUTE);
    await handedBack();
    expect(server.connections.size).toBe(1);
    responses[0]!.end('end');
    expect(await body.text()).toBe('begin end');
    await eventually(() => server.connections.size, (size) => size === 0);
  });

  it('lives as long as it is used where maxAge is off', async () => {
    const { clock, server, once } = await aging({ maxAge: 'off' });
    for (let day = 0; day < 5; day += 1) {
      await once();
      clock.stall(24 * 60 * MINUTE);
    }
    expect([server.accepted, server.connections.size]).toEqual([1, 1]);
  });

  it('follows a reload', async () => {
    const knobs: { maxAge: number | 'off'; keepAlive: number } = { maxAge: 'off', keepAlive: 60 * MINUTE };
    const { clock, server, once } = await aging(knobs);
    await once();
    clock.stall(10 * MINUTE);
    knobs.maxAge = 5 * MINUTE;
    await once();
    expect(server.accepted).toBe(2);
  });

  it('that idles closes after keepAlive, though the server would keep it for longer', async () => {
    const server = await serve((_incoming, response) => {
      response.setHeader('keep-alive', 'timeout=600');
      response.end();
    });
    const mesh = through(server, { keepAlive: 200 });
    await get(mesh);
    expect(server.connections.size).toBe(1);
    await eventually(() => server.connections.size, (size) => size === 0);
  });

  it('that the server closes with its answer is taken out, and the next request has another', async () => {
    const server = await serve((_incoming, response) => {
      response.setHeader('connection', 'close');
      response.end('last words');
    });
    const mesh = through(server);
    for (let call = 1; call <= 5; call += 1) {
      expect(await get(mesh)).toBe('last words');
      expect(server.accepted).toBe(call);
    }
    await eventually(() => server.connections.size, (size) => size === 0);
  });

  it('that the server closed while it was idle is taken out, and no request fails for it', async () => {
    const server = await serve((_incoming, response) => response.end('hello'));
    const mesh = through(server);
    for (let call = 1; call <= 10; call += 1) {
      expect(await get(mesh)).toBe('hello');
      await handedBack();
      for (const socket of server.connections) socket.end();
      await eventually(() => server.connections.size, (size) => size === 0);
    }
  });

  it('that the server closes with its answer, without having said so, carries no other request', async () => {
    const server = await startTcp((socket) => socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello')));
    cleanup.push(() => server.close());
    const mesh = through(server);
    for (let call = 1; call <= 20; call += 1) {
      const { body } = await request('http://reviews/', { dispatcher: mesh.dispatcher, method: 'POST', body: 'once' });
      expect(await body.text()).toBe('hello');
    }
    expect(server.accepted).toBe(20);
  });

  it('that was upgraded is no connection any longer', async () => {
    const server = await startTcp((socket) => socket.once('data', () => socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n')));
    cleanup.push(() => server.close());
    const { connection } = defaultServicePolicy;
    const connections = new Connections({ origin: `http://127.0.0.1:${server.port}`, clock: systemClock, random: seededRandom(1), knobs: () => connection, connect: buildConnector({ timeout: 0 }) });
    cleanup.push(() => connections.destroy(new Error('over')));
    const socket = await new Promise<Duplex>((resolve, reject) => {
      const handler = { over: false, onConnect() {}, onUpgrade: (_status: number, _headers: unknown, upgraded: Duplex) => resolve(upgraded), onHeaders: () => true, onData: () => true, onComplete() {}, onError: reject };
      connections.dispatch({ method: 'GET', path: '/', upgrade: 'echo' }, handler);
    });
    socket.destroy();
    await eventually(() => connections.size, (size) => size === 0);
  });

  it('that was given a request that cannot be sent is free again', async () => {
    const server = await serve((_incoming, response) => response.end('hello'));
    const mesh = through(server);
    await get(mesh);
    await handedBack();
    for (let call = 0; call < 5; call += 1) {
      await expect(request('http://reviews/', { dispatcher: mesh.dispatcher, headers: { 'transfer-encoding': 'chunked' } })).rejects.toThrow();
      await get(mesh);
      await handedBack();
    }
    expect(server.accepted).toBe(1);
  });

  it('whose request is given up is closed, and none is opened in its place', async () => {
    const server = await serve(() => {});
    const mesh = through(server);
    for (let call = 1; call <= 5; call += 1) {
      const giveUp = new AbortController();
      const answer = request('http://reviews/', { dispatcher: mesh.dispatcher, signal: giveUp.signal });
      await eventually(() => server.accepted, (accepted) => accepted === call);
      await handedBack();
      giveUp.abort();
      await expect(answer).rejects.toThrow();
      await eventually(() => server.connections.size, (size) => size === 0);
    }
    await handedBack();
    expect(server.accepted).toBe(5);
  });

  it('that was used last is used next, so that the others grow idle', async () => {
    const ports = new Map<number, number>();
    const server = await serve((incoming, response) => {
      const port = incoming.socket.remotePort!;
      ports.set(port, (ports.get(port) ?? 0) + 1);
      response.end();
    });
    const mesh = through(server);
    await Promise.all(Array.from({ length: 8 }, () => get(mesh)));
    await handedBack();
    for (let call = 0; call < 20; call += 1) {
      await get(mesh);
      await handedBack();
    }
    expect(Math.max(...ports.values())).toBe(21);
  });
});

describe('what is kept of connections', () => {
  function connectionsTo(port: number): Connections {
    const { connection } = defaultServicePolicy;
    const connect = buildConnector({ timeout: 0 });
    const connections = new Connections({ origin: `http://127.0.0.1:${port}`, clock: systemClock, random: seededRandom(1), knobs: () => connection, connect });
    cleanup.push(() => connections.destroy(new Error('over')));
    return connections;
  }

  /** Resolves with what became of it. */
  function send(connections: Connections): Promise<string> {
    return new Promise((resolve) => {
      const handler = { over: false, onConnect() {}, onHeaders: () => true, onData: () => true, onComplete: () => resolve('done'), onError: (error: Error) => resolve(String(error)) };
      connections.dispatch({ method: 'GET', path: '/' }, handler);
    });
  }

  it('is nothing once they failed, were closed by the server, or closed while idle', async () => {
    const refusing = connectionsTo(await closedPort());
    for (let call = 0; call < 10; call += 1) expect(await send(refusing)).toContain('ECONNREFUSED');
    expect([refusing.size, refusing.connected]).toEqual([0, false]);

    const closing = await serve((_incoming, response) => response.setHeader('connection', 'close').end());
    const once = connectionsTo(closing.port);
    await Promise.all(Array.from({ length: 10 }, () => send(once)));
    await eventually(() => once.size, (size) => size === 0);

    const breaking = await startTcp((socket) => socket.once('data', () => socket.destroy()));
    cleanup.push(() => breaking.close());
    const broken = connectionsTo(breaking.port);
    for (let call = 0; call < 10; call += 1) expect(await send(broken)).toContain('SocketError');
    await eventually(() => broken.size, (size) => size === 0);

    const server = await serve((_incoming, response) => response.end());
    const idle = connectionsTo(server.port);
    await Promise.all(Array.from({ length: 10 }, () => send(idle)));
    await handedBack();
    expect([idle.size, idle.connected]).toEqual([10, true]);
    for (const socket of server.connections) socket.destroy();
    await eventually(() => idle.size, (size) => size === 0);
    expect(await send(idle)).toBe('done');
  });

  it('after destroy is nothing, whatever is under way, and nothing comes back', async () => {
    const server = await serve(() => {});
    const connections = connectionsTo(server.port);
    const sent = Array.from({ length: 5 }, () => send(connections));
    await eventually(() => server.connections.size, (size) => size === 5);
    sent.push(send(connections));
    await connections.destroy(new Error('enough'));
    for (const became of await Promise.all(sent)) expect(became).toContain('enough');
    expect(connections.size).toBe(0);
    await eventually(() => server.connections.size, (size) => size === 0);
  });

  it('after close is what is in flight, and then nothing', async () => {
    const responses: { end(): void }[] = [];
    const server = await serve((_incoming, response) => void responses.push(response));
    const connections = connectionsTo(server.port);
    const sent = send(connections);
    await eventually(() => responses.length, (count) => count === 1);
    const closed = connections.close();
    expect(connections.size).toBe(1);
    responses[0]!.end();
    expect(await sent).toBe('done');
    await closed;
    expect(connections.size).toBe(0);
  });
});

describe('under load', () => {
  it('with connections that live 100 ms, no request fails, and none is sent twice', async () => {
    const served: string[] = [];
    const server = await serve((incoming, response) => {
      incoming.resume();
      incoming.on('end', () => {
        served.push(incoming.url!);
        // Some answers take longer than a connection may live.
        if (served.length % 7 === 0) {
          response.write('be');
          setTimeout(() => response.end('gin'), 150);
        } else response.end('begin');
      });
    });
    const mesh = through(server, { maxAge: 100 });
    let sent = 0;
    const caller = async () => {
      for (let call = 0; call < 40; call += 1) {
        const number = (sent += 1);
        const post = number % 2 === 0;
        const { statusCode, body } = await request(`http://reviews/${number}`, { dispatcher: mesh.dispatcher, method: post ? 'POST' : 'GET', ...(post ? { body: 'x'.repeat(2_000) } : {}) });
        expect([statusCode, await body.text()]).toEqual([200, 'begin']);
      }
    };
    await Promise.all(Array.from({ length: 20 }, caller));
    expect([sent, served.length, new Set(served).size]).toEqual([800, 800, 800]);
    // 114 answers of 150 ms, each of which is too long for the connection it comes on.
    expect(server.accepted).toBeGreaterThan(100);
  });

  it('behind one address, a new instance gets its share of the connections', async () => {
    const counts = [0, 0];
    const instances = await Promise.all([0, 1].map((number) => serve((_incoming, response) => {
      counts[number]! += 1;
      response.end();
    })));
    let reachable = instances.slice(0, 1);
    let turn = 0;
    // As kube-proxy: each connection goes to one instance, and stays there.
    const address = await startTcp((socket) => {
      const upstream: Socket = connectTcp(reachable[turn++ % reachable.length]!.port, '127.0.0.1');
      upstream.on('error', () => socket.destroy());
      socket.on('close', () => upstream.destroy());
      upstream.on('close', () => socket.destroy());
      socket.pipe(upstream).pipe(socket);
    });
    cleanup.push(() => address.close());
    const clock = new VirtualClock(1_000_000);
    const mesh = through(address, { maxAge: 5 * MINUTE }, clock);
    const round = async () => {
      for (let time = 0; time < 5; time += 1) {
        await Promise.all(Array.from({ length: 20 }, () => get(mesh)));
        await handedBack();
      }
    };
    await round();
    reachable = instances;
    await round();
    expect(counts).toEqual([200, 0]);
    clock.stall(5.5 * MINUTE);
    await round();
    expect(counts).toEqual([250, 50]);
  });
});
