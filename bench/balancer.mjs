/**
 * What it costs to choose an endpoint, and to learn that endpoints changed.
 *
 *     npm run bench:balancer [-- --rounds 15 --candidates 50]
 *
 * Each kind of balancer with 10, 1,000 and 10,000 candidates, all of which are known, most of them with something in flight; `hash` with a
 * thousand keys. `pick` is the choice alone, `attempt` the choice, its beginning and its end. Figures are medians, with the least and the most.
 *
 * `B` is what one leaves on the heap, with a clock that says the same whole number each time: what the system's says is a fraction, of
 * 16 bytes, and a pick reads it once.
 *
 * The last lines are what no choice can do without: to read the clock, and with it two places at random in as much memory as picks read.
 *
 * Each kind has a process of its own, one after the other, as a process of an application uses one. In the last, all of them are in use.
 * Then a new answer about 10,000 endpoints of which 1 % changed, and what an endpoint costs that was never called.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import v8 from 'node:v8';
import vm from 'node:vm';
import { balancerParts } from './balancer-build.mjs';

const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '15' }, only: { type: 'string' }, candidates: { type: 'string' } } });
const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds: ${options.rounds} (expected: a whole number from 1)`);
const picks = 20_000;
/** In these code is compiled; they do not count. */
const warmUp = 5;

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc');
if (options.only === undefined) await balancerParts();
const { Cluster, balancerTypes, below, defaultServicePolicy, noZones, seededRandom, systemClock, systemRandom } = await import('../.cache/build/balancer.js');

const parts = [...balancerTypes, 'all', 'bare', 'cluster'];
if (options.only !== undefined && !parts.includes(options.only)) throw new Error(`--only: ${options.only} (expected: one of ${parts.join(', ')})`);
if (options.only === undefined) {
  console.log(`Node ${process.version}, ${rounds} rounds of ${picks} each, a process for each kind; median (min–max)\n`);
  console.log('| balancer | candidates | pick ns | B | attempt ns | B |\n|---|---:|---:|---:|---:|---:|');
  for (const only of parts) {
    const { status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), '--only', only, '--rounds', String(rounds), ...(options.candidates === undefined ? [] : ['--candidates', options.candidates])], { stdio: 'inherit' });
    if (status !== 0) throw new Error(`${only}: exited with ${status}`);
  }
  process.exit(0);
}

const endpoint = (number) => ({ host: `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`, port: 8080, weight: 1, priority: 0 });
const endpoints = (count, from = 0) => Array.from({ length: count }, (_, number) => endpoint(from + number));
const resolution = (found) => ({ endpoints: found, complete: true, source: 'bench' });
const noneTried = new Set();
const anybody = { tried: noneTried, hashKey: undefined };
const users = Array.from({ length: 1_024 }, (_, number) => ({ tried: noneTried, hashKey: `user-${number}` }));
const success = { kind: 'success' };
const clock = { ...systemClock };

function cluster(type, found, subset = 'off') {
  const knobs = { ...defaultServicePolicy, zones: noZones, subset, balancer: { ...defaultServicePolicy.balancer, type }, maxPerEndpoint: 10_000 };
  const made = new Cluster({ service: 'bench', identity: 'bench', clock, random: systemRandom, knobs: () => knobs, emit: () => {}, retire: () => {}, refresh: () => {} });
  made.reconcile(resolution(found));
  return made;
}

/** Every endpoint has been called, with a latency of its own, and has up to two attempts in flight. */
function known(type, count) {
  const random = seededRandom(count);
  const made = cluster(type, endpoints(count));
  const nodes = new Set();
  for (let tries = 0; nodes.size < count && tries < 60 * count; tries += 1) nodes.add(made.pick(anybody));
  for (const node of nodes) {
    const ticket = node.begin();
    ticket.settle(success, systemClock.now() - 5 - 10 * random.next());
    ticket.release();
    for (let held = Math.floor(3 * random.next()); held > 0; held -= 1) node.begin();
  }
  return { type, count, made, requests: type === 'hash' ? users : [anybody], pick: [], attempt: [], pickBytes: [], attemptBytes: [] };
}

if (options.candidates !== undefined && !/^[1-9]\d{0,4}$/.test(options.candidates)) throw new Error(`--candidates: ${options.candidates} (expected: a whole number from 1 to 99,999)`);
const counts = options.candidates === undefined ? [10, 1_000, 10_000] : [Number(options.candidates)];
const kinds = options.only === 'all' ? balancerTypes : balancerTypes.includes(options.only) ? [options.only] : [];
const cases = kinds.flatMap((type) => counts.map((count) => known(type, count)));

let found = 0;
function pick({ made, requests }) {
  const last = requests.length - 1;
  for (let time = 0; time < picks; time += 1) if (made.pick(requests[time & last]) !== undefined) found += 1;
}

function attempt({ made, requests }) {
  const last = requests.length - 1;
  for (let time = 0; time < picks; time += 1) {
    const ticket = made.pick(requests[time & last]).begin();
    ticket.settle(success);
    ticket.release();
  }
}

function timed(work, each) {
  const began = performance.now();
  work(each);
  return ((performance.now() - began) / picks) * 1e6;
}

/** Less than nothing where there was a collection in between. */
function bytesOf(work, each) {
  const before = process.memoryUsage().heapUsed;
  work(each);
  return (process.memoryUsage().heapUsed - before) / picks;
}

for (let round = -warmUp; round < rounds; round += 1) {
  for (const each of cases) {
    const times = [timed(pick, each), timed(attempt, each)];
    if (round < 0) continue;
    each.pick.push(times[0]);
    each.attempt.push(times[1]);
  }
  collect();
}
const stopped = Math.round(systemClock.now());
clock.now = () => stopped;
for (let round = -warmUp; round < rounds; round += 1) {
  for (const each of cases) {
    const sizes = [bytesOf(pick, each), bytesOf(attempt, each)];
    if (round < 0) continue;
    each.pickBytes.push(sizes[0]);
    each.attemptBytes.push(sizes[1]);
  }
  collect();
}
clock.now = systemClock.now;

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
const spread = (numbers) => `${median(numbers).toFixed(0)} (${Math.min(...numbers).toFixed(0)}–${Math.max(...numbers).toFixed(0)})`;
function bytes(numbers) {
  const counted = numbers.filter((number) => number >= 0);
  return counted.length === 0 ? '–' : median(counted).toFixed(1);
}

for (const each of cases) console.log(`| ${each.type}${options.only === 'all' ? ', all in use' : ''} | ${each.count} | ${spread(each.pick)} | ${bytes(each.pickBytes)} | ${spread(each.attempt)} | ${bytes(each.attemptBytes)} |`);
if (found !== cases.length * 2 * (rounds + warmUp) * picks) throw new Error('a pick found nothing');
if (options.only === 'bare') bare();
if (options.only !== 'cluster') process.exit(0);

// ---- what no choice can do without

/** The clock alone, and with two of four numbers each at random; each round of them after as much else was read as a second cache holds. */
function bare() {
  const others = new Float64Array(2 ** 18);
  const sum = new Float64Array(1);
  const read = {
    'the clock': () => () => void (sum[0] += systemClock.now()),
    'the clock and two places': (count) => {
      const numbers = new Float64Array(4 * count);
      return () => void (sum[0] += systemClock.now() + numbers[4 * below(systemRandom, count)] + numbers[4 * below(systemRandom, count)]);
    },
  };
  for (const [name, reading] of Object.entries(read)) {
    for (const count of counts) {
      const [each, found] = [reading(count), []];
      for (let round = -warmUp; round < rounds; round += 1) {
        others.fill(round);
        const taken = timed(() => {
          for (let time = 0; time < picks; time += 1) each();
        });
        if (round >= 0) found.push(taken);
      }
      console.log(`| ${name} | ${count} | ${spread(found)} | | | |`);
    }
  }
}

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
