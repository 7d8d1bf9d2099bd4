/**
 * A service as a process of its own, as an application would write it: telemetry first, then an HTTP server that calls the next one through the mesh.
 *
 *     node traced-service.mjs NAME [NEXT PORT]      with OTEL_* in the environment
 *
 * It says { port }. Told { fail: n }, its next n answers are 503; told { end: true }, it sends what was recorded, and ends.
 */
import { createServer } from 'node:http';

const { startTelemetry } = await import('../../dist/otel.js');
const [, , name, next, port] = process.argv;
const telemetry = startTelemetry({ service: name });
const { createMeshClient } = await import('../../dist/index.js');
const { context, propagation, ROOT_CONTEXT } = await import('@opentelemetry/api');

const mesh = createMeshClient({ policy: { version: 1, services: next === undefined ? {} : { [next]: { discovery: { endpoints: [`127.0.0.1:${port}`] } } } } });
let failures = 0;

const server = createServer((request, response) => {
  void context.with(propagation.extract(ROOT_CONTEXT, request.headers), async () => {
    if (failures > 0) {
      failures -= 1;
      return response.writeHead(503).end('told to fail');
    }
    // A fetch beside the mesh, where it is asked for.
    if (request.headers['x-beside'] !== undefined) await (await fetch(request.headers['x-beside'])).text();
    const answer = next === undefined ? undefined : await mesh.fetch(`http://${next}/${next}`);
    return response.writeHead(answer?.status ?? 200).end(`${name}${answer === undefined ? '' : ` → ${await answer.text()}`}`);
  });
});
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));

process.on('message', async ({ fail, end }) => {
  if (fail !== undefined) failures = fail;
  if (end !== true) return process.send({ failures });
  server.close();
  server.closeAllConnections();
  await telemetry.shutdown();
  await mesh.close();
  process.disconnect();
});
