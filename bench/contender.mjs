/** One contender in a process of its own, so that no one's code paths are shaped by another's. Runs a round when it is told to. */
import { performance } from 'node:perf_hooks';
import { cpuOf } from './harness/cpu.mjs';

const [file, servers] = process.argv.slice(2);
const { setup } = await import(file);
const { request, transfer, close, sidecar } = await setup(JSON.parse(servers));

/** Microseconds of CPU until now, the sidecar's included. */
function cpu() {
  const { user, system } = process.cpuUsage();
  return user + system + (sidecar === undefined ? 0 : cpuOf(sidecar));
}

let grownFrom;
/** Calls for whose garbage there is room: the dearest leave 90 KB each. */
const BATCH = 500;

const rounds = {
  /** So many in flight all the time, as fast as they are answered. */
  async closed({ inFlight, milliseconds }) {
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
    const before = cpu();
    await Promise.all(Array.from({ length: inFlight }, worker));
    return { failed, cpu: (cpu() - before) / done, rate: done / ((performance.now() - begun) / 1000) };
  },

  /** So many a second, whatever becomes of them; latencies are from the instant at which a request was to begin. */
  open({ rate, milliseconds }) {
    return new Promise((resolve) => {
      const latencies = new Float64Array(Math.floor((rate * milliseconds) / 1000));
      const begun = performance.now();
      let sent = 0;
      let ended = 0;
      let failed = 0;
      function over() {
        ended += 1;
        if (ended < latencies.length) return;
        const sorted = latencies.sort();
        const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
        resolve({ failed, p50: at(0.5), p99: at(0.99), p999: at(0.999) });
      }
      function send(number) {
        const due = begun + (number * 1000) / rate;
        const replied = () => {
          latencies[number] = performance.now() - due;
          over();
        };
        request().then(replied, () => {
          failed += 1;
          replied();
        });
      }
      // A timer is too coarse for what is measured.
      function tick() {
        for (const due = ((performance.now() - begun) * rate) / 1000; sent < latencies.length && sent <= due; sent += 1) send(sent);
        if (sent < latencies.length) setImmediate(tick);
      }
      tick();
    });
  },

  /**
   * What the heap grows by, one request after the other, when all is compiled: half-way there, figures say more of the compiler than of the code. Of use only where
   * nothing is collected meanwhile: `allocating` flags.
   */
  async allocation({ calls }) {
    for (let call = 0; call < 20_000; call += 1) await request();
    let grown = 0;
    for (let left = calls; left > 0; left -= BATCH) {
      globalThis.gc();
      const before = process.memoryUsage().heapUsed;
      for (let call = 0; call < Math.min(left, BATCH); call += 1) await request();
      grown += process.memoryUsage().heapUsed - before;
    }
    return { failed: 0, bytes: grown / calls };
  },

  /** One long body: megabytes a second, microseconds of CPU for each, and by how many the process has grown since its first round; for that it needs `--expose-gc`. */
  async transfer({ direction, bytes }) {
    if (grownFrom === undefined) {
      globalThis.gc();
      grownFrom = process.memoryUsage.rss();
    }
    let most = 0;
    const watch = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 20);
    const [begun, before] = [performance.now(), cpu()];
    const moved = await transfer(direction, bytes);
    const [microseconds, used] = [(performance.now() - begun) * 1000, cpu() - before];
    clearInterval(watch);
    if (moved !== bytes) throw new Error(`${direction}: ${moved} of ${bytes} bytes`);
    most = Math.max(most, process.memoryUsage.rss());
    return { failed: 0, rate: bytes / microseconds, cpu: used / (bytes / 1e6), grown: (most - grownFrom) / 1e6 };
  },
};

process.on('message', async ({ round, ...parameters }) => process.send(await rounds[round](parameters)));
process.on('disconnect', async () => {
  await close();
  process.exit();
});
process.send({ sidecar });
