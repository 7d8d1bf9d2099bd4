/**
 * What the policies cost a call that needs none of them: one attempt, no failure, over a transport that answers at once. Layer by layer, from
 * the bottom up, and for a whole client with everything on beside everything off.
 *
 *     npm run bench:policies [-- --rounds 15 --calls 20000]
 *
 * A process per row, rounds taking turns; CPU time, not time, so that whatever else the machine does falls on nobody. Bytes are what the heap
 * grows by while no garbage is collected.
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

/** Beyond balancer and transport, in nanoseconds. */
const BUDGET = 1500;

const root = fileURLToPath(new URL('..', import.meta.url));
await build({ config: false, entry: { policies: `${root}bench/policies-parts.ts` }, outDir: `${root}.cache/build`, format: ['esm'], target: 'node20', shims: true, silent: true });
const { rows } = await import('../.cache/build/policies.js');

async function start(contender, ...flags) {
  const child = fork(fileURLToPath(new URL('policies-worker.mjs', import.meta.url)), [contender], { execArgv: flags });
  await once(child, 'message');
  return {
    run: async (count) => {
      child.send(count);
      const [result] = await once(child, 'message');
      return result;
    },
    stop: () => child.kill(),
  };
}

const contenders = [...rows, 'client off', 'client on', 'client on, in a context'];
const bytesOf = new Map();
for (const contender of contenders) {
  // Room for all that is allocated, from the start: nothing is collected meanwhile.
  const { run, stop } = await start(contender, '--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64');
  bytesOf.set(contender, (await run(2000)).bytes);
  stop();
}
const running = new Map();
for (const contender of contenders) running.set(contender, (await start(contender)).run);
const cpuOf = new Map(contenders.map((contender) => [contender, Infinity]));
for (let round = 0; round < rounds; round += 1) {
  // The least of all rounds: whatever disturbs one only ever adds.
  for (const [contender, run] of running) cpuOf.set(contender, Math.min(cpuOf.get(contender), (await run(calls)).cpu));
}

const cpu = (contender) => cpuOf.get(contender);
const bytes = (contender) => bytesOf.get(contender);
const more = (of, one, other) => of(one) - of(other);
const signed = (value) => (value < 0 ? '−' : '+') + Math.abs(Math.round(value));

console.log(`Node ${process.version}, ${rounds} rounds of ${calls} calls, taking turns; the least of them\n`);
console.log('| up to and including | ns of CPU per call | more | bytes per call | more |');
console.log('|---|---:|---:|---:|---:|');
rows.forEach((row, at) => {
  const [time, space] = at === 0 ? ['', ''] : [cpu, bytes].map((of) => signed(more(of, row, rows[at - 1])));
  console.log(`| ${row} | ${Math.round(cpu(row))} | ${time} | ${Math.round(bytes(row))} | ${space} |`);
});
const own = more(cpu, rows.at(-1), rows[0]);
console.log(`| **all of it, beyond balancer and transport** | | **${signed(own)}** | | **${signed(more(bytes, rows.at(-1), rows[0]))}** |`);

console.log('\n| a whole client, by its dispatcher | ns of CPU per call | bytes per call |');
console.log('|---|---:|---:|');
for (const contender of contenders.slice(rows.length)) console.log(`| ${contender.replace('client ', 'everything ')} | ${Math.round(cpu(contender))} | ${Math.round(bytes(contender))} |`);
console.log(`| **on − off** | **${signed(more(cpu, 'client on', 'client off'))}** | **${signed(more(bytes, 'client on', 'client off'))}** |`);
console.log(`\nbudget: ${BUDGET} ns beyond balancer and transport: ${own <= BUDGET ? 'kept' : 'EXCEEDED'}`);
process.exit(own <= BUDGET ? 0 : 1);
