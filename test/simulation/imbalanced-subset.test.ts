/** The choice matters more than the subset: servers that twice as many clients know need not get twice as many requests. */
import { expect, it } from 'vitest';
import { compare, record, whole } from './compare.ts';
import { mostClients, rendezvousSubsets, subset } from './scenarios.ts';
import { ours } from './ways/inmesh.ts';
import { leastRequest, roundRobin } from './ways/simple.ts';

it('with subsets drawn at random, where one server has nearly twice its clients, p99 is within 5 % of that with even subsets (H12)', () => {
  const ways = whole ? [roundRobin, leastRequest(2), ours] : [roundRobin, ours];
  const uneven = compare(subset(false), ways);
  const even = compare(subset(true), ways);
  const table = (caption: string, all: typeof even) => ({ caption, lines: [...all.values()].map(({ line: { way, success, mean, p99, busiest } }) => ({ way, success, mean, p99, busiest })) });
  record({
    row: 'H12', title: 'An uneven subset', published: 'not published',
    tables: [table(`The busiest server is known to ${mostClients(rendezvousSubsets()).toFixed(2)} times the mean number of clients`, uneven), table('Each server is known to the same number of clients', even)],
    plot: { kind: 'bars', table: 0, figure: 'p99', scale: 'log' },
  });
  expect(uneven.get('round robin')!.line.success.mean).toBeLessThan(0.98);
  expect(uneven.get('inmesh')!.line.success.least).toBe(1);
  expect(uneven.get('inmesh')!.line.p99.mean).toBeLessThan(1.05 * even.get('inmesh')!.line.p99.mean);
});
