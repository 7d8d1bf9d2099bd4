/**
 * What it costs to be looked at: a call while traffic is measured, and the live page at a thousand endpoints.
 *
 *     npm run bench:admin [-- --rounds 40 --calls 5000 --endpoints 1000 --rate 1000 --seconds 5]
 *
 * Calls: two clients in one process, with and without mesh.admin(), taking turns; the least CPU time of all rounds. The page: one process that is called at a
 * steady rate, over periods with and without a reader of /events, taking turns.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'tsup';

const defaults = { rounds: '40', calls: '5000', endpoints: '1000', rate: '1000', seconds: '5' };
const { values } = parseArgs({ options: Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, { type: 'string', default: value }])) });
const { rounds, calls, endpoints, rate, seconds } = Object.fromEntries(Object.entries(values).map(([name, text]) => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name}: ${text} (expected: a whole number from 1)`);
  return [name, value];
}));

/** Nanoseconds per call, and share of a core. */
const BUDGET = { call: 300, page: 0.01 };

const root = fileURLToPath(new URL('..', import.meta.url));
await build({ config: false, entry: { admin: `${root}bench/admin-parts.ts` }, outDir: `${root}.cache/build`, format: ['esm'], target: 'node20', shims: true, silent: true });

async function start(...args) {
  const child = fork(fileURLToPath(new URL('admin-worker.mjs', import.meta.url)), args.map(String));
  const [{ url }] = await once(child, 'message');
  return {
    url,
    async run(count) {
      child.send(count);
      return (await once(child, 'message'))[0];
    },
    stop: () => child.kill(),
  };
}

console.log(`Node ${process.version}\n`);

const both = await start('calls', 4);
const least = { unwatched: Infinity, watched: Infinity };
for (let round = 0; round < rounds; round += 1) {
  // The least of all rounds: whatever disturbs one only ever adds.
  for (const [which, cost] of Object.entries(await both.run(calls))) least[which] = Math.min(least[which], cost);
}
both.stop();
const perCall = least.watched - least.unwatched;
console.log('| a call | ns of CPU |\n|---|---:|');
console.log(`| nobody looks | ${Math.round(least.unwatched)} |\n| mesh.admin() | ${Math.round(least.watched)} |`);
console.log(`| **more** | **${Math.round(perCall)}** |\n`);

const page = await start('page', endpoints, rate);
const used = { without: 0, with: 0 };
let bytes = 0;
// At first it is measured, and told everything.
await sleep(1000);
for (let turn = 0; turn < 6; turn += 1) {
  const which = turn % 2 === 0 ? 'without' : 'with';
  const reader = which === 'with' ? get(`${page.url}events`, (response) => response.on('data', (chunk) => (bytes += chunk.length))).on('error', () => {}) : undefined;
  const { cpu: before } = await page.run(0);
  await sleep(seconds * 1000);
  used[which] += (await page.run(0)).cpu - before;
  reader?.destroy();
}
page.stop();
const [without, looked] = [used.without, used.with].map((cpu) => cpu / 1e6 / (3 * seconds));
const percent = (share) => `${(share * 100).toFixed(2)} %`;
console.log(`| ${endpoints} endpoints, ${rate} calls/s | share of a core |\n|---|---:|`);
console.log(`| nobody looks | ${percent(without)} |\n| one reader of /events, ${Math.round(bytes / 1024 / (3 * seconds))} KiB/s | ${percent(looked)} |\n| **more** | **${percent(looked - without)}** |\n`);

const kept = perCall <= BUDGET.call && looked - without <= BUDGET.page;
console.log(`budget: ${BUDGET.call} ns per call, ${percent(BUDGET.page)} of a core: ${kept ? 'kept' : 'EXCEEDED'}`);
process.exit(kept ? 0 : 1);
