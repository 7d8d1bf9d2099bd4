/**
 * A replica as a process of its own: an HTTP server on a free loopback port that works some 10 ms for each request, and behaves as it is
 * told over the line to its parent. It ends when that line breaks.
 *
 *     { fault: 'none' | 'slow' | 'hangs' | 'refuses' | 'stalls' }   says { fault }
 *     { count: true }                                               says { served }: requests by their `x-side`, since it was last asked
 */
import { createServer } from 'node:http';

const WORK = 10;
const SLOWNESS = 30;
/** A pause that nothing in the process can do anything about. */
const STALL = 300;

let fault = 'none';
let served = {};
let stalledAt = 0;

const server = createServer((request, response) => {
  const side = request.headers['x-side'];
  served[side] = (served[side] ?? 0) + 1;
  if (fault === 'hangs') return;
  if (fault === 'refuses') return void response.writeHead(500).end('told to fail');
  const work = WORK * (0.5 + Math.random()) * (fault === 'slow' ? SLOWNESS : 1);
  setTimeout(() => response.end('ok'), work);
});

process.on('message', (order) => {
  if (order.fault !== undefined) {
    fault = order.fault;
    process.send({ fault });
  }
  if (order.count === true) {
    process.send({ served });
    served = {};
  }
});
process.on('disconnect', () => process.exit());

setInterval(() => {
  if (fault !== 'stalls' || Date.now() - stalledAt < 2 * STALL) return;
  stalledAt = Date.now();
  while (Date.now() - stalledAt < STALL);
}, 20);

server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
