/**
 * Whether a call has become dearer, for CI: fails on a clear regression, in less than a minute.
 *
 *     npm run bench:check [-- --record]          --record writes what is measured as what is to be kept: bench/baseline.json
 *
 * What a call allocates is the same on every machine to a few bytes, so it is held to what is recorded, strictly. CPU is compared as a ratio to undici's or
 * fetch's in rounds that are interleaved, and fails only where that is well beyond the goal and what is recorded: others may be using the machine.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { spread, written } from './harness/numbers.mjs';
import { path, Processes } from './harness/processes.mjs';
import { Interleaved } from './harness/rounds.mjs';
import { allocation, inFlight, yardstickName } from './sections.mjs';

/** Bytes that a call may allocate beyond what is recorded, or this share of what the other one allocates, if that is more: the figure varies by less from run to run. */
const BYTES = 150;
const SHARE = 0.02;
/** What a ratio may be beyond the goal, or what is recorded where that is more: it is the median of seven short rounds. */
const NOISE = 1.8;

/** Contender, what it is compared with, and the goal of issue and docs/performance.md. */
const comparisons = [['mesh-request', yardstickName, 1.05], ['mesh-dispatch', 'undici-dispatch', 1.15], ['mesh-fetch', 'fetch', 1.05]];

const { values: options } = parseArgs({ options: { record: { type: 'boolean', default: false } } });
const file = path('baseline.json');
const baseline = options.record ? {} : JSON.parse(readFileSync(file, 'utf8'));
const names = [...new Set(comparisons.flat().filter((each) => typeof each === 'string' && each !== yardstickName))];

const processes = new Processes();
let bytes;
let table;
try {
  await processes.startServers('small');
  const interleaved = new Interleaved(processes, 10_000);
  bytes = await allocation({ processes }, { names, rounds: 1, calls: 2000 });
  table = (await inFlight({ processes, interleaved }, [names], [{ inFlight: 32, rounds: 7 }], { milliseconds: 200 }))[32];
} finally {
  await processes.stop();
}
if (processes.missing.size > 0) throw new Error(`could not be started: ${[...processes.missing].map(([name, reason]) => `${name} (${reason})`).join(', ')}`);

const problems = [];
for (const [name, other, goal] of comparisons) {
  const more = Math.round(bytes[name].median - bytes[other].median);
  const ratio = spread(table[name].cpu.ratios.map((own, round) => own / (other === yardstickName ? 1 : table[other].cpu.ratios[round])));
  if (options.record) {
    baseline[name] = { bytesBeyond: more, cpuRatio: Number(ratio.median.toFixed(2)) };
  } else {
    const { bytesBeyond, cpuRatio } = baseline[name];
    const most = Math.max(goal, cpuRatio) * NOISE;
    const room = Math.round(Math.max(BYTES, SHARE * bytes[other].median));
    if (more > bytesBeyond + room) problems.push(`${name}: ${more} bytes per call beyond ${other} (recorded: ${bytesBeyond}, at most ${room} more)`);
    if (ratio.median > most) problems.push(`${name}: CPU ÷ ${other} is ${written(ratio)} (expected: ≤ ${most.toFixed(2)})`);
  }
  console.log(`${name} ÷ ${other}: ${more} bytes per call beyond it, CPU ${written(ratio)}`);
}
if (options.record) writeFileSync(file, `${JSON.stringify(baseline, undefined, 2)}\n`);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
