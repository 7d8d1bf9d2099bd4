import { once } from 'node:events';
import { Agent, createServer, request, type IncomingMessage } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { connect, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { Connections } from '../../src/server/connections.ts';
import { Drain, type DrainOptions } from '../../src/server/drain.ts';
import { ServerEvents, type ServerEventMap } from '../../src/server/events.ts';
import { createMeshServer } from '../../src/server/index.ts';
import { eventually } from '../support/eventually.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

function drainOf(inFlight: number) {
  const clock = new VirtualClock();
  const events = new ServerEvents();
  const seen: [number, ServerEventMap['drain.phase']['phase']][] = [];
  events.on('drain.phase', ({ phase }) => seen.push([clock.now(), phase]));
  const connections = new Connections();
  const calls: string[] = [];
  connections.stopListening = () => void calls.push('stopListening');
  connections.destroy = () => void calls.push('destroy');
  const count = { inFlight };
  const drain = new Drain({ service: 'orders', clock, random: seededRandom(3), connections, events, inFlight: () => count.inFlight });
  const end = (): void => {
    count.inFlight -= 1;
    drain.ended();
  };
  return { clock, drain, end, count, seen, calls };
}

describe('a drain', () => {
  it('goes through its phases in their time, and ends when nothing is in flight', async () => {
    const { clock, drain, end, seen, calls } = drainOf(1);
    const drained = drain.begin();
    await clock.advance(6_999);
    expect(drain.phase).toBe('leaving');
    expect(calls).toEqual([]);
    await clock.advance(3_000);
    expect(drain.phase).toBe('closing');
    expect(calls).toEqual(['stopListening']);
    end();
    await clock.advance(100);
    expect(await drained).toEqual({ brokenOff: 0 });
    expect(seen).toEqual([[0, 'leaving'], [7_000, 'closing'], [10_099, 'closed']]);
    expect(clock.timers).toBe(0);
  });

  it('waits for what was on its way when nothing was in flight for a moment', async () => {
    const { clock, drain, end, count } = drainOf(0);
    const drained = drain.begin({ delay: 0, timeout: 5_000 });
    await clock.advance(50);
    count.inFlight = 1;
    await clock.advance(2_000);
    expect(drain.phase).toBe('closing');
    end();
    await clock.advance(100);
    expect(await drained).toEqual({ brokenOff: 0 });
  });

  it.each<[string, DrainOptions]>([['while it waits', { delay: 1_000, timeout: 5_000 }], ['with no time for a delay', { timeout: 0 }], ['with a delay longer than its time', { delay: 60_000, timeout: 5_000 }]])('breaks off what is left at its timeout, %s, and says how much', async (_when, options) => {
    const { clock, drain, calls } = drainOf(3);
    const drained = drain.begin(options);
    await clock.advance(options.timeout!);
    await clock.advance(1);
    expect(await drained).toEqual({ brokenOff: 3 });
    expect(calls).toEqual(['stopListening', 'destroy']);
    expect(clock.timers).toBe(0);
  });

  it('is one, however often it is begun', async () => {
    const { clock, drain, seen } = drainOf(0);
    const drained = [drain.begin({ delay: 10 }), drain.begin({ delay: 10_000 })];
    await clock.advance(200);
    expect(await Promise.all(drained)).toEqual([{ brokenOff: 0 }, { brokenOff: 0 }]);
    expect(seen).toHaveLength(3);
  });

  it('closes no connection before it begins, few at first, and all at the end', async () => {
    const { clock, drain } = drainOf(1);
    const share = (): number => Array.from({ length: 1000 }, () => drain.closesConnection).filter(Boolean).length / 1000;
    expect(share()).toBe(0);
    void drain.begin({ delay: 1_000, timeout: 10_000 });
    await clock.advance(100);
    expect(share()).toBeCloseTo(0.1, 1);
    await clock.advance(800);
    expect(share()).toBeCloseTo(0.9, 1);
    await clock.advance(200);
    expect(share()).toBe(1);
  });
});

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

describe('a server that drains', () => {
  it('answers what it has begun, closes that connection and idle ones, and takes no new ones', async () => {
    const mesh = createMeshServer({ policy: { version: 1 } });
    let answer: (() => void) | undefined;
    const server = mesh.attach(createServer(mesh.node((incoming, response) => {
      if (incoming.url === '/slow') answer = () => response.end('at last');
      else response.end('at once');
    }))).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const agent = new Agent({ keepAlive: true });
    cleanup.push(() => agent.destroy());
    const ask = async (path: string): Promise<IncomingMessage> => {
      const [response] = (await once(request({ port, path, agent }).end(), 'response')) as [IncomingMessage];
      return response.resume();
    };
    const slow = ask('/slow');
    await eventually(() => answer !== undefined);
    const quick = await ask('/quick');
    expect(quick.headers.connection).toBe('keep-alive');
    // One that never said anything.
    const silent = connect(port, '127.0.0.1');
    await once(silent, 'connect');
    await eventually(() => mesh.inspect().connections === 3);
    const drained = mesh.drain({ delay: 0, timeout: 10_000 });
    expect(mesh.ready).toBe(false);
    await eventually(() => mesh.inspect().phase === 'closing');
    const [refused] = (await once(connect(port, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException];
    expect(refused.code).toBe('ECONNREFUSED');
    answer!();
    expect((await slow).headers.connection).toBe('close');
    expect(await drained).toEqual({ brokenOff: 0 });
    silent.resume();
    await eventually(() => silent.closed);
    await eventually(() => !server.listening && mesh.inspect().connections === undefined);
  });

  it('tells HTTP/2’s clients with GOAWAY, and lets their streams end', async () => {
    const mesh = createMeshServer({ policy: { version: 1 } });
    let answer: (() => void) | undefined;
    const server = mesh.attach(createHttp2Server(mesh.node((_request, response: { end(text: string): unknown }) => (answer = () => response.end('at last')) as never)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    let goaway: number | undefined;
    session.on('goaway', (code) => (goaway = code));
    const stream = session.request({ ':path': '/' });
    let text = '';
    stream.on('data', (chunk) => (text += String(chunk)));
    await eventually(() => answer !== undefined);
    const drained = mesh.drain({ delay: 0, timeout: 10_000 });
    await eventually(() => mesh.inspect().phase === 'closing');
    answer!();
    await once(stream, 'end');
    expect(text).toBe('at last');
    expect(await drained).toEqual({ brokenOff: 0 });
    await eventually(() => session.closed || session.destroyed);
    expect(goaway).toBe(0);
  });
});
