/** One contender in a process of its own, so that no one's code paths are shaped by another's. Runs a round when it is told to. */
import { performance } from 'node:perf_hooks';

const [file, ports] = process.argv.slice(2);
const { setup } = await import(file);
const { request, close } = await setup(ports.split(',').map(Number));

async function round(inFlight, milliseconds) {
  const end = performance.now() + milliseconds;
  let done = 0;
  let failed = 0;
  async function worker() {
    while (performance.now() < end) {
      try {
        await request();
        done += 1;
      } catch {
        failed += 1;
      }
    }
  }
  const begun = performance.now();
  const before = process.cpuUsage();
  await Promise.all(Array.from({ length: inFlight }, worker));
  const { user, system } = process.cpuUsage(before);
  return { done, failed, cpu: (user + system) / done, rate: done / ((performance.now() - begun) / 1000) };
}

process.on('message', async ({ inFlight, milliseconds }) => process.send(await round(inFlight, milliseconds)));
process.on('disconnect', async () => {
  await close();
  process.exit();
});
process.send('ready');
