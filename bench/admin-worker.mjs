/**
 * One process of bench/admin.mjs. `calls`: two clients, one that is looked at and one that is not, each told to make so many calls; says what one
 * cost of each. `page`: a client that is called at a steady rate; says what CPU this process has used so far.
 */
import { clientOf } from '../.cache/build/admin.js';

const [, , role, endpoints, rate] = process.argv;
const watched = await clientOf(Number(endpoints));
const { url } = await watched.mesh.admin({ port: 0 });

async function costOf({ callOnce }, calls) {
  const before = process.cpuUsage();
  for (let call = 0; call < calls; call += 1) await callOnce();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / calls;
}

if (role === 'calls') {
  const unwatched = await clientOf(Number(endpoints));
  // Until it is compiled as it will stay.
  for (const client of [unwatched, watched]) await costOf(client, 50_000);
  process.on('message', async (calls) => process.send({ unwatched: await costOf(unwatched, calls), watched: await costOf(watched, calls) }));
} else {
  setInterval(() => void costOf(watched, Number(rate) / 50), 20);
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send({ cpu: user + system });
  });
}
process.send({ url });
