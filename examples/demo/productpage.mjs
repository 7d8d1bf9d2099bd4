/**
 * The client of one side: calls arrive at random instants (Poisson), the same ones on both sides, whether or not earlier
 * calls have been answered. Latency counts from the instant at which a call should have begun, so a client that cannot keep
 * up cannot hide it (coordinated omission).
 *
 *     { type: 'start', side, nameserver, port }   says { type: 'ready' }
 *     { type: 'go', at, warmUp, duration, rate, seed }   says { type: 'calls', … } four times a second, and { type: 'done' }
 *                                                 when all calls are answered
 *
 * `at` is the instant, in ms since the epoch, from which calls are measured. Load begins `warmUp` ms earlier, so that no
 * side's figures are those of code that was never run before; a call that fails in the warm-up counts all the same.
 */
import { createClient, describe, load } from './clients.mjs';
import { obey, tell } from './child.mjs';

const REPORT_EVERY = 250;
/** Longer than any deadline: what has no answer by then never gets one. */
const GIVE_UP_AFTER = 8000;

let client;
let finished = [];
let failures = [];
const open = new Map();

obey({
  load,
  async start({ side, nameserver, port }) {
    client = await createClient({ side, nameserver, port });
    await client.ready('reviews');
    tell({ type: 'ready' });
  },
  go({ at, warmUp, duration, rate, seed }) {
    const begin = at - performance.timeOrigin;
    const random = mulberry32(seed);
    let next = begin - warmUp;
    let id = 0;
    const arrive = () => {
      for (; next <= performance.now() && next < begin + duration; next += (-Math.log(1 - random()) / rate) * 1000) {
        void call(id++, next, begin);
      }
      if (next < begin + duration) setTimeout(arrive, next - performance.now());
      else finish(begin);
    };
    setTimeout(arrive, next - performance.now());
    setInterval(report, REPORT_EVERY).unref();
  },
});

async function call(id, intended, begin) {
  open.set(id, intended);
  let problem;
  let replica;
  try {
    const { status, body } = await client.get('reviews', '/reviews/1');
    replica = /"replica":"([^"]+)"/.exec(body)?.[1];
    if (status >= 500) problem = `HTTP ${status}: ${body}`;
  } catch (error) {
    problem = describe(error);
  }
  if (!open.delete(id)) return;
  const latency = performance.now() - intended;
  if (problem === undefined) {
    if (intended >= begin) finished.push({ at: intended - begin, latency, replica });
  } else failures.push({ at: intended - begin, latency, replica, problem });
}

function finish(begin) {
  const until = performance.now() + GIVE_UP_AFTER;
  const timer = setInterval(() => {
    if (open.size > 0 && performance.now() < until) return;
    clearInterval(timer);
    for (const [, intended] of open) {
      failures.push({ at: intended - begin, latency: performance.now() - intended, problem: 'never answered, never failed' });
    }
    open.clear();
    report();
    tell({ type: 'done' });
  }, 20);
}

function report() {
  tell({ type: 'calls', finished, failures });
  finished = [];
  failures = [];
}

/** Tommy Ettinger's generator of 32 bits: the same arrivals on both sides. */
function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
