/** Health checks on the wire: against real servers, good and bad. */
import { afterEach, describe, expect, it } from 'vitest';
import { Cancellation } from '../../src/core/cancellation.ts';
import { systemClock, type Clock } from '../../src/core/clock.ts';
import { MeshError } from '../../src/core/errors.ts';
import { defaultServicePolicy, onceSwitchedOn, type HealthCheckKnobs } from '../../src/core/policy.ts';
import { seededRandom } from '../../src/core/random.ts';
import { EndpointPools } from '../../src/transport/endpoint-pools.ts';
import { probing } from '../../src/transport/probe.ts';
import { eventually } from '../support/eventually.ts';
import { closedPort, startServer, startTcp } from '../support/http-server.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

const knobs: HealthCheckKnobs = onceSwitchedOn.healthCheck;

async function serve(...args: Parameters<typeof startServer>) {
  const server = await startServer(...args);
  cleanup.push(() => server.close());
  return server;
}

function asking({ port }: { port: number }, clock: Clock = systemClock) {
  const transport = new EndpointPools({ clock, random: seededRandom(1), knobs: () => defaultServicePolicy.connection });
  cleanup.push(() => transport.destroy(new MeshError('CLIENT_CLOSED', 'over')));
  const probe = probing({ service: 'reviews', policy: () => defaultServicePolicy, authority: () => 'reviews:9080', transport, clock });
  return (more: Partial<HealthCheckKnobs> = {}, cancellation = new Cancellation()) => probe({ host: '127.0.0.1', port, weight: 1, priority: 0 }, { ...knobs, ...more }, cancellation);
}

describe('a health check', () => {
  it('asks for the path with the method, as the service, and says who asks', async () => {
    const seen: object[] = [];
    const server = await serve(({ method, url, headers }, response) => {
      seen.push({ method, url, headers });
      response.end('fine');
    });
    const ask = asking(server);
    expect(await ask()).toEqual({ kind: 'passed' });
    expect(await ask({ method: 'HEAD', path: '/ready?deep=1' })).toEqual({ kind: 'passed' });
    const own = expect.objectContaining({ host: 'reviews:9080', 'user-agent': 'inmesh-health', accept: '*/*' });
    expect(seen).toEqual([
      { method: 'GET', url: '/healthz', headers: own },
      { method: 'HEAD', url: '/ready?deep=1', headers: own },
    ]);
  });

  it('passes with the statuses that are expected, and with no others', async () => {
    const server = await serve((request, response) => {
      response.statusCode = Number(request.url!.slice(1));
      response.end();
    });
    const ask = asking(server);
    for (const status of [200, 204, 299]) expect(await ask({ path: `/${status}` })).toEqual({ kind: 'passed' });
    for (const status of [301, 404, 429, 500, 503]) expect(await ask({ path: `/${status}` })).toEqual({ kind: 'failed', why: `status ${status}` });
    const expecting = { expect: [204, '300-302'] };
    for (const status of [204, 300, 302]) expect(await ask({ ...expecting, path: `/${status}` })).toEqual({ kind: 'passed' });
    for (const status of [200, 303]) expect(await ask({ ...expecting, path: `/${status}` })).toEqual({ kind: 'failed', why: `status ${status}` });
  });

  it('fails where nobody listens, where the connection breaks, and where what comes is no HTTP', async () => {
    expect(await asking({ port: await closedPort() })()).toMatchObject({ kind: 'failed', why: expect.stringContaining('ECONNREFUSED') });
    for (const answer of ['', 'SSH-2.0-OpenSSH\r\n']) {
      const server = await startTcp((socket) => socket.once('data', () => socket.end(answer)));
      cleanup.push(() => server.close());
      expect(await asking(server)()).toMatchObject({ kind: 'failed' });
    }
  });

  it('fails when no answer comes in time, and takes its connection with it', async () => {
    const server = await serve(() => {});
    expect(await asking(server)({ timeout: 60 })).toMatchObject({ kind: 'failed', why: expect.stringContaining('within 60 ms') });
    await eventually(() => server.connections.size, (size) => size === 0);
  });

  it('says nothing when the answer could not be read because this process stood still', async () => {
    const clock = new VirtualClock(1_000_000);
    let asked = 0;
    const server = await serve(() => void (asked += 1));
    const answer = asking(server, clock)({ timeout: 900 });
    await eventually(() => asked, (count) => count === 1);
    clock.stall(1_000);
    await clock.advance(0);
    expect(await answer).toEqual({ kind: 'nothing' });
    const punctual = asking(server, clock)({ timeout: 900 });
    await eventually(() => asked, (count) => count === 2);
    await clock.advance(900);
    expect(await punctual).toMatchObject({ kind: 'failed' });
  });

  it('says nothing when it is given up', async () => {
    let asked = false;
    const server = await serve(() => void (asked = true));
    const cancellation = new Cancellation();
    const answer = asking(server)({}, cancellation);
    await eventually(() => asked);
    cancellation.cancel(new MeshError('CANCELLED', 'not needed'));
    expect(await answer).toEqual({ kind: 'nothing' });
    await eventually(() => server.connections.size, (size) => size === 0);
  });

  it('says nothing when the pools are closed under it', async () => {
    const clock = systemClock;
    const server = await serve(() => {});
    const transport = new EndpointPools({ clock, random: seededRandom(1), knobs: () => defaultServicePolicy.connection });
    const probe = probing({ service: 'reviews', policy: () => defaultServicePolicy, authority: () => 'reviews', transport, clock });
    const answer = probe({ host: server.host, port: server.port, weight: 1, priority: 0 }, knobs, new Cancellation());
    await eventually(() => server.connections.size, (size) => size === 1);
    await transport.destroy(new MeshError('CLIENT_CLOSED', 'closed'));
    expect(await answer).toEqual({ kind: 'nothing' });
  });

  it('reads a short page to its end and keeps the connection, and cuts a long one off', async () => {
    const server = await serve((request, response) => {
      if (request.url !== '/long') return void response.end('x'.repeat(1_000));
      response.setHeader('content-length', 1_000_000_000);
      response.write('x'.repeat(1_000));
    });
    const ask = asking(server);
    for (let time = 0; time < 10; time += 1) {
      expect(await ask()).toEqual({ kind: 'passed' });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(server.accepted).toBe(1);
    expect(await ask({ path: '/long' })).toEqual({ kind: 'passed' });
    await eventually(() => server.connections.size, (size) => size === 0);
  });
});
