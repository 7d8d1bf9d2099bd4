/**
 * What telemetry costs a call, by the processor time of a whole client over a transport that answers at once:
 *
 *     off        the policy wants neither spans nor metrics
 *     no SDK     it wants both, and nobody records them: as it is for everybody who has no OpenTelemetry
 *     not sampled  an SDK is there, and its sampler leaves every call out
 *     metrics    a real SDK gathers metrics
 *     record     what that SDK's own `record` takes of it, called in a loop with the same attributes
 *     spans      a real SDK records every call and every attempt
 *
 *     npm run bench:telemetry [-- --rounds 15 --calls 20000]
 *
 * A process per row, rounds taking turns; the least of all rounds, since whatever disturbs one only ever adds.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'tsup';

const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '15' }, calls: { type: 'string', default: '20000' } } });
const [rounds, calls] = [options.rounds, options.calls].map(Number);
for (const [name, value] of Object.entries({ rounds, calls })) {
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name}: ${options[name]} (expected: a whole number from 1)`);
}

/** Nanoseconds beyond `off`; of metrics, what is ours: what the SDK's own `record` takes nobody can save who records at all. */
const BUDGET = { 'no SDK': 300, metrics: 2000 };
const contenders = ['off', 'no SDK', 'not sampled', 'metrics', 'record', 'spans'];

const root = fileURLToPath(new URL('..', import.meta.url));
await build({ config: false, entry: { telemetry: `${root}bench/telemetry-parts.ts` }, outDir: `${root}.cache/build`, format: ['esm'], target: 'node20', shims: true, silent: true });

async function start(contender) {
  const child = fork(fileURLToPath(new URL('telemetry-worker.mjs', import.meta.url)), [contender]);
  await once(child, 'message');
  return async (count) => {
    child.send(count);
    const [cpu] = await once(child, 'message');
    return cpu;
  };
}

const running = new Map();
for (const contender of contenders) running.set(contender, await start(contender));
const least = new Map(contenders.map((contender) => [contender, Infinity]));
for (let round = 0; round < rounds; round += 1) {
  for (const [contender, run] of running) least.set(contender, Math.min(least.get(contender), await run(calls)));
}

console.log(`Node ${process.version}, ${rounds} rounds of ${calls} calls, taking turns; the least of them\n`);
const more = (contender) => Math.round(least.get(contender) - least.get('off'));
const records = Math.round(least.get('record'));
let kept = true;
function verdict(own, budget) {
  kept &&= own <= budget;
  return `${budget} ns: ${own <= budget ? 'kept' : 'EXCEEDED'}`;
}

console.log('| telemetry | ns of CPU per call | more | budget |');
console.log('|---|---:|---:|---|');
console.log(`| off | ${Math.round(least.get('off'))} | | |`);
console.log(`| wanted, and no SDK | ${Math.round(least.get('no SDK'))} | ${more('no SDK')} | ${verdict(more('no SDK'), BUDGET['no SDK'])} |`);
console.log(`| traced, and not sampled | ${Math.round(least.get('not sampled'))} | ${more('not sampled')} | |`);
console.log(`| metrics | ${Math.round(least.get('metrics'))} | ${more('metrics')} | |`);
console.log(`| … the SDK’s own two \`record\` | | ${records} | |`);
console.log(`| … the mesh | | ${more('metrics') - records} | ${verdict(more('metrics') - records, BUDGET.metrics)} |`);
console.log(`| traced, call and attempt recorded | ${Math.round(least.get('spans'))} | ${more('spans')} | |`);
process.exit(kept ? 0 : 1);
