/**
 * What choosing well is worth where nothing is broken: machines of different speed, neighbours that take their share of the machine, pauses
 * for garbage collection. No retries, hedges, probes or reports; the opponents marked "servers report" and the probing ones have what
 * their authors give them.
 */
import { describe, expect, it } from 'vitest';
import { defaultServicePolicy, onceSwitchedOn } from '../../src/core/policy.ts';
import { compare, lineOf, range, record, seeds, whole, type Played } from './compare.ts';
import { playLayered } from './layered.ts';
import { heterogeneous, processorSharing, singleWorkers, withAntagonists, withPauses } from './scenarios.ts';
import type { NamedWay } from './way.ts';
import { c3 } from './ways/c3.ts';
import { finaglePeakEwma } from './ways/finagle.ts';
import { inmesh, ours } from './ways/inmesh.ts';
import { prequal } from './ways/prequal.ts';
import { leastRequest, random, roundRobin } from './ways/simple.ts';
import { weightedRoundRobin } from './ways/weighted-round-robin.ts';
import type { Scenario } from './world.ts';

const everybody = [random, roundRobin, weightedRoundRobin, leastRequest(2), leastRequest('all'), finaglePeakEwma, peakEwma(), c3(), c3({ choices: 2, exponent: 2, memory: 8 }), prequal(), prequal('fewest in flight'), ours];

function peakEwma(): NamedWay {
  return inmesh('inmesh, peak-ewma', { outlier: 'off', balancer: { ...defaultServicePolicy.balancer, type: 'peak-ewma' } });
}

function played(scenario: Scenario, opponents: readonly NamedWay[]): ReadonlyMap<string, Played> {
  return compare(scenario, whole ? everybody : [...opponents, ours]);
}

const table = (caption: string, all: ReadonlyMap<string, Played>) =>
  ({ caption, lines: [...all.values()].map(({ line: { way, success, mean, p50, p99, p999, busiest } }) => ({ way, success, mean, p50, p99, p999, busiest })) });

describe('where machines are of different speed (half as fast to half as fast again)', () => {
  it('the slow ones get what they can do: at 50, 70 and 90 % of the capacity nothing fails, and p99 is below that of all who count alone', () => {
    const tables = [];
    for (const utilisation of [0.5, 0.7, 0.8, 0.9]) {
      if (!whole && utilisation === 0.8) continue;
      const all = played(heterogeneous(utilisation), [leastRequest('all')]);
      tables.push(table(`At ${utilisation * 100} %`, all));
      expect(all.get('inmesh')!.line.success.least).toBe(1);
      expect(all.get('inmesh')!.line.p99.mean).toBeLessThan(all.get(leastRequest('all').name)!.line.p99.mean);
    }
    record({ row: 'heterogeneous', title: 'Machines of different speed', published: 'not published', tables, plot: { kind: 'bars', table: 2, figure: 'p99', scale: 'log' } });
  });
});

describe('where neighbours take their share of the machine (H3)', () => {
  const published = 'Prequal, figure 7, in its own units: p99 at 70 and 90 %: weighted round robin 314 and a timeout, C3 299 and 304, Prequal 281 and 286';

  it('p99 is at most nine tenths of that of Prequal, which asks three servers for each request, at 70 and 90 %', () => {
    const tables = [];
    for (const utilisation of [0.7, 0.9]) {
      const all = played(withAntagonists(utilisation), [prequal()]);
      tables.push(table(`At ${utilisation * 100} %`, all));
      expect(all.get('inmesh')!.line.success.least).toBe(1);
      expect(all.get('inmesh')!.line.p99.mean).toBeLessThan(0.9 * all.get(prequal().name)!.line.p99.mean);
    }
    record({ row: 'H3', title: 'Antagonists on the machines', published, tables, plot: { kind: 'bars', table: 1, figure: 'p99', scale: 'log' } });
  });

  it.each([['single-workers', singleWorkers], ['processor-sharing', processorSharing]] as const)('and it does not depend on how servers serve: %s', (row, scenario) => {
    const all = played(scenario, [prequal()]);
    record({ row: `H3-${row}`, title: `Antagonists, ${row.replace('-', ' ')}, 80 %`, published: 'not published', tables: [table('', all)], plot: { kind: 'bars', table: 0, figure: 'p99', scale: 'log' } });
    expect(all.get('inmesh')!.line.success.least).toBe(1);
    expect(all.get('inmesh')!.line.p99.mean).toBeLessThan(0.9 * all.get(prequal().name)!.line.p99.mean);
  });
});

describe('where servers stop for 150 to 400 ms every six seconds (H5)', () => {
  it('p99 is 70 ms or less, and with hedges of a twentieth of the requests p99.9 is 120 ms or less', async () => {
    const all = played(withPauses, [leastRequest(2)]);
    const hedged = [];
    for (const seed of whole ? seeds : seeds.slice(0, 1)) hedged.push(await playLayered(withPauses, { hedge: { ...onceSwitchedOn.hedge, after: 'p95', extraLoad: 0.05 } }, seed));
    const { way, success, mean, p50, p99, p999 } = lineOf('inmesh, with hedges', hedged.map(({ figures }) => figures.summary()));
    const extra = range(hedged.map((run) => run.extra));
    record({
      row: 'H5', title: 'Pauses for garbage collection', published: 'not published', plot: { kind: 'bars', table: 0, figure: 'p99', scale: 'log' },
      tables: [table('Without hedging', all), { caption: 'With hedges (`hedge: { after: p95, extraLoad: 5% }`)', lines: [{ way, success, mean, p50, p99, p999, extra }] }],
    });
    expect(all.get('inmesh')!.line.p99.mean).toBeLessThan(70);
    expect(all.get(leastRequest(2).name)!.line.p99.mean).toBeGreaterThan(200);
    expect(p99.mean).toBeLessThan(70);
    expect(p999.mean).toBeLessThan(120);
    expect(extra.mean).toBeLessThan(0.05);
    // A run is short, and each client may have saved up forty hedges before it: with those, one seed or another goes beyond.
    const savedUp = (withPauses.clients * 40) / all.get('inmesh')!.line.requests.mean;
    expect(extra.most).toBeLessThan(0.05 + savedUp);
  });
});
