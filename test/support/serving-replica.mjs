/**
 * A replica with the server half, as a process of its own, as it would be built: it says where it listens and each order that it places to its parent, and drains
 * when it is told to go. Arguments: a port, or 0; the delay of its drain.
 */
import { createServer } from 'node:http';
import { createMeshServer } from 'inmesh/server';

const [port, delay] = process.argv.slice(2).map(Number);
const meshServer = createMeshServer({ policy: { version: 1 }, readiness: '/readyz' });

const server = createServer(
  meshServer.node((request, response) => {
    let text = '';
    request.on('data', (chunk) => (text += chunk));
    request.on('end', () => {
      if (request.method === 'POST') process.send({ order: text });
      setTimeout(() => response.end('ok'), 5 + 20 * Math.random());
    });
  }),
);

meshServer.attach(server).listen(port, '127.0.0.1', () => process.send({ port: server.address().port }));
meshServer.drainOn(['SIGTERM'], { delay, timeout: 8_000 });
process.on('disconnect', () => process.exit());
