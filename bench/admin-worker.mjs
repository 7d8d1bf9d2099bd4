/** One process of bench/admin.mjs. `calls`: makes so many of them and says what one cost. `page`: is called at a steady rate, and says what CPU it has used. */
import { clientOf } from '../.cache/build/admin.js';

const [, , role, endpoints, watched, rate] = process.argv;
const { mesh, callOnce } = await clientOf(Number(endpoints));
const url = watched === 'watched' ? (await mesh.admin({ port: 0 })).url : undefined;

async function run(calls) {
  for (let call = 0; call < calls; call += 1) await callOnce();
}

await run(50_000);
if (role === 'page') setInterval(() => void run(Number(rate) / 50), 20);

process.on('message', async (calls) => {
  const before = process.cpuUsage();
  await run(calls);
  const { user, system } = role === 'page' ? process.cpuUsage() : process.cpuUsage(before);
  process.send({ cpu: user + system });
});
process.send({ url });
