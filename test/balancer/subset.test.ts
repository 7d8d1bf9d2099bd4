import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../src/core/endpoint.ts';
import { defaultServicePolicy, type SubsetKnobs } from '../../src/core/policy.ts';
import { seededRandom } from '../../src/core/random.ts';
import { Directory } from '../../src/balancer/directory.ts';
import { nowhere, type Position } from '../../src/balancer/position.ts';
import { SETTLE, Subset, YOUNG } from '../../src/balancer/subset.ts';
import { endpointAt, endpoints } from './small-cluster.ts';

const numbered = (count: number): Endpoint[] => Array.from({ length: count }, (_, ordinal) => endpointAt(ordinal, { ordinal }));
const third: Position = { ...nowhere, ordinal: { index: 3, of: undefined, set: 'shop' } };
const lost: Position = { ...nowhere, why: 'lost' };

class World {
  now = 0;
  position: Position = third;
  knobs: SubsetKnobs = defaultServicePolicy.subset;
  readonly directory = new Directory('shop/shop-3');
  readonly subset = new Subset({ outOfUse: () => false, position: () => this.position, random: seededRandom(1) });

  /** With what was found, for long enough that it is in use. */
  settled(found: readonly Endpoint[]): string[] {
    const chosen = this.resolve(found);
    this.now += YOUNG;
    return chosen;
  }

  resolve(found: readonly Endpoint[]): string[] {
    this.directory.learn({ endpoints: found, complete: true, source: 'a test' });
    return this.subset.choose(this.directory.groups, this.knobs, this.now).map(({ key }) => key);
  }

  get strategy(): string {
    return this.subset.snapshot(this.now).strategy;
  }
}

describe('the strategy of a subset in use', () => {
  it('is kept while what it needs is missing for a moment', () => {
    const world = new World();
    const before = world.settled(numbered(100));
    world.position = lost;
    expect(world.resolve(numbered(100))).toEqual(before);
    world.now += SETTLE - 1;
    expect(world.resolve(numbered(100))).toEqual(before);
    world.position = third;
    world.now += 1;
    expect(world.resolve(numbered(100))).toEqual(before);
    expect([world.strategy, world.subset.dueAt]).toEqual(['deterministic', Infinity]);
  });

  it('is another one once that has lasted, without another answer, and goes on with the members it finds', () => {
    const world = new World();
    const before = world.settled(numbered(100));
    world.position = lost;
    world.resolve(numbered(100));
    expect(world.subset.dueAt).toBe(world.now + SETTLE);
    world.now += SETTLE;
    const after = world.subset.review(world.now)!.map(({ key }) => key);
    expect(after.sort()).toEqual(before.sort());
    expect(world.subset.snapshot(world.now)).toMatchObject({ strategy: 'rendezvous', why: 'lost; no endpoint reports its connections' });
    expect(world.subset.review(world.now)).toBeUndefined();
  });

  it('a position that comes and goes moves nothing', () => {
    const world = new World();
    const before = world.settled(numbered(100));
    for (let time = 0; time < 50; time += 1) {
      world.now += SETTLE / 2;
      world.position = time % 2 === 0 ? lost : third;
      expect(world.resolve(numbered(100))).toEqual(before);
    }
  });

  it('changes at once where the policy asks for another', () => {
    const world = new World();
    world.settled(numbered(100));
    world.knobs = { ...world.knobs, strategy: 'rendezvous' };
    world.resolve(numbered(100));
    expect(world.strategy).toBe('rendezvous');
    world.knobs = { ...world.knobs, strategy: 'auto', size: 10 };
    world.resolve(numbered(100));
    expect(world.strategy).toBe('deterministic');
  });

  it('changes at once while it is young: what is known of peers may come a moment later', () => {
    const world = new World();
    world.position = lost;
    world.resolve(numbered(100));
    world.now += YOUNG - 1;
    world.position = third;
    world.resolve(numbered(100));
    expect(world.strategy).toBe('deterministic');
  });

  it('changes at once where all endpoints are in use, for that moves nothing', () => {
    const world = new World();
    world.settled(numbered(5));
    world.position = lost;
    world.resolve(numbered(5));
    expect(world.strategy).toBe('rendezvous');
  });

  it('keeps the numbers of endpoints while a source that knows none stands in', () => {
    const world = new World();
    const before = world.settled(numbered(100));
    expect(world.resolve(endpoints(100))).toEqual(before);
    expect(world.strategy).toBe('deterministic');
    expect(world.subset.dueAt).toBe(Infinity);
  });

  it('has never too few endpoints, even where all that it could choose by is gone', () => {
    const world = new World();
    world.settled(numbered(100));
    const others = Array.from({ length: 100 }, (_, number) => endpointAt(500 + number));
    expect(world.resolve(others)).toHaveLength(20);
    expect(world.strategy).toBe('deterministic');
    world.now += SETTLE;
    expect(world.resolve(others)).toHaveLength(20);
    expect(world.strategy).toBe('rendezvous');
  });

  it('takes another number of its own at once: the old one is somebody else’s', () => {
    const world = new World();
    const before = world.settled(numbered(100));
    world.position = { ...third, ordinal: { index: 4, of: undefined, set: 'shop' } };
    expect(world.resolve(numbered(100))).not.toEqual(before);
  });

  it('is what the policy says before there is an endpoint', () => {
    expect(new World().subset.snapshot(0)).toEqual({ strategy: 'off', why: 'there are no endpoints', total: 0, size: 0, standIns: 0 });
  });
});
