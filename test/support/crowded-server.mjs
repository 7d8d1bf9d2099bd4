/**
 * A server as an application has it, as it is built, with the bounds that `attach` gives it: in a process of its own, so that its memory is only its own. Told
 * `{ listen }` it says where; told `{ look }` how many connections it has and what memory it holds; told `{ headersTimeout }` it has another one.
 */
import { createServer } from 'node:http';
import { createMeshServer } from 'inmesh/server';

const meshServer = createMeshServer({ policy: { version: 1 } });
// To open ten thousand may take longer than the ten seconds that each is given.
const server = meshServer.attach(createServer(meshServer.node((request, response) => response.end('ok'))), { headersTimeout: 120_000 });

process.on('message', ({ listen, headersTimeout }) => {
  if (listen) return void server.listen(0, '127.0.0.1', 1024, () => process.send({ port: server.address().port }));
  if (headersTimeout !== undefined) server.headersTimeout = headersTimeout;
  globalThis.gc();
  process.send({ connections: meshServer.inspect().connections, rss: process.memoryUsage().rss });
});
process.on('disconnect', () => process.exit());
