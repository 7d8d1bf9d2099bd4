/** One contender of bench/telemetry.mjs: told a number of calls, it makes them, one after the other, and says what each of them cost. */
import { callWith } from '../.cache/build/telemetry.js';

const callOnce = await callWith(process.argv[2]);

async function run(calls) {
  for (let call = 0; call < calls; call += 1) await callOnce();
}

// Until it is compiled as it will stay.
await run(40_000);

process.on('message', async (calls) => {
  const before = process.cpuUsage();
  await run(calls);
  const { user, system } = process.cpuUsage(before);
  process.send(((user + system) * 1000) / calls);
});
process.send('ready');
