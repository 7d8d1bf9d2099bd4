import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rendezvous } from '../../src/balancer/rendezvous.ts';
import type { Endpoint } from '../../src/core/endpoint.ts';
import { Directory } from '../../src/balancer/directory.ts';
import { endpointAt, endpoints } from './small-cluster.ts';

/** What a client of this identity chooses of these, by key. */
function subset(found: readonly Endpoint[], count: number, identity: string): string[] {
  const directory = new Directory(identity);
  directory.learn({ endpoints: found, complete: true, source: 'a test' });
  return rendezvous(directory.groups[0]!, count).map(({ key }) => key);
}

const keyAt = (number: number) => `${endpointAt(number).host}:80`;
const numbers = fc.uniqueArray(fc.nat(5_000), { minLength: 1, maxLength: 60 });
const size = fc.integer({ min: 1, max: 25 });

describe('rendezvous subset', () => {
  it('has `size` endpoints, or all where there are fewer', () => {
    fc.assert(
      fc.property(numbers, size, fc.string(), (all, k, identity) => {
        const chosen = subset(all.map((number) => endpointAt(number)), k, identity);
        expect(new Set(chosen).size).toBe(Math.min(k, all.length));
      }),
    );
  });

  it('depends on who asks and on what there is, not on the order of the answer', () => {
    fc.assert(
      fc.property(numbers, size, fc.string(), (all, k, identity) => {
        const found = all.map((number) => endpointAt(number));
        expect(subset([...found].reverse(), k, identity)).toEqual(subset(found, k, identity));
      }),
    );
  });

  it('an endpoint that leaves is replaced by at most one, and nothing else moves', () => {
    fc.assert(
      fc.property(numbers, size, fc.string(), fc.nat(), (all, k, identity, which) => {
        const found = all.map((number) => endpointAt(number));
        const at = which % found.length;
        const gone = keyAt(all[at]!);
        const before = subset(found, k, identity);
        const after = found.length === 1 ? [] : subset(found.filter((_, index) => index !== at), k, identity);
        expect(before.filter((key) => !after.includes(key))).toEqual(before.includes(gone) ? [gone] : []);
        expect(after.filter((key) => !before.includes(key)).length).toBeLessThanOrEqual(before.includes(gone) ? 1 : 0);
      }),
    );
  });

  it('is the beginning of one order, however much of it is asked for', () => {
    const found = endpoints(300);
    const all = subset(found, 300, 'a');
    for (const count of [1, 20, 64, 65, 200]) expect(subset(found, count, 'a')).toEqual(all.slice(0, count));
  });

  it('different clients cover the endpoints as evenly as chance does', () => {
    const found = endpoints(100);
    const clients = 1_000;
    const chosenBy = new Map<string, number>();
    for (let client = 0; client < clients; client += 1) {
      for (const key of subset(found, 20, `shop-7d9c6b5f4-${client.toString(36)}`)) chosenBy.set(key, (chosenBy.get(key) ?? 0) + 1);
    }
    // Binomial: mean 200, standard deviation √(1,000 × 0.2 × 0.8) = 12.6. Of a hundred draws hardly any is beyond four of these.
    const counts = [...chosenBy.values()];
    expect(counts.length).toBe(100);
    expect(Math.max(...counts)).toBeLessThan(200 + 4.5 * 12.6);
    expect(Math.min(...counts)).toBeGreaterThan(200 - 4.5 * 12.6);
    const variance = counts.reduce((sum, count) => sum + (count - 200) ** 2, 0) / 100;
    expect(Math.sqrt(variance)).toBeLessThan(12.6 * 1.3);
  });

  it('two endpoints are no likelier together than chance has it, however alike their addresses', () => {
    const found = endpoints(100);
    let together = 0;
    for (let client = 0; client < 4_000; client += 1) {
      const chosen = new Set(subset(found, 20, `client-${client}`));
      if (chosen.has('10.0.0.10:80') && chosen.has('10.0.0.11:80')) together += 1;
    }
    // 20/100 × 19/99 = 3.84 %: 154 expected, standard deviation 12.2.
    expect(Math.abs(together - 154)).toBeLessThan(4 * 12.2);
  });
});
