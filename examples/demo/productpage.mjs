/**
 * The client of one side: calls arrive at random instants (Poisson), the same ones on both sides, whether or not earlier
 * calls have been answered. Latency counts from the instant at which a call should have begun, so a client that cannot keep
 * up cannot hide it (coordinated omission).
 *
 *     { type: 'start', side, nameserver, port }   says { type: 'ready' }
 *     { type: 'warm-up', rate, growing }          load that grows to `rate` in `growing` ms and then goes on
 *     { type: 'go', at, duration, rate, seed }    the load that is measured, from the instant `at`, in ms since the epoch
 *
 * It says { type: 'calls', finished, failures } four times a second and { type: 'done' } when the last call is answered. The
 * warm-up is there so that no side's figures are those of code that was never run before; its samples are marked.
 */
import { createClient, describe, load } from './clients.mjs';
import { obey, tell } from './child.mjs';

const REPORT_EVERY = 250;
/** Longer than any deadline: what has no answer by then never gets one. */
const GIVE_UP_AFTER = 35_000;

let client;
let calls = 0;
let stopWarmUp = () => {};
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
  'warm-up'({ rate, growing }) {
    const begin = performance.now();
    const rateAt = (instant) => rate * Math.min(1, Math.max(0.05, (instant - begin) / growing));
    stopWarmUp = arrivals({ begin, end: Infinity, rateAt, random: Math.random, warm: true });
    setInterval(report, REPORT_EVERY).unref();
  },
  go({ at, duration, rate, seed }) {
    const begin = at - performance.timeOrigin;
    setTimeout(() => {
      stopWarmUp();
      arrivals({ begin, end: begin + duration, rateAt: () => rate, random: mulberry32(seed), warm: false, ended: finish });
    }, begin - performance.now());
  },
});

/** @returns {() => void} stops them */
function arrivals({ begin, end, rateAt, random, warm, ended = () => {} }) {
  let next = begin;
  let stopped = false;
  const arrive = () => {
    if (stopped) return;
    for (; next <= performance.now() && next < end; next += (-Math.log(1 - random()) / rateAt(next)) * 1000) void call(next, warm);
    if (next < end) setTimeout(arrive, next - performance.now());
    else ended();
  };
  arrive();
  return () => {
    stopped = true;
  };
}

async function call(intended, warm) {
  const id = calls++;
  const sample = { at: performance.timeOrigin + intended, latency: 0, warm };
  open.set(id, sample);
  let problem;
  try {
    const { status, body } = await client.get('reviews', '/reviews/1');
    sample.replica = /"replica":"([^"]+)"/.exec(body)?.[1];
    if (status >= 500) problem = `HTTP ${status}: ${body}`;
  } catch (error) {
    problem = describe(error);
  }
  if (!open.delete(id)) return;
  sample.latency = performance.now() - intended;
  if (problem === undefined) finished.push(sample);
  else failures.push({ ...sample, problem });
}

function finish() {
  const until = performance.now() + GIVE_UP_AFTER;
  const timer = setInterval(() => {
    if (open.size > 0 && performance.now() < until) return;
    clearInterval(timer);
    for (const sample of open.values()) {
      failures.push({ ...sample, latency: performance.timeOrigin + performance.now() - sample.at, problem: 'never answered, never failed' });
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
