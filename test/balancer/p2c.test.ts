import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom, type Random } from '../../src/core/random.ts';
import { P2c } from '../../src/balancer/p2c.ts';
import { noneTried } from './small-cluster.ts';

interface Fake {
  readonly key: string;
  readonly pending: number;
  load(): number;
}

function fake(key: string, load: number, pending = 0): Fake {
  return { key, pending, load: () => load };
}

const room = 64;

function p2c(candidates: readonly Fake[], tried: ReadonlySet<string>, most: number, now: number, random: Random): Fake | undefined {
  const picker = new P2c<Fake>(random);
  picker.use(candidates);
  return picker.pick({ tried }, most, now);
}

describe('power of two choices', () => {
  it('has nothing to give where nothing is, and no choice where one is', () => {
    expect(p2c([], noneTried, room, 0, seededRandom(1))).toBeUndefined();
    const only = fake('a', 1);
    expect(p2c([only], new Set(['a']), room, 0, seededRandom(1))).toBe(only);
  });

  it('draws two different candidates, so of two the less loaded one always wins', () => {
    const random = seededRandom(2);
    for (let time = 0; time < 1_000; time += 1) expect(p2c([fake('busy', 2), fake('free', 1)], noneTried, room, 0, random)?.key).toBe('free');
  });

  it('never takes the most loaded of many', () => {
    const random = seededRandom(3);
    const candidates = Array.from({ length: 10 }, (_, number) => fake(String(number), number));
    for (let time = 0; time < 10_000; time += 1) expect(p2c(candidates, noneTried, room, 0, random)?.key).not.toBe('9');
  });

  it('gives equals equal shares', () => {
    const random = seededRandom(4);
    const candidates = Array.from({ length: 10 }, (_, number) => fake(String(number), 1));
    const shares = new Map<string, number>();
    for (let time = 0; time < 20_000; time += 1) {
      const { key } = p2c(candidates, noneTried, room, 0, random)!;
      shares.set(key, (shares.get(key) ?? 0) + 1);
    }
    // 2,000 each; the standard deviation is √(20,000 × 0.1 × 0.9) = 42.
    for (const share of shares.values()) expect(Math.abs(share - 2_000)).toBeLessThan(5 * 42);
    expect(shares.size).toBe(10);
  });

  it('still compares two where most were tried', () => {
    const random = seededRandom(5);
    const candidates = [fake('tried 1', 0), fake('tried 2', 0), fake('busy', 2), fake('free', 1)];
    for (let time = 0; time < 1_000; time += 1) expect(p2c(candidates, new Set(['tried 1', 'tried 2']), room, 0, random)?.key).toBe('free');
  });

  it('prefers untried to tried, then room to none, and takes the best there is', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ load: fc.nat(5), full: fc.boolean(), tried: fc.boolean() }), { minLength: 1, maxLength: 12 }),
        fc.integer(),
        (specs, seed) => {
          const candidates = specs.map((spec, number) => fake(String(number), spec.load, spec.full ? room : 0));
          const tried = new Set(candidates.filter((_, number) => specs[number]!.tried).map((candidate) => candidate.key));
          const picked = specs[Number(p2c(candidates, tried, room, 0, seededRandom(seed))!.key)]!;
          const ranks = specs.map((spec) => (spec.tried ? 2 : 0) + (spec.full ? 1 : 0));
          expect((picked.tried ? 2 : 0) + (picked.full ? 1 : 0)).toBe(Math.min(...ranks));
        },
      ),
    );
  });

  it('where all were tried, chooses among all again', () => {
    const random = seededRandom(6);
    const candidates = [fake('a', 1), fake('b', 1), fake('c', 1)];
    const picked = new Set<string>();
    for (let time = 0; time < 100; time += 1) picked.add(p2c(candidates, new Set(['a', 'b', 'c']), room, 0, random)!.key);
    expect([...picked].sort()).toEqual(['a', 'b', 'c']);
  });

  it('the same seed makes the same choices', () => {
    const candidates = Array.from({ length: 10 }, (_, number) => fake(String(number), 1));
    const run = () => {
      const random = seededRandom(7);
      return Array.from({ length: 50 }, () => p2c(candidates, noneTried, room, 0, random)!.key);
    };
    expect(run()).toEqual(run());
  });
});
