/**
 * What a call through the mesh costs, beside bare undici, other clients and a proxy.
 *
 *     npm run bench                    three minutes: the table of goals, printed
 *     npm run bench:full               everything, in more rounds; writes docs/performance.md, its chart, and bench/results.json
 *
 *     --only cpu,open,uneven,allocation,scale,memory,start,streams      some of it
 *     --contenders mesh-request,mesh-dispatch                           of the contenders, these and the yardstick
 *     --write                          the tables into docs/performance.md, also from a quick run
 *
 * Servers and each contender are processes of their own. A few contenders at a time are alive, warm, and measured in rounds that are interleaved (harness/rounds.mjs).
 * Absolute figures of a shared machine mean little; read the ratios. Raw results: .cache/bench.json.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { chart } from './chart.mjs';
import { machine } from './harness/machine.mjs';
import { path, Processes } from './harness/processes.mjs';
import { Interleaved } from './harness/rounds.mjs';
import { circumstances, goalTable, inFlightTable, score, tables } from './report.mjs';
import * as sections from './sections.mjs';

const { values: options } = parseArgs({ options: { full: { type: 'boolean', default: false }, write: { type: 'boolean', default: false }, only: { type: 'string' }, contenders: { type: 'string' } } });
const { full } = options;
const write = options.write || (full && options.only === undefined && options.contenders === undefined);
const chosen = options.contenders?.split(',');
for (const name of chosen ?? []) if (!(name in sections.contenders)) throw new Error(`--contenders: ${name} (expected: ${Object.keys(sections.contenders).join(', ')})`);
const among = (names) => names.filter((name) => chosen === undefined || chosen.includes(name));

const everyone = among(Object.keys(sections.contenders));
const GIB = 2 ** 30;

const plan = {
  cpu: (harness) => sections.inFlight(harness, sections.groups.map(among).filter((group) => group.length > 0), full
    ? [32, 1, 256].map((inFlight) => ({ inFlight, rounds: 7 }))
    : [{ inFlight: 32, rounds: 5 }, { inFlight: 1, names: sections.core, rounds: 5 }, { inFlight: 256, names: sections.core, rounds: 5 }], { milliseconds: full ? 200 : 150 }),
  open: (harness) => sections.openLoop(harness, { names: among(full ? ['undici-dispatch', 'mesh-request', 'mesh-dispatch', 'fetch'] : ['mesh-request']), rounds: full ? 7 : 5, rate: 2000, milliseconds: full ? 2000 : 1000 }),
  uneven: (harness) => sections.openLoop(harness, { names: among(['mesh-request']), rounds: full ? 5 : 3, rate: 1000, milliseconds: full ? 3000 : 1500, uneven: true }),
  allocation: (harness) => sections.allocation(harness, { names: full ? everyone : among(['undici-dispatch', 'mesh-request', 'mesh-dispatch']), rounds: 1, calls: 2000 }),
  scale: (harness) => sections.scale(harness, { rounds: full ? 8 : 5, milliseconds: 400 }),
  memory: async ({ idle }) => (await idle)(),
  start: (harness) => sections.startUp(harness, { rounds: full ? 10 : 5, policy: path('../examples/policy.yaml') }),
  streams: (harness) => sections.streams(harness, { rounds: full ? 5 : 7, bytes: full ? GIB : GIB / 8 }),
};
const keys = { cpu: 'inFlight', open: 'openLoop', uneven: 'uneven', allocation: 'allocation', scale: 'scale', memory: 'memory', start: 'startUp', streams: 'streams' };
const wanted = options.only?.split(',') ?? Object.keys(plan);
for (const name of wanted) if (!(name in plan)) throw new Error(`--only: ${name} (expected: ${Object.keys(plan).join(', ')})`);

const begun = performance.now();
const when = new Date().toISOString();
const processes = new Processes();
const results = { machine: machine(), settings: full ? 'full' : 'quick', when };
try {
  await processes.startServers('small', 'grpc', 'streams');
  const interleaved = new Interleaved(processes, full ? 60_000 : 30_000);
  // They have to be idle for a while, and wait for it beside the others. That they could not be started is said in their section.
  const idle = wanted.includes('memory') ? sections.leftIdle({ processes }, { rounds: full ? 3 : 1 }) : undefined;
  await idle?.catch(() => {});
  for (const name of wanted) {
    process.stderr.write(`${name} … `);
    const from = performance.now();
    try {
      results[keys[name]] = await plan[name]({ processes, interleaved, idle });
    } catch (error) {
      // The others are worth having.
      processes.fail(name, error);
      await processes.stopContenders();
    }
    process.stderr.write(`${processes.failed.get(name) ?? ''} ${((performance.now() - from) / 1000).toFixed(0)} s\n`);
  }
  const { missing, failed } = processes;
  if (failed.size > 0) process.exitCode = 1;
  Object.assign(results, { disturbance: interleaved.disturbance, missing: Object.fromEntries(missing), failed: Object.fromEntries(failed), minutes: (performance.now() - begun) / 60_000 });
} finally {
  await processes.stop();
}

const { kept, measured, all } = score(results);
const summary = `${kept} of ${measured} goals kept${measured < all ? `, ${all - measured} not measured` : ''}`;
mkdirSync(path('../.cache'), { recursive: true });
writeFileSync(path('../.cache/bench.json'), `${JSON.stringify(results, undefined, 1)}\n`);
if (results.inFlight !== undefined && !write) console.log(`${inFlightTable(results.inFlight[32])}\n`);
console.log(`${goalTable(results)}\n\n${summary}. ${circumstances(results)}`);
if (write) {
  writeFileSync(path('results.json'), `${JSON.stringify(results)}\n`);
  if (results.inFlight?.[32]?.[sections.yardstickName] !== undefined) writeFileSync(path('../docs/images/performance.svg'), chart(results.inFlight[32], 32));
  const page = path('../docs/performance.md');
  const text = `${goalTable(results)}\n\n${summary}.\n\n${circumstances(results)}\n\n![CPU per request beside bare undici](images/performance.svg)\n\n${tables(results)}`;
  writeFileSync(page, readFileSync(page, 'utf8').replace(/(<!-- bench -->\n)[\s\S]*(\n<!-- \/bench -->)/, (_all, start, end) => `${start}\n${text}\n${end}`));
}
