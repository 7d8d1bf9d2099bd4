/** Prequal's load ramp: past what was allotted to each server, where a fifth of the machines have nothing to lend. */
import { expect, it } from 'vitest';
import { compare, record, whole } from './compare.ts';
import { ramp } from './scenarios.ts';
import { c3 } from './ways/c3.ts';
import { finaglePeakEwma } from './ways/finagle.ts';
import { ours } from './ways/inmesh.ts';
import { prequal } from './ways/prequal.ts';
import { leastRequest, roundRobin } from './ways/simple.ts';
import { weightedRoundRobin } from './ways/weighted-round-robin.ts';

it('from 0.75 to 1.74 times what was allotted nothing fails, and p99.9 stays at or below that of Prequal (H2)', () => {
  const ways = [weightedRoundRobin, prequal(), ours, ...(whole ? [roundRobin, leastRequest(2), finaglePeakEwma, c3()] : [])];
  const loads = whole ? [0.75, 0.93, 1.03, 1.27, 1.57, 1.74] : [0.75, 1.74];
  const steps = loads.map((load) => ({ load, all: compare(ramp(load), ways) }));
  record({
    row: 'H2',
    title: 'A ramp past what was allotted',
    published: 'weighted round robin: p99.9 at the timeout of 5 s from 1.03 on, over 25 % errors at 1.74; Prequal: no errors (figure 6)',
    tables: steps.map(({ load, all }) => ({
      caption: `${load} times`,
      lines: [...all.values()].map(({ line: { way, success, p99, p999 } }) => ({ way, success, p99, p999 })),
    })),
    plot: {
      kind: 'curves', x: 'load, in multiples of what was allotted', y: 'p99.9, ms', scale: 'log',
      curves: ways.map(({ name }) => ({ way: name, points: steps.map(({ load, all }) => [load, all.get(name)!.line.p999.mean] as const) })),
    },
  });
  for (const { all } of steps) {
    const [mine, theirs] = [all.get('inmesh')!.line, all.get(prequal().name)!.line];
    expect(mine.success.least).toBe(1);
    expect(mine.p999.mean).toBeLessThanOrEqual(theirs.p999.mean);
  }
  // It does collapse for those who do not notice.
  expect(steps.at(-1)!.all.get(weightedRoundRobin.name)!.line.p999.mean).toBeGreaterThan(1_000);
});
