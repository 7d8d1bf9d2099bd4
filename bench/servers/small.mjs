/**
 * The other side: a small JSON answer, with as little work as possible, so that the client is what is measured. Three sets of ports:
 *
 *     small        four, which answer at once
 *     uneven       three that answer after 5 ms, and one after 100
 *     everywhere   four, at every address of 127.0.0.0/8
 *
 * Tells them over IPC.
 */
import { createServer } from 'node:net';

const body = JSON.stringify({ id: 42, name: 'The Comedy of Errors', reviews: [{ reviewer: 'Reviewer1', text: 'An extremely entertaining play by Shakespeare.' }] });
const answer = Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: keep-alive\r\nkeep-alive: timeout=65\r\n\r\n${body}`);
const END_OF_HEADERS = '\r\n\r\n';

/** Requests have no body, so each end of headers is one request. */
function serve(socket, delay) {
  let rest = '';
  // Nobody from outside is served.
  if (!socket.remoteAddress?.startsWith('127.')) return socket.destroy();
  socket.setNoDelay(true);
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    rest += chunk.latin1Slice();
    for (let end = rest.indexOf(END_OF_HEADERS); end !== -1; end = rest.indexOf(END_OF_HEADERS)) {
      rest = rest.slice(end + END_OF_HEADERS.length);
      if (delay === 0) socket.write(answer);
      else setTimeout(() => socket.write(answer), delay);
    }
  });
}

function listen(host, delay = 0) {
  return new Promise((resolve) => {
    const server = createServer((socket) => serve(socket, delay)).listen(0, host, () => resolve(server.address().port));
  });
}

const four = (host) => Promise.all([0, 0, 0, 0].map(() => listen(host)));
process.send({
  small: await four('127.0.0.1'),
  uneven: await Promise.all([5, 5, 5, 100].map((delay) => listen('127.0.0.1', delay))),
  everywhere: await four('0.0.0.0'),
});
process.on('disconnect', () => process.exit());
