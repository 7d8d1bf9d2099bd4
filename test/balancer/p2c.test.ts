import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom, type Random } from '../../src/core/random.ts';
import { Figures, IN_FLIGHT, LATENCY, type Row } from '../../src/balancer/figures.ts';
import type { Load } from '../../src/balancer/load.ts';
import { P2c } from '../../src/balancer/p2c.ts';
import { noneTried } from './small-cluster.ts';

interface Fake {
  readonly key: string;
  readonly row: Row;
}

const figures = new Figures();

function fake(key: string, load: number, pending = 0): Fake {
  const row = figures.take();
  figures.numbers[row + LATENCY] = load;
  figures.numbers[row + IN_FLIGHT] = pending;
  return { key, row };
}

/** Loads that are given, not learnt. */
const asTheyAre: Load = {
  weigh: (rows, count, _now, loads) => rows.subarray(0, count).forEach((row, place) => (loads[place] = figures.numbers[row + LATENCY]!)),
  latency: (row) => figures.numbers[row + LATENCY]!,
  queue: (row) => figures.numbers[row + IN_FLIGHT]!,
  observe: () => {},
  reported: () => {},
  adopt: () => {},
};

const room = 64;

function p2c(candidates: readonly Fake[], tried: ReadonlySet<string>, most: number, now: number, random: Random): Fake | undefined {
  const picker = new P2c<Fake>(asTheyAre, figures, random, { choices: () => 2, memory: () => 0 });
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

  it('draws as many as it is told, each a different one', () => {
    const random = seededRandom(8);
    const candidates = Array.from({ length: 6 }, (_, number) => fake(String(number), number));
    const picker = new P2c<Fake>(asTheyAre, figures, random, { choices: () => 5, memory: () => 0 });
    picker.use(candidates);
    // Of five of six, one of the two best is always among them, and the best in five of six.
    const picked = Array.from({ length: 3_000 }, () => picker.pick({ tried: noneTried }, room, 0)!.key);
    expect(new Set(picked)).toEqual(new Set(['0', '1']));
    expect(picked.filter((key) => key === '0').length / 3_000).toBeCloseTo(5 / 6, 1);
  });
});

describe('a memory of what did well', () => {
  function setUp(count: number, memory = 3) {
    const candidates = Array.from({ length: count }, (_, number) => fake(String(number), 10));
    const options = { memory };
    const picker = new P2c<Fake>(asTheyAre, figures, seededRandom(9), { choices: () => 2, memory: () => options.memory });
    picker.use(candidates);
    const pick = (tried: ReadonlySet<string> = noneTried) => picker.pick({ tried }, room, 0)!.key;
    return { picker, candidates, options, pick };
  }

  it('is looked at for every attempt, beside the two drawn', () => {
    const { picker, candidates, pick } = setUp(1_000);
    candidates[500] = fake('good', 1);
    picker.use(candidates);
    picker.succeeded(candidates[500], 0);
    for (let time = 0; time < 100; time += 1) expect(pick()).toBe('good');
    expect(pick(new Set(['good']))).not.toBe('good');
  });

  it('forgets the worst where there are too many, whoever came last', () => {
    const { picker, candidates, pick } = setUp(1_000);
    for (const [place, load] of [1, 2, 3, 9, 4].entries()) {
      candidates[place] = fake(`load ${load}`, load);
      picker.use(candidates);
      picker.succeeded(candidates[place], 0);
    }
    const tried = new Set<string>();
    for (const load of [1, 2, 3]) {
      expect(pick(tried)).toBe(`load ${load}`);
      tried.add(`load ${load}`);
    }
    expect(pick(tried)).not.toMatch(/^load/);
  });

  it('forgets whoever is no candidate any more', () => {
    const { picker, candidates, pick } = setUp(10);
    candidates[0] = fake('good', 1);
    picker.use(candidates);
    picker.succeeded(candidates[0], 0);
    picker.use(candidates.slice(1));
    for (let time = 0; time < 100; time += 1) expect(pick()).not.toBe('good');
  });

  it('a reload is felt at once', () => {
    const { picker, candidates, options, pick } = setUp(1_000);
    candidates[0] = fake('good', 1);
    picker.use(candidates);
    picker.succeeded(candidates[0], 0);
    options.memory = 0;
    expect(Array.from({ length: 100 }, () => pick()).filter((key) => key === 'good').length).toBeLessThan(5);
  });
});
