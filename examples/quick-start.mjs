/**
 * A service with two endpoints, called by its name. Run it: node examples/quick-start.mjs
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createMeshClient } from 'inmesh';

const greeters = await Promise.all(['first', 'second'].map(start));

const mesh = createMeshClient({
  policy: {
    version: 1,
    services: { greeter: { discovery: { endpoints: greeters.map((greeter) => `127.0.0.1:${greeter.address().port}`) } } },
  },
});

const response = await mesh.fetch('http://greeter/hello');
console.log(response.status, await response.text());

const names = await Promise.all(Array.from({ length: 20 }, async () => (await mesh.fetch('http://greeter/name')).text()));
console.log('answered by', [...new Set(names)].sort().join(' and '));

await mesh.close();
for (const greeter of greeters) greeter.close();

async function start(name) {
  const server = createServer((request, response) => response.end(request.url === '/name' ? name : `hello from ${request.headers.host}`));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
