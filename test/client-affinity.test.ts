/** `balancer: hash` from the policy to where a request goes: by header, by cookie and by the call's own key. */
import { afterEach, expect, it } from 'vitest';
import { createMeshClient, type CallOptions } from '../src/index.ts';
import { startServer } from './support/http-server.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function meshOf(count: number) {
  const servers = await Promise.all(Array.from({ length: count }, (_, number) => startServer((_request, response) => void response.end(String(number)))));
  for (const server of servers) closing.push(() => server.close());
  const mesh = createMeshClient({
    policy: {
      version: 1,
      services: { reviews: { discovery: { endpoints: servers.map(({ port }) => `127.0.0.1:${port}`) }, balancer: { type: 'hash', header: 'x-user-id', cookie: 'sid' }, subset: { size: 2 } } },
    },
  });
  closing.push(() => mesh.close());
  const ask = async (headers: Record<string, string>, options: CallOptions = {}) => (await mesh.fetch('http://reviews/', { headers, mesh: options })).text();
  return { mesh, ask };
}

it('sends what belongs together to the same endpoint, of all there are', async () => {
  const { mesh, ask } = await meshOf(5);
  const users = Array.from({ length: 80 }, (_, number) => `user-${number}`);
  const went = new Map<string, string>();
  for (const user of users) went.set(user, await ask({ 'x-user-id': user }));
  expect(new Set(went.values()).size).toBe(5);
  for (const [user, server] of went) {
    expect(await ask({ 'X-User-Id': user, cookie: 'sid=other' })).toBe(server);
    expect(await ask({ cookie: `theme=dark; sid=${user}` })).toBe(server);
    expect(await ask({ 'x-user-id': 'other' }, { hashKey: user })).toBe(server);
  }
  // A subset of each client's own would give the same key another home there.
  expect(mesh.inspect().services[0]!.subset).toMatchObject({ strategy: 'off', size: 5 });
});

it('serves requests that belong to nobody where it is free', async () => {
  const { ask } = await meshOf(3);
  const went = await Promise.all(Array.from({ length: 30 }, () => ask({})));
  expect(new Set(went).size).toBe(3);
});
