import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { Directory, type Entry } from '../../src/balancer/directory.ts';
import { LoadAware, REPORT_HOLDS } from '../../src/balancer/load-aware.ts';
import type { Node } from '../../src/balancer/node.ts';
import { rendezvous } from '../../src/balancer/rendezvous.ts';
import { endpointAt, endpoints } from './small-cluster.ts';

const SIZE = 20;

class World {
  now = 1_000;
  readonly directory = new Directory('a');
  readonly strategy: LoadAware;
  /** What endpoints report; those not in it say nothing. */
  readonly reports = new Map<string, number>();

  constructor(seed = 1) {
    this.strategy = new LoadAware(seededRandom(seed), []);
  }

  resolve(numbers: readonly number[]): readonly Entry[] {
    this.directory.learn({ endpoints: numbers.map((number) => endpointAt(number)), complete: true, source: 'a test' });
    return this.choose();
  }

  choose(): readonly Entry[] {
    for (const entry of this.entries) {
      const connections = this.reports.get(entry.key);
      entry.node = connections === undefined ? undefined : ({ report: { at: this.now, connections } } as Node);
    }
    return this.strategy.choose(this.entries, SIZE, this.now).members;
  }

  get entries(): readonly Entry[] {
    return this.directory.groups[0] ?? [];
  }

  reportAll(connections: number): void {
    for (const { key } of this.entries) this.reports.set(key, connections);
  }

  /** So many times it looks whether to move. Returns who was a member at each time. */
  looks(times: number): (readonly Entry[])[] {
    return Array.from({ length: times }, () => {
      this.now = this.strategy.dueAt;
      return this.choose();
    });
  }
}

const hundred = Array.from({ length: 100 }, (_, number) => number);
const keys = (entries: readonly Entry[]) => entries.map(({ key }) => key).sort();
const moved = (before: readonly Entry[], after: readonly Entry[]) => before.filter((entry) => !after.includes(entry)).length;

describe('load-aware', () => {
  it('is rendezvous, move for move, where nobody reports connections', () => {
    fc.assert(
      fc.property(fc.array(fc.uniqueArray(fc.nat(120), { minLength: 1, maxLength: 90 }), { minLength: 1, maxLength: 8 }), (answers) => {
        const world = new World();
        for (const numbers of answers) {
          const members = world.resolve(numbers);
          expect(keys(members)).toEqual(keys(rendezvous(world.entries, SIZE)));
          expect(keys(world.looks(2).at(-1)!)).toEqual(keys(members));
        }
      }),
      { numRuns: 50 },
    );
  });

  it('moves nothing while all have about as many connections', () => {
    const world = new World();
    const before = world.resolve(hundred);
    world.entries.forEach(({ key }, index) => world.reports.set(key, 20 + (index % 3)));
    expect(world.looks(100).every((members) => moved(before, members) === 0)).toBe(true);
  });

  it('leaves an endpoint with too many in the share of looks that relieves it', () => {
    let left = 0;
    for (let seed = 0; seed < 400; seed += 1) {
      const world = new World(seed);
      const before = world.resolve(hundred);
      world.reportAll(20);
      world.reports.set(before[3]!.key, 40);
      const [members] = world.looks(1);
      expect(moved(before, members!)).toBeLessThanOrEqual(1);
      if (moved(before, members!) === 1) expect(members).not.toContain(before[3]);
      left += moved(before, members!);
    }
    // The mean of the members is 21, so (40 − 21) / 40 = 47.5 % of the clients should go: 190 ± 10.
    expect(Math.abs(left - 190)).toBeLessThan(35);
  });

  it('means nothing by one connection more where there are only a few', () => {
    const world = new World();
    const before = world.resolve(hundred);
    world.reportAll(1);
    world.reports.set(before[3]!.key, 2);
    expect(world.looks(100).every((members) => moved(before, members) === 0)).toBe(true);
  });

  it('gives a new endpoint the place of the member with the most', () => {
    const world = new World();
    const before = world.resolve(hundred);
    world.reportAll(20);
    world.reports.set(before[5]!.key, 22);
    // The first of the next ones that belongs to this client's 20.
    let number = 100;
    while (!keys(new World().resolve([...hundred, number])).includes(`10.0.0.${number}:80`)) number += 1;
    const after = world.resolve([...hundred, number]);
    expect(keys(after)).toContain(`10.0.0.${number}:80`);
    expect(before.filter((entry) => !after.includes(entry))).toEqual([before[5]]);
  });

  it('believes no report that is old, and none of a few', () => {
    const world = new World();
    const before = world.resolve(hundred);
    for (const member of before.slice(0, 9)) world.reports.set(member.key, 20);
    world.reports.set(before[3]!.key, 90);
    expect(world.looks(50).every((members) => moved(before, members) === 0)).toBe(true);
    for (const member of before) member.node = { report: { at: world.now - REPORT_HOLDS - 1, connections: member === before[3] ? 90 : 20 } } as Node;
    world.now = world.strategy.dueAt + REPORT_HOLDS;
    expect(moved(before, world.strategy.choose(world.entries, SIZE, world.now).members)).toBe(0);
  });

  it('begins with the members that another strategy had', () => {
    const directory = new Directory('a');
    directory.learn({ endpoints: endpoints(100), complete: true, source: 'a test' });
    const had = directory.groups[0]!.slice(30, 50);
    expect(keys(new LoadAware(seededRandom(1), had).choose(directory.groups[0]!, SIZE, 5).members)).toEqual(keys(had));
  });

  it('looks again only where there is a choice', () => {
    const world = new World();
    world.resolve(hundred.slice(0, 20));
    expect(world.strategy.dueAt).toBe(Infinity);
    world.resolve(hundred);
    expect(world.strategy.dueAt - world.now).toBeGreaterThanOrEqual(30_000);
    expect(world.strategy.dueAt - world.now).toBeLessThanOrEqual(90_000);
  });
});
