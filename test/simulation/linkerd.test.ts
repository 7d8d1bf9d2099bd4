/** Linkerd's comparison (Buoyant 2016), as published and beside it: one client, eleven servers, one of them at two seconds for half a minute. */
import { expect, it } from 'vitest';
import { onceSwitchedOn } from '../../src/core/policy.ts';
import { compare, lineOf, range, record, seeds, whole } from './compare.ts';
import { playLayered } from './layered.ts';
import { linkerd } from './scenarios.ts';
import { c3 } from './ways/c3.ts';
import { finaglePeakEwma } from './ways/finagle.ts';
import { ours } from './ways/inmesh.ts';
import { prequal } from './ways/prequal.ts';
import { leastRequest, roundRobin } from './ways/simple.ts';

const LIMIT = 1_000;

it('of requests that may take a second, more are well answered than with any published way, and with hedges all (H1)', async () => {
  const all = compare(linkerd, [roundRobin, leastRequest(2), finaglePeakEwma, ...(whole ? [leastRequest('all'), c3({ choices: 2, exponent: 2, memory: 8 }), prequal()] : []), ours]);
  const hedged = [];
  for (const seed of seeds) hedged.push(await playLayered(linkerd, { hedge: onceSwitchedOn.hedge }, seed));
  const withHedges = { within: range(hedged.map(({ figures }) => figures.within(LIMIT))), extra: range(hedged.map(({ extra }) => extra)) };
  const hedgedLine = lineOf('inmesh, with hedges', hedged.map(({ figures }) => figures.summary()));
  const within = (way: string) => range(all.get(way)!.runs.map((run) => run.within(LIMIT)));
  record({
    row: 'H1',
    title: 'One of eleven servers takes two seconds for half of the minute',
    published: 'within a second: about 95 % round robin, 99 % least loaded, 99.9 % peak EWMA (Buoyant 2016)',
    tables: [{ caption: 'Without hedging', lines: [...all.values()].map(({ line: { way, p99, p999 } }) => ({ way, within: within(way), p99, p999 })) }, { caption: 'With hedges (`hedge: { after: auto, extraLoad: 1% }`)', lines: [{ way: 'inmesh, with hedges', ...withHedges, p99: hedgedLine.p99, p999: hedgedLine.p999 }] }],
    plot: {
      kind: 'curves', x: 'seconds', y: 'answered well within a second', scale: 'linear',
      curves: [roundRobin, leastRequest(2), finaglePeakEwma, ours].map(({ name }) => ({
        way: name,
        points: Array.from({ length: 60 }, (_, second) => [second, all.get(name)!.runs[0]!.within(LIMIT, second * 1_000, (second + 1) * 1_000)] as const),
      })),
    },
  });
  // The baselines come out as published.
  expect(within(roundRobin.name).mean).toBeCloseTo(0.955, 2);
  expect(within(leastRequest(2).name).mean).toBeCloseTo(0.995, 3);
  expect(within(finaglePeakEwma.name).mean).toBeCloseTo(0.999, 3);
  expect(within('inmesh').mean).toBeGreaterThan(0.9994);
  expect(withHedges.within.least).toBe(1);
  expect(withHedges.extra.most).toBeLessThanOrEqual(0.001);
  expect(within('inmesh').least).toBeGreaterThan(within(finaglePeakEwma.name).mean);
});
