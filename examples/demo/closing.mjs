/**
 * The closing comparison: both sides over the whole run and phase by phase, and every call that failed on inmesh's side.
 */
import { count, millis, percent, seconds, style, titles } from './text.mjs';

const KINDS_SHOWN = 20;
const INSTANTS_SHOWN = 6;
const LABEL = 34;
const CELL = 18;

/** @param {{ sides: string[], measured: Map<string, import('./measurements.mjs').Measurements>, counts: any, steps: any[], begin: number, duration: number, rate: number }} run `begin` in ms since the epoch */
export function comparison({ sides, measured, counts, steps, begin, duration, rate }) {
  const totals = sides.map((side) => measured.get(side).total());
  const row = (label, cells) => `  ${label.padEnd(LABEL)}${cells.map((cell) => String(cell).padStart(CELL)).join('')}`;
  const figures = (label, figure) => row(label, totals.map(figure));
  const lines = [
    '',
    style.bold(`  ${duration} s at ${rate} calls/s on each side, the same faults at the same instants`),
    '',
    style.dim(row('', sides.map((side) => titles[side]))),
    figures('calls', ({ calls }) => count(calls)),
    figures('failed', ({ failed }) => count(failed)),
    figures('success rate', ({ success }) => percent(success)),
    figures('p50', ({ p50 }) => millis(p50)),
    figures('p99', ({ p99 }) => millis(p99)),
    figures('p99.9', ({ p999 }) => millis(p999)),
    figures('slowest', ({ slowest }) => millis(slowest)),
    row('retries', [count(counts.retries), '–']),
    ...[...counts.suppressed].map(([reason, times]) => row(`retries not made: ${reason}`, [count(times), '–'])),
    row('ejections', [count(counts.ejections), '–']),
    '',
    style.dim(row('failed / p99 while', sides.map((side) => titles[side]))),
    ...steps.map(({ at, title }, i) => {
      const from = i === 0 ? -Infinity : begin + at * 1000;
      const until = begin + (steps[i + 1]?.at ?? Infinity) * 1000;
      const cells = sides.map((side) => measured.get(side).between(from, until));
      return row(title, cells.map(({ failed, p99 }) => `${count(failed)} / ${millis(p99)}`));
    }),
    '',
    style.dim('  Latency is that of calls that succeeded, from the instant at which they should have begun. Retries and ejections'),
    style.dim('  are those of productpage and of all replicas of reviews.'),
    '',
  ];
  return lines.join('\n');
}

/** What went wrong, how often and when: calls that failed in the same way are one entry. */
export function failureList(failures, begin) {
  const groups = new Map();
  for (const failure of failures) {
    const kind = failure.problem.replace(/\b\d+(\.\d+)? ms/g, '… ms');
    const group = groups.get(kind);
    if (group === undefined) groups.set(kind, [failure]);
    else group.push(failure);
  }
  const lines = [style.red(`  inmesh failed ${failures.length} call${failures.length === 1 ? '' : 's'}:`)];
  for (const [problem, group] of [...groups].slice(0, KINDS_SHOWN)) {
    const shown = group.slice(0, INSTANTS_SHOWN).map(({ at, latency }) => `${seconds((at - begin) / 1000).trim()} (after ${millis(latency)})`);
    lines.push(`  ${group.length} × ${problem}`, `      at ${shown.join(', ')}${group.length > INSTANTS_SHOWN ? ` … ${seconds((group.at(-1).at - begin) / 1000).trim()}` : ''}`);
  }
  if (groups.size > KINDS_SHOWN) lines.push(`  and ${groups.size - KINDS_SHOWN} kinds more`);
  return `${lines.join('\n')}\n`;
}
