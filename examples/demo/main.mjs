/**
 * The demo: Bookinfo's productpage → reviews → ratings under steady load, twice side by side, through inmesh and through
 * plain undici, while things break. See docs/demo.md.
 *
 *     npm run demo [-- --fast] [--rate 200] [--port 19080]
 *     npm run demo -- canary           another one, in canary.mjs
 *
 * Exit code: 0 · 1 where a call of inmesh failed, or the canary went wrong · 2 where the demo could not run · 130 after Ctrl-C.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { canary } from './canary.mjs';
import { comparison, failureList } from './closing.mjs';
import { Cluster, sides } from './cluster.mjs';
import { liveView } from './live.mjs';
import { Measurements } from './measurements.mjs';
import { Processes } from './processes.mjs';
import { eventText } from './text.mjs';
import { plan } from './timeline.mjs';

/** A look-up that fails again is no news for this long. */
const DNS_NEWS_EVERY = 20;
const SEED = 20_260_101;
/** The warm-up: load that grows for so long (ms), and ends when the slowest in a hundred calls of a second took no longer than … */
const GROWING = 3000;
const WARM_P99 = 100;
/** … or after so many seconds, on a machine where it never gets there. */
const WARM_UP_AT_MOST = 20;
/** This process does next to nothing: where its timers are later than this (ms), the machine is busy. */
const BUSY = 30;
/** Clients report four times a second; a second is shown when they have. */
const SHOW_AFTER = 100;

const options = readOptions();
const { steps, later, duration, noticeAfter, grace } = plan(options);
const measured = new Map(sides.map((side) => [side, new Measurements()]));
const counts = { retries: 0, suppressed: new Map(), ejections: 0 };
const dnsNewsAt = new Map();

let view;
let startedAt = Infinity;
let ending = false;
const elapsed = () => (performance.now() - startedAt) / 1000;

const processes = new Processes((error) => void fail(error));
const cluster = new Cluster(processes, { port: options.port, noticeAfter, grace, onMessage });
const pagesDone = new Map();
const allPagesDone = Promise.all(sides.map((side) => new Promise((resolve) => pagesDone.set(side, resolve))));

process.on('SIGINT', () => void end(130, 'stopped'));
process.on('SIGTERM', () => void end(143, 'stopped'));
process.on('SIGHUP', () => void end(129));
process.on('uncaughtException', (error) => void end(2, `the demo has failed: ${error.stack}`));
process.stdout.on('error', () => void end(2));

if (options.canary) await canary(processes, options).then((good) => end(good ? 0 : 1), fail);
else await run();

async function run() {
  process.stdout.write('Starting a DNS server, 2 × 5 replicas and 2 clients, and a warm-up …\n');
  const pages = await cluster.start(later).catch(fail);
  if (ending) return;

  for (const page of pages) page.tell({ type: 'warm-up', rate: options.rate, growing: GROWING });
  await warm();
  if (ending) return;
  const lead = 200;
  const begin = Date.now() + lead;
  startedAt = performance.now() + lead;
  for (const page of pages) page.tell({ type: 'go', at: begin, duration: duration * 1000, rate: options.rate, seed: SEED });
  view = liveView();
  const lateness = monitorEventLoopDelay({ resolution: 10 });
  lateness.enable();
  let title = '';
  for (const step of steps) {
    setTimeout(() => {
      title = step.title;
      view.news(step.at, 'fault', title);
      Promise.resolve(step.act(cluster)).catch(fail);
    }, lead + step.at * 1000);
  }
  let ticking;
  setTimeout(() => {
    ticking = setInterval(() => {
      const rows = sides.map((side) => ({ side, window: measured.get(side).window(), failedSoFar: measured.get(side).failures.length }));
      view.second({ now: Math.min(Math.floor(elapsed()), duration), duration, title, rows });
    }, 1000);
  }, lead + SHOW_AFTER);

  await allPagesDone;
  clearInterval(ticking);
  view.close();
  process.stdout.write(comparison({ sides, measured, counts, steps, begin, duration, rate: options.rate }));
  const { failures } = measured.get('inmesh');
  if (failures.length > 0) process.stdout.write(failureList(failures, begin));
  const late = lateness.percentile(99) / 1e6 - 10;
  if (late > BUSY) process.stdout.write(`  The machine was busy: one timer in a hundred was ${late.toFixed(0)} ms late or more, so latencies are partly its own.\n`);
  for (const complaint of processes.complaints()) process.stdout.write(`  ${complaint}\n`);
  await end(failures.length > 0 ? 1 : 0);
}

/** Resolves when both sides are as fast as they will be. */
async function warm() {
  await sleep(GROWING);
  for (let second = 0; second < WARM_UP_AT_MOST; second++) {
    for (const side of sides) measured.get(side).warmUp();
    await sleep(1000);
    const seen = sides.map((side) => measured.get(side).warmUp());
    if (seen.every(({ calls, p99 }) => calls > 0 && p99 < WARM_P99)) return;
  }
}

function onMessage(side, who, message) {
  if (message.type === 'calls') measured.get(side).add(message);
  else if (message.type === 'done') pagesDone.get(side)();
  else if (message.type === 'event') onEvent(who, message.name, message.event);
}

function onEvent(who, name, event) {
  if (!(elapsed() >= 0) || ending) return;
  if (name === 'retry.scheduled') counts.retries++;
  if (name === 'retry.suppressed') counts.suppressed.set(event.reason, (counts.suppressed.get(event.reason) ?? 0) + 1);
  if (name === 'endpoint.ejected') counts.ejections++;
  const text = eventText(name, event, (endpoint) => cluster.nameOf(endpoint));
  if (text === undefined) return;
  if (name === 'discovery.failed') {
    if (elapsed() - (dnsNewsAt.get(who) ?? -Infinity) < DNS_NEWS_EVERY) return;
    dnsNewsAt.set(who, elapsed());
  }
  view?.news(elapsed(), who, text);
}

function fail(error) {
  return end(2, `the demo cannot ${view === undefined ? 'start' : 'go on'}: ${error.message}`);
}

/** The one way out: no child is left, the cursor is back. */
async function end(code, message) {
  if (ending) return;
  ending = true;
  view?.close();
  if (message !== undefined) process.stderr.write(`${message}\n`);
  await processes.endAll();
  process.exit(code);
}

function readOptions() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { fast: { type: 'boolean', default: false }, rate: { type: 'string' }, port: { type: 'string', default: '19080' } },
    });
    const [demo, ...more] = positionals;
    if ((demo ?? 'canary') !== 'canary' || more.length > 0) throw new Error(`${positionals.join(' ')} (expected: canary, or nothing)`);
    const rate = Number(values.rate ?? (demo === undefined ? 200 : 100));
    const port = Number(values.port);
    if (!(rate > 0 && rate <= 5000)) throw new Error(`--rate: ${values.rate} (expected: calls per second, up to 5000)`);
    if (!(Number.isInteger(port) && port > 0 && port < 65535)) throw new Error(`--port: ${values.port} (expected: 1 to 65534; the DNS server takes the next one)`);
    return { canary: demo === 'canary', fast: values.fast, rate, port };
  } catch (error) {
    // Node goes on to say how to write an argument that begins with a dash; there is none.
    process.stderr.write(`${error.message.split('. To specify')[0]}\nusage: npm run demo -- [canary] [--fast] [--rate 200] [--port 19080]\n`);
    process.exit(2);
  }
}
