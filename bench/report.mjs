/** The results as text: the table of goals, the tables beside it, and what a reader has to know of the run. */
import { goals } from './goals.mjs';
import { spread, written } from './harness/numbers.mjs';
import { labelOf, yardstickName } from './sections.mjs';

export function goalTable(results) {
  const rows = goals.map(({ what, goal, measured, why, digits = 2 }) => {
    const found = measured(results);
    if (found === undefined) return `| ${what} | ${goal.text} | not measured | |`;
    const reason = typeof why === 'function' ? why(results) : why;
    const verdict = goal.kept(found) ? 'kept' : `**missed**${reason === undefined ? '' : `: ${reason}`}`;
    return `| ${what} | ${goal.text} | ${written(found, digits)} | ${verdict} |`;
  });
  return ['| | goal | measured | |', '|---|---:|---:|---|', ...rows].join('\n');
}

/** How many goals were kept, of those that were measured. */
export function score(results) {
  const measured = goals.flatMap((each) => {
    const found = each.measured(results);
    return found === undefined ? [] : [each.goal.kept(found)];
  });
  return { kept: measured.filter(Boolean).length, measured: measured.length, all: goals.length };
}

const median = (ratios) => written(spread(ratios));

/** In order of what they cost. */
function ranked(table, key) {
  return Object.entries(table).sort(([, one], [, other]) => spread(one[key].ratios).median - spread(other[key].ratios).median);
}

export function inFlightTable(table) {
  const rows = ranked(table, 'cpu').map(([name, { cpu, rate }]) => {
    const own = name === yardstickName ? '1' : undefined;
    return `| ${labelOf(name)} | ${cpu.median.toFixed(1)} | ${own ?? median(cpu.ratios)} | ${own ?? median(rate.ratios)} |`;
  });
  return ['| contender | CPU µs/request | CPU ÷ yardstick | requests/s ÷ yardstick |', '|---|---:|---:|---:|', ...rows].join('\n');
}

function latencyTable({ rate: _rate, ...table }) {
  const micros = ({ median: middle, min, max }) => `${Math.round(middle * 1000)} (${Math.round(min * 1000)}–${Math.round(max * 1000)})`;
  const rows = ranked(table, 'p99').map(([name, { p50, p99, p999 }]) => `| ${labelOf(name)} | ${micros(p50)} | ${micros(p99)} | ${micros(p999)} | ${name === yardstickName ? '1' : median(p99.ratios)} |`);
  return ['| contender | p50 µs | p99 µs | p99.9 µs | p99 ÷ yardstick |', '|---|---:|---:|---:|---:|', ...rows].join('\n');
}

function allocationTable(bytes) {
  const rows = Object.entries(bytes).sort(([, one], [, other]) => one.median - other.median).map(([name, each]) => `| ${labelOf(name)} | ${written(each, 0)} |`);
  return ['| contender | bytes per request |', '|---|---:|', ...rows].join('\n');
}

const long = { download: 'download', upload: 'upload of an iterator', uploadStream: 'upload of a stream of Node’s' };

function streamTable({ bytes, ...directions }) {
  const rows = Object.entries(directions).map(([direction, { 'undici-streams': undici, 'mesh-streams': mesh }]) =>
    `| ${long[direction]}, ${bytes / 2 ** 20} MiB | ${written(undici.rate, 0)} | ${written(mesh.rate, 0)} | ${median(mesh.rate.ratios)} | ${median(mesh.cpu.ratios)} | ${written(undici.grown, 0)} | ${written(mesh.grown, 0)} |`);
  return ['| | undici MB/s | mesh MB/s | mesh ÷ undici | CPU, mesh ÷ undici | undici grows by MB | mesh grows by MB |', '|---|---:|---:|---:|---:|---:|---:|', ...rows].join('\n');
}

/** How it was run, for whoever wants to know how far to trust it. */
export function circumstances({ machine, settings, when, minutes, disturbance, missing, failed }) {
  const where = machine.pinned ? 'servers on the last core, contenders and their proxies on the first' : 'processes not pinned to cores';
  const lines = [
    `${when.slice(0, 10)}: ${machine.processor}, ${machine.cores} cores, ${machine.memory}, ${machine.platform}, Node ${machine.node}, undici ${machine.undici}, inmesh ${machine.inmesh}; ${where}; `
    + `load average ${machine.load.toFixed(1)} at the start; ${settings} run of ${minutes.toFixed(1)} minutes. Of the interleaved rounds, ${disturbance}.`,
  ];
  for (const [name, reason] of Object.entries(missing)) lines.push(`\nLeft out: ${labelOf(name) ?? name}, which could not be started: \`${reason}\`.`);
  for (const [name, reason] of Object.entries(failed)) lines.push(`\nNot measured: ${name}, which failed: \`${reason}\`.`);
  return lines.join('\n');
}

/** All tables, as they stand in docs/performance.md. */
export function tables({ inFlight, openLoop, uneven, allocation, memory, startUp, streams }) {
  const parts = [];
  for (const [level, table] of Object.entries(inFlight ?? {})) parts.push(`### ${level} in flight\n\n${inFlightTable(table)}`);
  if (openLoop !== undefined) parts.push(`### ${openLoop.rate} requests a second, open loop, from the intended arrival\n\n${latencyTable(openLoop)}`);
  if (uneven !== undefined) parts.push(`### One of four endpoints answers after 100 ms, the others after 5; ${uneven.rate} requests a second\n\n${latencyTable(uneven)}`);
  if (allocation !== undefined) parts.push(`### Allocation\n\n${allocationTable(allocation)}`);
  if (streams !== undefined) parts.push(`### Long bodies\n\n${streamTable(streams)}`);
  const rows = [];
  if (startUp !== undefined) {
    const took = (what, measured) => rows.push(`| ${what} | ${written(measured, 0)} ms of CPU |`);
    took("`import 'undici'`", startUp.undici);
    took("`import 'inmesh'`", startUp.inmesh);
    took('… and `createMeshClient()`, no policy', startUp.none);
    took('… and `createMeshClient({ policy })`, of a file (examples/policy.yaml)', startUp.file);
  }
  if (memory !== undefined) {
    const holds = (what, measured) => rows.push(`| ${what} | ${written(measured, 0)} MB |`);
    holds('memory of a process that has imported inmesh, over bare Node', memory.imported);
    holds('… that has called 500 services with 20 endpoints each', memory.services);
    holds('of which objects on the heap, beyond the import', memory.heap);
    holds("of which V8's young generation, beyond that of bare Node: it grows with work, and is given back in idleness", memory.young);
  }
  if (rows.length > 0) parts.push(['### Start and memory', '', '| | |', '|---|---:|', ...rows].join('\n'));
  return parts.join('\n\n');
}
