/**
 * Weights from what servers report, on machines of different speed: each gets what it can do, and all are equally busy; and what that is worth
 * beside whoever compares two of them at each pick.
 */
import { expect, it } from 'vitest';
import { compare, record, whole } from './compare.ts';
import { heterogeneous } from './scenarios.ts';
import { ours, weighted } from './ways/inmesh.ts';
import { leastRequest, roundRobin } from './ways/simple.ts';

/** What piles up until the weights are known, nobody may blame on them: it takes a while until it is gone. */
const settled = { warmUp: 15_000, duration: 23_000 };

it('each machine gets requests as it is fast, and nothing fails at 70 % of the capacity, where round robin fails a fourth', () => {
  const ways = whole ? [roundRobin, leastRequest(2), weighted, ours] : [weighted];
  const tables = [];
  for (const utilisation of whole ? [0.7, 0.9] : [0.7]) {
    const all = compare({ ...heterogeneous(utilisation), ...settled }, ways);
    tables.push({ caption: `At ${utilisation * 100} %`, lines: [...all.values()].map(({ line: { way, success, mean, p50, p99, busiest } }) => ({ way, success, mean, p50, p99, busiest })) });
    const { line, runs } = all.get(weighted.name)!;
    if (utilisation > 0.7) continue;
    expect(line.success.least).toBe(1);
    for (const run of runs) {
      const shares = run.shares();
      // Machines are half as fast, as fast, as fast and half as fast again, in turn.
      const of = (turn: number) => shares.filter((_, server) => server % 4 === turn).reduce((sum, share, _place, group) => sum + share / group.length, 0);
      expect(of(0) / of(1)).toBeCloseTo(0.5, 1);
      expect(of(3) / of(1)).toBeCloseTo(1.5, 1);
    }
  }
  record({ row: 'weighted', title: 'Weights that servers report, machines of different speed', published: 'not published', tables, plot: { kind: 'bars', table: 0, figure: 'p99', scale: 'log' } });
});
