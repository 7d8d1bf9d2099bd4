/** What a caller gets in the place of a reply, by each way into the mesh. */
import { afterEach, describe, expect, it } from 'vitest';
import { createMeshClient, MeshError, type CallOptions, type MeshClient, type MeshEventMap, type PolicyDocument } from '../src/index.ts';
import * as undici from '../src/transport/undici.ts';
import { silence } from './support/fake-call.ts';
import { FakeTransport } from './support/fake-transport.ts';
import { VirtualClock } from './support/virtual-clock.ts';

type Service = NonNullable<PolicyDocument['services']>[string];

const meshes: [MeshClient, VirtualClock][] = [];
afterEach(async () => {
  for (const [mesh, clock] of meshes.splice(0)) {
    const closed = mesh.close({ timeout: 0 });
    await clock.advance(0);
    await closed;
  }
});

/** A client whose service has no endpoint that answers, and with nobody in its queue. */
function meshWith(knobs: Omit<Service, 'discovery'> = {}) {
  const clock = new VirtualClock(1000);
  const services = { reviews: { ...knobs, discovery: { endpoints: ['10.0.0.1:80'] } } };
  const mesh = createMeshClient({ policy: { version: 1, services }, clock, transport: () => new FakeTransport(silence) });
  meshes.push([mesh, clock]);
  const fellBack: MeshEventMap['call.fallback'][] = [];
  mesh.events.on('call.fallback', (event) => fellBack.push(event));
  return { mesh, clock, fellBack };
}

const caught = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => undefined, (error: unknown) => error);

interface Seen {
  readonly status: number;
  readonly type: string | null;
  readonly text: string;
}

const ways: [string, (mesh: MeshClient, options: CallOptions) => Promise<Seen>][] = [
  ['fetch', async (mesh, options) => {
    const response = await mesh.fetch('http://reviews/', { mesh: options });
    return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
  }],
  ['request', async (mesh, options) => {
    const { statusCode, headers, body } = await mesh.request('http://reviews/', { mesh: options });
    return { status: statusCode, type: String(headers['content-type']), text: await body.text() };
  }],
  ['an undici request with the dispatcher', async (mesh, options) => {
    const { statusCode, headers, body } = await undici.request('http://reviews/', { dispatcher: mesh.dispatcher, ...{ mesh: options } });
    return { status: statusCode, type: String(headers['content-type']), text: await body.text() };
  }],
];

describe.each(ways)('a fallback of %s', (_way, call) => {
  const overloaded: Omit<Service, 'discovery'> = { concurrency: { max: 1, queue: 0 } };

  async function full(): Promise<ReturnType<typeof meshWith>> {
    const running = meshWith(overloaded);
    void caught(running.mesh.request('http://reviews/'));
    await running.clock.advance(0);
    return running;
  }

  it('is the response of a call that was turned away', async () => {
    const { mesh, fellBack } = await full();
    expect(await call(mesh, { fallback: Response.json([], { status: 203 }) })).toEqual({ status: 203, type: 'application/json', text: '[]' });
    expect(await call(mesh, { fallback: (error) => error.code })).toEqual({ status: 200, type: 'text/plain;charset=UTF-8', text: 'OVERLOADED' });
    expect(fellBack).toEqual([{ service: 'reviews', because: 'OVERLOADED', failed: false }, { service: 'reviews', because: 'OVERLOADED', failed: false }]);
  });

  it('comes after the deadline, and has its own time', async () => {
    const { mesh, clock } = meshWith({ deadline: '100ms', attemptTimeout: 'off' });
    const result = call(mesh, {
      fallback: async (error) => {
        await clock.advance(500);
        return `${error.code} after ${error.attempts}`;
      },
    });
    await clock.advance(110);
    expect(await result).toMatchObject({ status: 200, text: 'DEADLINE_EXCEEDED after 1' });
  });

  it('that throws is what the caller catches, itself, with the reason as its cause', async () => {
    const { mesh, fellBack } = await full();
    const mine = new RangeError('nothing cached');
    const error = await caught(call(mesh, { fallback: () => Promise.reject(mine) }));
    expect(error).toBe(mine);
    expect((error as Error).cause).toBeInstanceOf(MeshError);
    expect(fellBack).toMatchObject([{ failed: true }]);
  });

  it('does not stand in for a caller who left', async () => {
    const { mesh } = meshWith();
    const controller = new AbortController();
    const result = caught(call(mesh, { signal: controller.signal, fallback: () => expect.unreachable() }));
    controller.abort();
    expect(await result).toMatchObject({ name: 'AbortError' });
  });

  it('that nobody waits for any more, as the caller left while it was made, is let go', async () => {
    const { mesh } = await full();
    const controller = new AbortController();
    let give = (_response: Response): void => {};
    let left: unknown;
    const asked = new Promise<void>((resolve) => {
      const result = call(mesh, { signal: controller.signal, fallback: () => (resolve(), new Promise((made) => (give = made))) });
      void caught(result).then((error) => (left = error));
    });
    await asked;
    controller.abort();
    give(new Response('late'));
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(left).toMatchObject({ name: 'AbortError' });
    expect(mesh.inspect().calls).toBe(1);
  });
});

it('a fallback stands in where there is no endpoint', async () => {
  const clock = new VirtualClock(1000);
  const mesh = createMeshClient({ policy: { version: 1, services: { reviews: { discovery: { file: '/nonexistent/endpoints.json' } } } }, clock, transport: () => new FakeTransport(silence) });
  meshes.push([mesh, clock]);
  const result = mesh.fetch('http://reviews/', { mesh: { fallback: (error) => error.code } });
  for (let second = 0; second < 6; second += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    await clock.advance(1000);
  }
  expect(await (await result).text()).toBe('DISCOVERY_FAILED');
});
