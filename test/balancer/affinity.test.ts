import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hash as hashOf, mix } from '../../src/balancer/hash.ts';
import type { Node, Ticket } from '../../src/balancer/node.ts';
import type { Endpoint } from '../../src/core/endpoint.ts';
import { defaultServicePolicy } from '../../src/core/policy.ts';
import { seededRandom } from '../../src/core/random.ts';
import { endpointAt, endpoints, noneTried, SmallCluster } from './small-cluster.ts';

const hash = { ...defaultServicePolicy.balancer, type: 'hash' } as const;
const keys = Array.from({ length: 400 }, (_, number) => `user-${number}`);

function worldOf(found: readonly Endpoint[], more: { seed?: number; identity?: string; boundedLoad?: number | 'off'; maxPerEndpoint?: number } = {}): SmallCluster {
  const { boundedLoad = 1.5, maxPerEndpoint = 100_000, ...rest } = more;
  return new SmallCluster({ ...rest, endpoints: found, knobs: { subset: 'off', slowStart: 'off', outlier: 'off', balancer: { ...hash, boundedLoad }, maxPerEndpoint } });
}

function pick(world: SmallCluster, hashKey: string, tried: ReadonlySet<string> = noneTried): Node {
  return world.cluster.pick({ tried, hashKey })!;
}

const homes = (world: SmallCluster) => new Map(keys.map((key) => [key, pick(world, key).key]));
const some = (least: number) => fc.uniqueArray(fc.nat(5_000), { minLength: least, maxLength: 30 });
const addressOf = (number: number) => `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;
const keyAt = (number: number) => `${addressOf(number)}:80`;
const at = (numbers: readonly number[]) => numbers.map((number) => endpointAt(number, { host: addressOf(number) }));

describe('the balancer hash', () => {
  it('sends a key to the same endpoint every time, from every client, in whatever order discovery names them', () => {
    fc.assert(
      fc.property(some(1), fc.integer(), (numbers, seed) => {
        const home = homes(worldOf(at(numbers)));
        expect(homes(worldOf(at(numbers.toReversed()), { seed, identity: `client-${seed}` }))).toEqual(home);
      }),
      { numRuns: 30 },
    );
  });

  it('moves only the keys of an endpoint that leaves, and to one that comes only its own', () => {
    fc.assert(
      fc.property(some(2), (numbers) => {
        const world = worldOf(at(numbers));
        const before = homes(world);
        const gone = endpointAt(numbers[0]!);
        world.resolve(at(numbers.slice(1)));
        const without = homes(world);
        for (const [key, home] of without) if (before.get(key) !== `${gone.host}:80`) expect(home).toBe(before.get(key));
        for (const home of without.values()) expect(home).not.toBe(`${gone.host}:80`);
        // And when it is back, everything is as it was.
        world.resolve(at(numbers));
        expect(homes(world)).toEqual(before);
      }),
      { numRuns: 50 },
    );
  });

  it('sends retries to the next in the order: where the key goes when the first ones are not there', () => {
    const world = worldOf(endpoints(12));
    for (const key of keys.slice(0, 50)) {
      const tried = new Set<string>();
      const order: string[] = [];
      for (let attempt = 0; attempt < 12; attempt += 1) {
        order.push(pick(world, key, tried).key);
        tried.add(order.at(-1)!);
      }
      expect(new Set(order).size).toBe(12);
      for (let gone = 1; gone < 4; gone += 1) {
        const left = endpoints(12).filter(({ host }) => !order.slice(0, gone).includes(`${host}:80`));
        expect(pick(worldOf(left), key).key).toBe(order[gone]);
      }
    }
  });

  it('spreads keys evenly, and by weight where there are weights', () => {
    const many = Array.from({ length: 30_000 }, (_, number) => `key ${number}`);
    const shares = (world: SmallCluster) => {
      const had = new Map<string, number>();
      for (const key of many) had.set(pick(world, key).key, (had.get(pick(world, key).key) ?? 0) + 1 / many.length);
      return world.cluster.endpoints.map(({ host }) => had.get(`${host}:80`)!);
    };
    for (const share of shares(worldOf(endpoints(10)))) expect(share).toBeCloseTo(0.1, 2);
    const weights = [1, 3, 6];
    shares(worldOf(weights.map((weight, number) => endpointAt(number, { weight })))).forEach((share, number) => expect(share).toBeCloseTo(weights[number]! / 10, 2));
  });

  it('moves keys to one whose weight grows, and none between the others', () => {
    const weighed = (weight: number) => endpoints(8).map((endpoint, number) => ({ ...endpoint, weight: number === 0 ? weight : 2 }));
    const [before, after] = [homes(worldOf(weighed(1))), homes(worldOf(weighed(2)))];
    const moved = keys.filter((key) => before.get(key) !== after.get(key));
    expect(moved.length).toBeGreaterThan(10);
    for (const key of moved) expect(after.get(key)).toBe('10.0.0.0:80');
  });

  it('gives no endpoint more than its bound of what is in flight, whatever the keys are, and a busy key goes where it went before', () => {
    fc.assert(
      fc.property(fc.double({ min: 1.05, max: 3, noNaN: true }), fc.array(fc.nat(5), { minLength: 60, maxLength: 200 }), (boundedLoad, asked) => {
        const world = worldOf(endpoints(6), { boundedLoad });
        const inFlight = new Map<string, number>();
        for (const [number, key] of asked.entries()) {
          const node = pick(world, `user-${key}`);
          expect(inFlight.get(node.key) ?? 0).toBeLessThan(Math.max(Math.ceil((boundedLoad * (number + 1)) / 6), 2));
          inFlight.set(node.key, (inFlight.get(node.key) ?? 0) + 1);
          node.begin();
        }
      }),
      { numRuns: 50 },
    );
    const world = worldOf(endpoints(6));
    const order = [pick(world, 'ann')];
    order.push(pick(world, 'ann', new Set([order[0]!.key])));
    // One key alone: two at home at any rate, the next two at the second.
    const went = Array.from({ length: 4 }, () => {
      const node = pick(world, 'ann');
      node.begin();
      return node.key;
    });
    expect(went).toEqual([order[0]!.key, order[0]!.key, order[1]!.key, order[1]!.key]);
  });

  it('without a bound fills the home of a key, until it has no room', () => {
    const world = worldOf(endpoints(6), { boundedLoad: 'off', maxPerEndpoint: 10 });
    const home = pick(world, 'ann').key;
    const went = Array.from({ length: 12 }, () => {
      const node = pick(world, 'ann');
      node.begin();
      return node.key;
    });
    expect(went.filter((key) => key === home)).toHaveLength(10);
    expect(went.slice(10)).not.toContain(home);
  });

  it('goes to an untried endpoint beyond its bound before a tried one', () => {
    const world = worldOf(endpoints(2));
    const [home, other] = [pick(world, 'ann'), pick(world, 'ann', new Set([pick(world, 'ann').key]))];
    for (let held = 0; held < 50; held += 1) other.begin();
    expect(pick(world, 'ann', new Set([home.key])).key).toBe(other.key);
  });

  it('keeps the order of the contract with a key as well: untried before tried, then room before none', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ full: fc.boolean(), tried: fc.boolean() }), { minLength: 1, maxLength: 12 }), fc.string({ minLength: 1 }), (specs, key) => {
        const world = worldOf(endpoints(specs.length), { maxPerEndpoint: 1 });
        specs.forEach(({ full }, number) => void (full && world.node(`10.0.0.${number}`).begin()));
        const tried = new Set(specs.flatMap((spec, number) => (spec.tried ? [`10.0.0.${number}:80`] : [])));
        const ranks = specs.map((spec) => (spec.tried ? 2 : 0) + (spec.full ? 1 : 0));
        expect(ranks[Number(pick(world, key, tried).endpoint.host.split('.').at(-1))]).toBe(Math.min(...ranks));
      }),
    );
  });

  it('remembers no home that is not one any more', () => {
    const world = worldOf(endpoints(20));
    homes(world);
    world.resolve(endpoints(20).slice(5).toReversed());
    expect(homes(world)).toEqual(homes(worldOf(endpoints(20).slice(5))));
  });

  it('finds what a look at all of them finds, whatever was remembered and forgotten in between', () => {
    const random = seededRandom(3);
    for (const boundedLoad of [1.05, 1.5, 'off'] as const) {
      const world = worldOf(endpoints(40), { boundedLoad, maxPerEndpoint: 30 });
      const nodes = endpoints(40).map(({ host }) => world.node(host));
      const open: Ticket[] = [];
      const beyond: number[] = [];
      // More keys than are remembered, some of them often.
      for (let time = 0; time < 12_000; time += 1) {
        const key = `user-${Math.floor(random.next() < 0.7 ? 3 * random.next() : 6_000 * random.next())}`;
        const order = [...nodes].sort((one, other) => mix(hashOf(key), hashOf(other.key)) - mix(hashOf(key), hashOf(one.key)));
        const mayHave = boundedLoad === 'off' ? Infinity : Math.max(Math.ceil((boundedLoad * (open.length + 1)) / 40), 2);
        const first = order.findIndex(({ pending }) => pending < Math.min(mayHave, 30));
        const picked = pick(world, key);
        if (picked !== order[first]) throw new Error(`${key}: ${picked.key}, not ${order[first]!.key}, the ${first + 1}. of its order`);
        beyond.push(first);
        open.push(picked.begin());
        if (open.length > 300) open.splice(Math.floor(random.next() * open.length), 1)[0]!.release();
      }
      // Otherwise there would not have been much to find.
      expect(Math.max(...beyond)).toBeGreaterThan(boundedLoad === 'off' ? 0 : 8);
    }
  });

  it('where two endpoints have the same hash takes the same one for every client, in whatever order they are named', () => {
    const seen = new Map<number, number>();
    let pair: [number, number] | undefined;
    for (let number = 0; pair === undefined; number += 1) {
      const hashed = hashOf(keyAt(number));
      const other = seen.get(hashed);
      if (other !== undefined) pair = [other, number];
      seen.set(hashed, number);
    }
    const two = at(pair);
    const wanted = pair.map(keyAt).sort()[0];
    for (const found of [two, two.toReversed()]) expect(new Set(homes(worldOf(found)).values())).toEqual(new Set([wanted]));
  });

  it('gives back the keys of an endpoint that was ejected', () => {
    const world = new SmallCluster({ endpoints: endpoints(6), knobs: { subset: 'off', slowStart: 'off', balancer: hash } });
    const before = homes(world);
    const ejected = world.eject('10.0.0.2');
    expect(ejected.ejection.kind).toBe('ejected');
    for (const [key, home] of homes(world)) if (before.get(key) !== ejected.key) expect(home).toBe(before.get(key));
    expect([...homes(world).values()]).not.toContain(ejected.key);
  });
});

it('lets a new endpoint have its keys bit by bit (slow start)', () => {
  const world = new SmallCluster({ endpoints: endpoints(5), knobs: { subset: 'off', outlier: 'off', balancer: hash } });
  for (const { host } of endpoints(5)) world.attempts(world.node(host), 'success', 5);
  world.clock.stall(600_000);
  world.resolve(endpoints(6));
  const own = keys.filter((key) => homes(worldOf(endpoints(6))).get(key) === '10.0.0.5:80').slice(0, 20);
  const atHome = () => {
    let count = 0;
    for (let time = 0; time < 100; time += 1) for (const key of own) if (pick(world, key).key === '10.0.0.5:80') count += 1;
    return count / (100 * own.length);
  };
  expect(atHome()).toBeLessThan(0.2);
  world.clock.stall(600_000);
  expect(atHome()).toBe(1);
});
