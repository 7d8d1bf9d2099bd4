/** One contender of bench/policies.mjs: told a number of calls, it makes them, one after the other, and says what each of them cost. */
import { client, upTo } from '../.cache/build/policies.js';

const [, , contender] = process.argv;
const callOnce = contender.startsWith('client') ? await client(contender.startsWith('client on') ? 'on' : 'off', contender.includes('context')) : upTo(contender);

async function run(calls) {
  for (let call = 0; call < calls; call += 1) await callOnce();
}

// Until it is compiled as it will stay.
await run(50_000);

process.on('message', async (calls) => {
  globalThis.gc?.();
  const heap = process.memoryUsage().heapUsed;
  const before = process.cpuUsage();
  await run(calls);
  const { user, system } = process.cpuUsage(before);
  // Of use only where nothing was collected meanwhile.
  const bytes = (process.memoryUsage().heapUsed - heap) / calls;
  process.send({ cpu: ((user + system) * 1000) / calls, bytes });
});
process.send('ready');
