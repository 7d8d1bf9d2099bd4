/**
 * What it costs to choose an endpoint, and to learn that endpoints changed.
 *
 *     npm run bench:balancer [-- --rounds 15 --candidates 50]
 *
 * Each kind of balancer with 10, 1,000 and 10,000 candidates, all of which are known, most of them with something in flight. `pick` is the choice
 * alone, `attempt` the choice, its beginning and its end; `B` is what one leaves on the heap. Figures are medians, with the least and the most. Then a new
 * answer about 10,000 endpoints of which 1 % changed, and what an endpoint costs that was never called.
 *
 * Each kind has a process of its own, one after the other: a process of an application uses one, and where several kinds share the code that
 * compares, a call of a method that could be any of theirs costs ten times what it costs alone.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import v8 from 'node:v8';
import vm from 'node:vm';
import { build } from 'tsup';

const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '15' }, only: { type: 'string' }, candidates: { type: 'string' } } });
const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds: ${options.rounds} (expected: a whole number from 1)`);
const picks = 20_000;
/** In these code is compiled; they do not count. */
const warmUp = 5;

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc');
const root = fileURLToPath(new URL('..', import.meta.url));
if (options.only === undefined) await build({ config: false, entry: { balancer: `${root}bench/balancer-parts.ts` }, outDir: `${root}.cache/build`, format: ['esm'], target: 'node20', silent: true });
const { Cluster, balancerTypes, defaultServicePolicy, noZones, seededRandom, systemClock } = await import('../.cache/build/balancer.js');

if (options.only === undefined) {
  console.log(`Node ${process.version}, ${rounds} rounds of ${picks} each, a process for each kind; median (min–max)\n`);
  console.log('| balancer | candidates | pick ns | B | attempt ns | B |\n|---|---:|---:|---:|---:|---:|');
  for (const only of [...balancerTypes, 'cluster']) {
    const { status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), '--only', only, '--rounds', String(rounds), ...(options.candidates === undefined ? [] : ['--candidates', options.candidates])], { stdio: 'inherit' });
    if (status !== 0) throw new Error(`${only}: exited with ${status}`);
  }
  process.exit(0);
}

const endpoint = (number) => ({ host: `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`, port: 8080, weight: 1, priority: 0 });
const endpoints = (count, from = 0) => Array.from({ length: count }, (_, number) => endpoint(from + number));
const resolution = (found) => ({ endpoints: found, complete: true, source: 'bench' });
const noneTried = new Set();
const request = { tried: noneTried, hashKey: undefined };
const success = { kind: 'success' };

function cluster(type, found, subset = 'off') {
  const knobs = { ...defaultServicePolicy, zones: noZones, subset, balancer: { ...defaultServicePolicy.balancer, type }, maxPerEndpoint: 10_000 };
  const made = new Cluster({ service: 'bench', identity: 'bench', clock: systemClock, random: seededRandom(1), knobs: () => knobs, emit: () => {}, retire: () => {}, refresh: () => {} });
  made.reconcile(resolution(found));
  return made;
}

/** Every endpoint has been called, with a latency of its own, and has up to two attempts in flight. */
function known(type, count) {
  const random = seededRandom(count);
  const made = cluster(type, endpoints(count));
  const nodes = new Set();
  const keys = new Set(made.endpoints.map(({ host, port }) => `${host}:${port}`));
  for (let tries = 0; nodes.size < count && tries < 60 * count; tries += 1) nodes.add(made.pick(request));
  for (const node of nodes) {
    const ticket = node.begin();
    ticket.settle(success, systemClock.now() - 5 - 10 * random.next());
    ticket.release();
    for (let held = Math.floor(3 * random.next()); held > 0; held -= 1) node.begin();
  }
  return { made, known: nodes.size / keys.size };
}

if (options.candidates !== undefined && !/^[1-9]\d{0,4}$/.test(options.candidates)) throw new Error(`--candidates: ${options.candidates} (expected: a whole number from 1 to 99,999)`);
const counts = options.candidates === undefined ? [10, 1_000, 10_000] : [Number(options.candidates)];
const cases = options.only === 'cluster' ? [] : counts.map((count) => ({ type: options.only, count, ...known(options.only, count), pick: [], pickBytes: [], attempt: [], attemptBytes: [] }));

let found = 0;
function pick({ made }) {
  for (let time = 0; time < picks; time += 1) if (made.pick(request) !== undefined) found += 1;
}

function attempt({ made }) {
  for (let time = 0; time < picks; time += 1) {
    const ticket = made.pick(request).begin();
    ticket.settle(success);
    ticket.release();
  }
}

function measure(work, each, times, bytes) {
  const heap = process.memoryUsage().heapUsed;
  const began = performance.now();
  work(each);
  const took = performance.now() - began;
  const grown = process.memoryUsage().heapUsed - heap;
  times.push((took / picks) * 1e6);
  // A collection in between makes it meaningless.
  if (grown >= 0) bytes.push(grown / picks);
}

for (let round = -warmUp; round < rounds; round += 1) {
  for (const each of cases) {
    measure(pick, each, each.pick, each.pickBytes);
    measure(attempt, each, each.attempt, each.attemptBytes);
    if (round < 0) each.pick = [], each.pickBytes = [], each.attempt = [], each.attemptBytes = [];
  }
  collect();
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
const spread = (numbers) => `${median(numbers).toFixed(0)} (${Math.min(...numbers).toFixed(0)}–${Math.max(...numbers).toFixed(0)})`;
const bytes = (numbers) => (numbers.length === 0 ? '–' : median(numbers).toFixed(1));

for (const each of cases) console.log(`| ${each.type} | ${each.count} | ${spread(each.pick)} | ${bytes(each.pickBytes)} | ${spread(each.attempt)} | ${bytes(each.attemptBytes)} |`);
if (found !== cases.length * (rounds + warmUp) * picks) throw new Error('a pick found nothing');
if (options.only !== 'cluster') process.exit(0);

// ---- a new answer

const many = 10_000;
const changed = many / 100;
const times = [];
const changing = cluster('predictive', endpoints(many));
for (let round = -warmUp; round < rounds; round += 1) {
  const answer = resolution(endpoints(many, (round + warmUp + 1) * changed));
  const began = performance.now();
  changing.reconcile(answer);
  if (round >= 0) times.push(performance.now() - began);
}
const milliseconds = (numbers) => `${median(numbers).toFixed(1)} (${Math.min(...numbers).toFixed(1)}–${Math.max(...numbers).toFixed(1)})`;
console.log(`\nA new answer of ${many} endpoints, of which 1 % are new and 1 % are gone: ${milliseconds(times)} ms`);

// ---- an endpoint that was never called

function heap() {
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
function perEndpoint(subset) {
  const answer = endpoints(many);
  const before = heap();
  const kept = cluster('predictive', answer, subset);
  return `${((heap() - before) / kept.total).toFixed(0)} B`;
}
console.log(`An endpoint that is known, beside its address: ${perEndpoint({ ...defaultServicePolicy.subset, size: 20 })}; in the subset, and never called: ${perEndpoint('off')}`);
