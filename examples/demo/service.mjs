/**
 * One replica of `reviews` or `ratings`, a process with an address of its own. A reviews replica asks ratings before it
 * answers, with a client of its own: the mesh works in both tiers.
 *
 *     { type: 'start', role, name, side, host, port, nameserver }   says { type: 'ready' } when it can serve
 *     { type: 'fault', slowness, status }   works `slowness` times as long, or answers `status` at once
 *     { type: 'drain', grace }              serves on for `grace` ms, then takes no more, finishes what it has, and ends
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, describe, load } from './clients.mjs';
import { obey, tell } from './child.mjs';

/** Milliseconds of work per call; in truth between three quarters and five quarters of it. */
const work = { reviews: 20, ratings: 5 };

let fault = { slowness: 1, status: 200 };
let closing = false;
let server;

obey({
  load,
  async start({ role, name, side, host, port, nameserver }) {
    const ratings = role === 'reviews' ? await createClient({ side, nameserver, port }) : undefined;
    await ratings?.ready('ratings');
    server = createServer(async (request, response) => {
      const { status, body } = await serve(role, name, ratings);
      if (closing) response.setHeader('connection', 'close');
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    server.listen(port, host);
    await once(server, 'listening');
    tell({ type: 'ready' });
  },
  fault({ slowness, status }) {
    fault = { slowness, status };
  },
  async drain({ grace }) {
    await sleep(grace);
    closing = true;
    server.close(() => process.exit());
  },
});

async function serve(role, name, ratings) {
  if (fault.status !== 200) return { status: fault.status, body: { replica: name, error: 'told to fail' } };
  await sleep(work[role] * fault.slowness * (0.75 + Math.random() / 2));
  if (ratings === undefined) return { status: 200, body: { replica: name, stars: 5 } };
  try {
    const rating = await ratings.get('ratings', '/ratings/1');
    if (rating.status < 500) return { status: 200, body: { replica: name, text: 'An extremely entertaining play.', rating: JSON.parse(rating.body) } };
    return { status: 500, body: { replica: name, error: `ratings answered ${rating.status}: ${rating.body}` } };
  } catch (error) {
    // 500, not 502: the caller's mesh would try again elsewhere, and a fault of this tier would not be seen.
    return { status: 500, body: { replica: name, error: describe(error) } };
  }
}
