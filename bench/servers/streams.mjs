/** Long bodies: `GET /<bytes>` sends as many; anything else is read to its end and counted. Tells its port over IPC. */
import { createServer } from 'node:http';

const chunk = Buffer.alloc(64 * 1024, 7);

const server = createServer(async (request, response) => {
  if (request.method !== 'GET') {
    let bytes = 0;
    for await (const piece of request) bytes += piece.length;
    return response.end(String(bytes));
  }
  let left = Number(request.url.slice(1));
  response.writeHead(200, { 'content-length': left });
  const more = () => {
    while (left > 0) {
      const piece = left >= chunk.length ? chunk : chunk.subarray(0, left);
      left -= piece.length;
      if (!response.write(piece)) return response.once('drain', more);
    }
    response.end();
  };
  more();
}).listen(0, '127.0.0.1', () => process.send({ streams: server.address().port }));
process.on('disconnect', () => process.exit());
