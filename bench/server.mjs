/**
 * The other side: four ports, a small JSON answer each, as little work as possible, so that the client is what is measured.
 * Tells its ports over IPC.
 */
import { createServer } from 'node:net';

const body = JSON.stringify({ id: 42, name: 'The Comedy of Errors', reviews: [{ reviewer: 'Reviewer1', text: 'An extremely entertaining play by Shakespeare.' }] });
const answer = Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: keep-alive\r\nkeep-alive: timeout=65\r\n\r\n${body}`);
const END_OF_HEADERS = '\r\n\r\n';

/** Requests have no body, so each end of headers is one request. */
function serve(socket) {
  let rest = '';
  socket.setNoDelay(true);
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    rest += chunk.latin1Slice();
    for (let end = rest.indexOf(END_OF_HEADERS); end !== -1; end = rest.indexOf(END_OF_HEADERS)) {
      rest = rest.slice(end + END_OF_HEADERS.length);
      socket.write(answer);
    }
  });
}

const servers = await Promise.all(
  Array.from({ length: 4 }, () => new Promise((resolve) => {
    const server = createServer(serve).listen(0, '127.0.0.1', () => resolve(server));
  })),
);
process.send(servers.map((server) => server.address().port));
process.on('disconnect', () => process.exit());
