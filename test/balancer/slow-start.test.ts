import { describe, expect, it } from 'vitest';
import { defaultServicePolicy, type SlowStartKnobs } from '../../src/core/policy.ts';
import type { balancerTypes } from '../../src/core/balancer-policy.ts';
import { endpointAt, endpoints, SmallCluster } from './small-cluster.ts';

const { window } = defaultServicePolicy.slowStart;
const without = { outlier: 'off', subset: 'off' } as const;

/** Requests to each of `count` endpoints, one after the other, each answered at once. */
function shares(world: SmallCluster, requests: number): ReadonlyMap<string, number> {
  const asked = new Map<string, number>();
  for (let request = 0; request < requests; request += 1) {
    const node = world.pick();
    world.attempt(node, 'success');
    asked.set(node.endpoint.host, (asked.get(node.endpoint.host) ?? 0) + 1);
  }
  return new Map([...asked].map(([host, times]) => [host, times / requests]));
}

function serving(count: number, knobs: Partial<SlowStartKnobs> = {}, type: (typeof balancerTypes)[number] = 'round-robin') {
  const world = new SmallCluster({ endpoints: endpoints(count), knobs: { ...without, slowStart: { ...defaultServicePolicy.slowStart, ...knobs }, balancer: { ...defaultServicePolicy.balancer, type } } });
  shares(world, 5 * count);
  world.clock.stall(2 * window);
  return world;
}

const newest = endpointAt(9);
const partOf = (world: SmallCluster, host: string) => world.state(host).part ?? 1;

describe('slow start', () => {
  it('gives an endpoint that joins others a tenth of its share, and the whole of it after the window', () => {
    const world = serving(9);
    world.resolve([...endpoints(9), newest]);
    const expected = (age: number) => {
      const warmth = Math.max(0.1, age / window);
      return warmth / ((9 + warmth) / 10);
    };
    for (const age of [0, 9_000, 15_000, 27_000]) {
      const share = 10 * (shares(world, 20_000).get(newest.host) ?? 0);
      // What the others get beyond a tenth comes out of what it does not.
      const part = expected(age);
      expect(share).toBeGreaterThan((0.9 * part * 10) / (9 + part));
      expect(share).toBeLessThan((1.1 * part * 10) / (9 + part));
      expect(Math.abs(partOf(world, newest.host) - part)).toBeLessThan(0.01);
      world.clock.stall(age === 0 ? 9_000 : age === 9_000 ? 6_000 : 12_000);
    }
    expect(world.state(newest.host).part).toBeUndefined();
    expect(10 * shares(world, 20_000).get(newest.host)!).toBeCloseTo(1, 1);
  });

  it('holds nobody back where all have come with the first answer, or are new together', () => {
    const world = new SmallCluster({ endpoints: endpoints(4), knobs: without });
    expect(world.cluster.snapshot().map(({ part }) => part)).toEqual([undefined, undefined, undefined, undefined]);
    shares(world, 40);
    world.clock.stall(2 * window);
    world.resolve(endpoints(8).slice(4));
    expect(world.cluster.snapshot().map(({ part }) => part)).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('holds nobody back who joins others that have served nothing yet', () => {
    const world = new SmallCluster({ endpoints: endpoints(4), knobs: without });
    world.clock.stall(10 * window);
    world.resolve(endpoints(5));
    expect(partOf(world, '10.0.0.4')).toBe(1);
    expect(world.events('endpoint.warming')).toEqual([]);
  });

  it('does not bury the last old one of a rolling restart under what the new ones are spared', () => {
    const world = serving(10);
    for (let gone = 1; gone < 10; gone += 1) {
      world.resolve(Array.from({ length: 10 }, (_, number) => endpointAt(number < gone ? 20 + number : number)));
      shares(world, 100);
      world.clock.stall(2_000);
    }
    // By weights of age alone it would be a quarter; were nobody held back, a tenth.
    expect(shares(world, 20_000).get('10.0.0.9')).toBeLessThan(0.16);
  });

  it('gives everything to a new one that is alone, and to those that are there where all others are full', () => {
    const world = serving(2);
    world.knobs = { ...world.knobs, maxPerEndpoint: 1 };
    world.resolve([...endpoints(2), newest]);
    world.node('10.0.0.0').begin();
    world.node('10.0.0.1').begin();
    for (let time = 0; time < 20; time += 1) expect(world.pick().endpoint.host).toBe(newest.host);
    world.resolve([newest]);
    expect(world.pick().endpoint.host).toBe(newest.host);
  });

  it('takes the time that an endpoint was ejected off its age, and none where it was only observed', () => {
    const world = serving(5, {}, 'predictive');
    const node = world.node('10.0.0.1');
    world.knobs = { ...world.knobs, outlier: { ...defaultServicePolicy.outlier, ejection: { ...defaultServicePolicy.outlier.ejection, base: 15_000, jitter: 0 } } };
    world.eject('10.0.0.1', node);
    world.clock.stall(15_000);
    const trial = world.pick();
    expect(trial).toBe(node);
    world.attempt(trial, 'success');
    expect(world.state('10.0.0.1').state).toBe('available');
    expect(partOf(world, '10.0.0.1')).toBeCloseTo(0.5 / 0.9, 2);
    world.clock.stall(15_000);
    world.pick();
    expect(partOf(world, '10.0.0.1')).toBe(1);
  });

  it('counts who is at an address, not the address', () => {
    const named = (generation: string) => endpoints(4).map((endpoint, number) => ({ ...endpoint, generation: number === 3 ? generation : 'a' }));
    const world = new SmallCluster({ endpoints: named('a'), knobs: without });
    shares(world, 40);
    world.clock.stall(2 * window);
    world.resolve(named('b'));
    expect(partOf(world, '10.0.0.3')).toBeLessThan(0.2);
    expect(world.events('endpoint.warming')).toEqual([{ service: 'reviews', endpoint: '10.0.0.3:80', window, enforced: true }]);
  });

  it('begins nothing anew for one that only blinked', () => {
    const world = serving(4);
    world.resolve(endpoints(3));
    world.clock.stall(5_000);
    world.resolve(endpoints(4));
    expect(world.state('10.0.0.3').part).toBeUndefined();
  });

  it('where it observes, says who would be held back and holds nobody back; off, it says nothing', () => {
    const world = serving(9, { mode: 'observe' });
    world.resolve([...endpoints(9), newest]);
    expect(10 * shares(world, 2_000).get(newest.host)!).toBeCloseTo(1, 1);
    expect(partOf(world, newest.host)).toBeLessThan(0.2);
    expect(world.events('endpoint.warming')).toEqual([{ service: 'reviews', endpoint: '10.0.0.9:80', window, enforced: false }]);
    world.knobs = { ...world.knobs, slowStart: 'off' };
    world.pick();
    expect(world.state(newest.host).part).toBeUndefined();
    // And what was off when it came acts when it is switched on.
    world.knobs = { ...world.knobs, slowStart: defaultServicePolicy.slowStart };
    expect(10 * shares(world, 2_000).get(newest.host)!).toBeLessThan(0.3);
  });
});
