/**
 * Two services in Fastify. The deadline of a call to the first travels on to the second. Run it: node examples/server-fastify.mjs
 */
import { setTimeout } from 'node:timers/promises';
import fastify from 'fastify';
import { createMeshClient } from 'inmesh';
import { createMeshServer } from 'inmesh/server';

const back = await start('back', async () => ({ back: mesh.context().deadline }));
const front = await start('front', async () => {
  const { deadline } = mesh.context();
  await setTimeout(50);
  const answer = await mesh.fetch('http://back/');
  return { front: deadline, ...(await answer.json()) };
});

const at = ({ port }) => ({ discovery: { endpoints: [`127.0.0.1:${port}`] } });
const mesh = createMeshClient({ policy: { version: 1, services: { front: at(front), back: at(back) } } });

const response = await mesh.fetch('http://front/', { mesh: { deadline: '2s' } });
const left = await response.json();
console.log('front had', left.front <= 2000 ? 'what the caller gave' : 'something else');
console.log('back had', left.back < left.front - 40 ? 'what front left of it' : 'something else');

await mesh.close();
for (const { meshServer } of [front, back]) await meshServer.drain({ delay: 0 });
console.log('both are drained');

async function start(service, handler) {
  const meshServer = createMeshServer({ service, policy: { version: 1 } });
  const app = fastify();
  meshServer.fastify(app);
  app.get('/', handler);
  await app.listen({ port: 0, host: '127.0.0.1' });
  return { meshServer, port: app.server.address().port };
}
