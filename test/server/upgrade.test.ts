import { once } from 'node:events';
import { createServer, request, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { createMeshClient, type PolicyDocument } from '../../src/index.ts';
import { createMeshServer } from '../../src/server/index.ts';

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

type Rules = NonNullable<NonNullable<PolicyDocument['services']>[string]>['allow'];

async function world(allow: Rules) {
  const mesh = createMeshServer({ service: 'chat', policy: { version: 1, services: { chat: { allow } } } });
  const client = createMeshClient({ policy: { version: 1 } });
  const server = mesh.attach(createServer(mesh.node((_request, response) => response.end('plain'))));
  const criticalities: unknown[] = [];
  server.on('upgrade', mesh.upgrade((_request, socket) => {
    criticalities.push(client.context()?.criticality);
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\nhello');
  }));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.push(() => mesh.close(), () => client.close(), () => server.close(), () => server.closeAllConnections());
  const { port } = server.address() as AddressInfo;
  const upgrade = (): ReturnType<typeof request> => request({ port, host: '127.0.0.1', path: '/talk', headers: { connection: 'upgrade', upgrade: 'chat', 'x-inmesh-criticality': 'sheddable' } }).end();
  return { mesh, upgrade, criticalities };
}

it('an upgrade that a rule allows is handed on in its context, and is no request that is counted', async () => {
  const { mesh, upgrade, criticalities } = await world([{ id: '*', methods: ['GET'], paths: ['/talk'] }]);
  const [response, socket] = (await once(upgrade(), 'upgrade')) as [IncomingMessage, Socket];
  cleanup.push(() => socket.destroy());
  expect(response.statusCode).toBe(101);
  expect(criticalities).toEqual(['sheddable']);
  expect(mesh.inspect().inFlight).toBe(0);
});

it('one that no rule allows gets its 403, and nobody hears of it', async () => {
  const { upgrade, criticalities } = await world([{ id: '*', methods: ['GET'], paths: ['/other'] }]);
  const [response] = (await once(upgrade(), 'response')) as [IncomingMessage];
  expect(response.statusCode).toBe(403);
  let text = '';
  for await (const chunk of response) text += String(chunk);
  expect(JSON.parse(text)).toMatchObject({ error: 'FORBIDDEN', service: 'chat' });
  expect(response.headers['endpoint-load-metrics']).toContain('named_metrics.rif=0');
  expect(criticalities).toEqual([]);
});
