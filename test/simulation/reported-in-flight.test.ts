/**
 * What it is worth that servers report their requests in flight: the default, and the same with reports. The lines in which reports make it worse
 * are kept. (C3's score over the same memory, the strongest opponent known that has reports, stands in the tables of best-endpoint.test.ts.)
 */
import { expect, it } from 'vitest';
import { compare, record, whole } from './compare.ts';
import { blackHole, heterogeneous, lowRate, ordinary, ramp, singleWorkers, withAntagonists, withPauses } from './scenarios.ts';
import { ours, oursReported } from './ways/inmesh.ts';
import type { Scenario } from './world.ts';

const scenarios: readonly (readonly [caption: string, scenario: Scenario])[] = [
  ['All servers alike', ordinary],
  ['Machines of different speed, 80 %', heterogeneous(0.8)],
  ['Neighbours, 90 %', withAntagonists(0.9)],
  ['Pauses for garbage collection', withPauses],
  ['Single workers', singleWorkers],
  ['Past what was allotted, 1.27 times', ramp(1.27)],
  ['600 clients that send little, neighbours, 80 %', lowRate],
  ['One of fifty fails everything at once', blackHole],
];

it('where servers report their requests in flight the mean is lower, and p99 no higher', () => {
  const ways = [ours, oursReported];
  const tables = [];
  for (const [place, [caption, scenario]] of scenarios.entries()) {
    if (!whole && place > 0) continue;
    const all = compare(scenario, ways);
    tables.push({ caption, lines: [...all.values()].map(({ line: { way, success, mean, p50, p99, p999 } }) => ({ way, success, mean, p50, p99, p999 })) });
    const [local, reported] = [all.get(ours.name)!.line, all.get(oursReported.name)!.line];
    if (place > 2) continue;
    expect(reported.mean.mean).toBeLessThan(0.95 * local.mean.mean);
    expect(reported.p99.mean).toBeLessThan(1.03 * local.p99.mean);
  }
  record({ row: 'reported', title: 'Servers that report their requests in flight', published: 'not published', tables, plot: { kind: 'bars', table: 2, figure: 'mean', scale: 'linear' } });
});
