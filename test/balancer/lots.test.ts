import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../src/core/endpoint.ts';
import { Directory, type Entry } from '../../src/balancer/directory.ts';
import { Lots } from '../../src/balancer/lots.ts';
import { endpointAt, endpoints } from './small-cluster.ts';

const numbered = (count: number): Endpoint[] => Array.from({ length: count }, (_, ordinal) => endpointAt(ordinal, { ordinal }));

function entriesOf(found: readonly Endpoint[]): readonly Entry[] {
  const directory = new Directory('a');
  directory.learn({ endpoints: found, complete: true, source: 'a test' });
  return directory.groups[0]!;
}

/** Connections of each endpoint, with so many clients. */
function connections(found: readonly Endpoint[], clients: number, size: number, set = 'shop'): number[] {
  const entries = entriesOf(found);
  const counts = new Map<Entry, number>(entries.map((entry) => [entry, 0]));
  for (let index = 0; index < clients; index += 1) {
    for (const member of new Lots(index, set).choose(entries, size).members) counts.set(member, counts.get(member)! + 1);
  }
  return [...counts.values()];
}

describe('lots', () => {
  it('gives each of ten endpoints the same load from each ten clients', () => {
    for (const set of ['shop', 'cart', 'search']) {
      expect(new Set(connections(numbered(100), 100, 20, set))).toEqual(new Set([20]));
      expect(new Set(connections(numbered(50), 10, 5, set))).toEqual(new Set([1]));
    }
  });

  it('is even within a few percent where nothing divides evenly', () => {
    for (const [clients, count, size] of [[300, 30, 10], [1_000, 73, 20], [500, 101, 20]] as const) {
      const counts = connections(numbered(count), clients, size);
      const mean = (clients * size) / count;
      expect(Math.max(...counts) / mean).toBeLessThan(1.07);
    }
  });

  it('leaves nobody without a client where there are enough clients, however many lots there are', () => {
    expect(Math.min(...connections(numbered(1_000), 500, 20))).toBeGreaterThan(0);
  });

  it('of two clients that share an endpoint, shares no more of the others than chance has it', () => {
    const entries = entriesOf(numbered(100));
    const shared = [];
    for (let one = 0; one < 100; one += 1) {
      const mine = new Set(new Lots(one, 'shop').choose(entries, 10).members);
      for (let other = 0; other < one; other += 1) shared.push(new Lots(other, 'shop').choose(entries, 10).members.filter((member) => mine.has(member)).length);
    }
    // 10 of 100 each: 1 in the mean. Consecutive slices of one shuffle would share all or nothing.
    expect(shared.reduce((sum, count) => sum + count, 0) / shared.length).toBeCloseTo(0.9, 0);
    expect(Math.max(...shared)).toBeLessThan(7);
  });

  it('the first of one service and the first of another choose otherwise', () => {
    const entries = entriesOf(numbered(100));
    const keys = (set: string) => new Lots(0, set).choose(entries, 20).members.map(({ key }) => key).sort();
    expect(keys('shop')).not.toEqual(keys('cart'));
  });

  it('passes over numbers that nobody has', () => {
    const found = numbered(100).filter(({ ordinal }) => ordinal! % 7 !== 3);
    expect(new Lots(4, 'shop').choose(entriesOf(found), 20).members).toHaveLength(20);
  });

  it('uses endpoints without a number rather than too few', () => {
    const { members, spares } = new Lots(4, 'shop').choose(entriesOf([...numbered(8), ...endpoints(60).slice(10)]), 20);
    expect([members.length, spares.length]).toEqual([20, 20]);
    expect(new Set([...members, ...spares]).size).toBe(40);
  });
});
