/**
 * undici's `request` through the mesh. One of the two endpoints refuses connections, so whatever was meant for it was never
 * sent: even a POST may go to the other one, and no caller notices. Run it: node examples/undici-request.mjs
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createMeshClient } from 'inmesh';

const orders = await listen(createServer((request, response) => request.pipe(response.writeHead(201))));
const gone = await listen(createServer());
const endpoints = [orders, gone].map((server) => `127.0.0.1:${server.address().port}`);
gone.close();

const mesh = createMeshClient({ policy: { version: 1, services: { orders: { discovery: { endpoints } } } } });
let retries = 0;
mesh.events.on('retry.scheduled', () => retries++);

const statuses = [];
for (let i = 0; i < 20; i++) {
  const { statusCode, body } = await mesh.request('http://orders/orders', { method: 'POST', body: JSON.stringify({ book: i }) });
  const { book } = await body.json();
  if (book === i) statuses.push(statusCode);
}
console.log(`${statuses.filter((status) => status === 201).length} of 20 orders placed, ${retries > 0 ? 'some' : 'none'} at the second attempt`);

await mesh.close();
orders.close();

async function listen(server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
