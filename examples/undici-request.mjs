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

const placed = await Promise.all(Array.from({ length: 8 }, (_, book) => order(book)));
console.log(`${placed.filter(Boolean).length} of 8 orders placed, ${retries > 0 ? 'some' : 'none'} at the second attempt`);

await mesh.close();
orders.close();

async function order(book) {
  const { statusCode, body } = await mesh.request('http://orders/orders', { method: 'POST', body: JSON.stringify({ book }) });
  return statusCode === 201 && (await body.json()).book === book;
}

async function listen(server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
