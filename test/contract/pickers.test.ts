/** What every kind of balancer owes, whatever it is good at beyond that. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Ticket } from '../../src/balancer/node.ts';
import { balancerTypes, type BalancerType } from '../../src/core/balancer-policy.ts';
import { defaultServicePolicy } from '../../src/core/policy.ts';
import { seededRandom } from '../../src/core/random.ts';
import { endpointAt, endpoints, noneTried, SmallCluster } from '../balancer/small-cluster.ts';

/** What each promises beyond what all do. */
const promises: Record<BalancerType, { readonly comparesLoad: boolean; readonly avoidsFailing: boolean }> = {
  predictive: { comparesLoad: true, avoidsFailing: true },
  'peak-ewma': { comparesLoad: true, avoidsFailing: true },
  // A failure leaves nothing in flight: it looks free.
  'least-request': { comparesLoad: true, avoidsFailing: false },
  'round-robin': { comparesLoad: false, avoidsFailing: false },
  weighted: { comparesLoad: false, avoidsFailing: false },
  // Without a key; with one it looks at neither.
  hash: { comparesLoad: true, avoidsFailing: true },
};

const balancerOf = (type: BalancerType) => ({ ...defaultServicePolicy.balancer, type });

function worldOf(type: BalancerType, options: Partial<ConstructorParameters<typeof SmallCluster>[0]> = {}, seed = 1) {
  // Ejection would hide what the picker does.
  const knobs = { subset: 'off', outlier: 'off', balancer: balancerOf(type), ...options?.knobs } as const;
  return new SmallCluster({ ...options, seed, knobs });
}

const numberOf = (host: string) => Number(host.split('.').at(-1));

/** Callers that send their next request when they have an answer, 5 to 15 ms later. Returns who was asked, in order. */
function run(world: SmallCluster, callers: number, requests: number, kindOf: (number: number) => 'success' | 'failure' = () => 'success', glance = () => {}): number[] {
  const random = seededRandom(77);
  const inFlight: { readonly at: number; readonly ticket: Ticket; readonly kind: 'success' | 'failure' }[] = [];
  const asked: number[] = [];
  const send = () => {
    const node = world.pick();
    const number = numberOf(node.endpoint.host);
    asked.push(number);
    const kind = kindOf(number);
    const at = world.clock.now() + (kind === 'failure' ? 0.5 : 5 + 10 * random.next());
    const place = inFlight.findIndex((one) => one.at < at);
    inFlight.splice(place === -1 ? inFlight.length : place, 0, { at, ticket: node.begin(), kind });
  };
  for (let caller = 0; caller < callers; caller += 1) send();
  while (asked.length < requests) {
    const { at, ticket, kind } = inFlight.pop()!;
    world.clock.stall(at - world.clock.now());
    glance();
    ticket.settle({ kind });
    ticket.release();
    send();
  }
  for (const { ticket, kind } of inFlight) {
    ticket.settle({ kind });
    ticket.release();
  }
  return asked;
}

const count = (asked: readonly number[], number: number) => asked.filter((one) => one === number).length;

describe.each(balancerTypes)('the balancer %s', (type) => {
  it('gives nothing where nothing is, and the only one where one is, tried or full', () => {
    expect(worldOf(type, { endpoints: [] }).cluster.pick({ tried: noneTried })).toBeUndefined();
    const world = worldOf(type, { endpoints: endpoints(1), knobs: { maxPerEndpoint: 1 } });
    world.pick().begin();
    expect(world.pick(new Set(['10.0.0.0:80'])).endpoint.host).toBe('10.0.0.0');
  });

  it('goes to an untried endpoint before a tried one, then to one with room before a full one', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ full: fc.boolean(), tried: fc.boolean() }), { minLength: 1, maxLength: 12 }), fc.integer(), (specs, seed) => {
        const world = worldOf(type, { endpoints: endpoints(specs.length), knobs: { maxPerEndpoint: 1 } }, seed);
        specs.forEach(({ full }, number) => void (full && world.node(`10.0.0.${number}`).begin()));
        const tried = new Set(specs.flatMap((spec, number) => (spec.tried ? [`10.0.0.${number}:80`] : [])));
        const ranks = specs.map((spec) => (spec.tried ? 2 : 0) + (spec.full ? 1 : 0));
        for (let time = 0; time < 3; time += 1) expect(ranks[numberOf(world.pick(tried).endpoint.host)]).toBe(Math.min(...ranks));
      }),
      { numRuns: 200 },
    );
  });

  it('where all were tried, does not go to the same one again and again', () => {
    const world = worldOf(type, { endpoints: endpoints(3) });
    const tried = new Set(['10.0.0.0:80', '10.0.0.1:80', '10.0.0.2:80']);
    const picked = new Set(Array.from({ length: 50 }, () => {
      const node = world.pick(tried);
      node.begin();
      return node.key;
    }));
    expect(picked.size).toBe(3);
  });

  it('spreads simultaneous requests over equals', () => {
    const world = worldOf(type, { endpoints: endpoints(10) });
    const asked = Array.from({ length: 1_000 }, () => {
      const node = world.pick();
      node.begin();
      return numberOf(node.endpoint.host);
    });
    for (let number = 0; number < 10; number += 1) expect(Math.abs(count(asked, number) - 100)).toBeLessThan(40);
  });

  it('starves no endpoint that does well, with one call at a time and with many', () => {
    for (const callers of [1, 30]) {
      for (const seed of [1, 2, 3]) {
        // A minute with one caller.
        const asked = run(worldOf(type, { endpoints: endpoints(10) }, seed), callers, 6_000 * Math.min(callers, 3));
        for (let number = 0; number < 10; number += 1) expect(count(asked, number)).toBeGreaterThan(10);
      }
    }
  });

  it('gives shares by weight, one call at a time and under load', () => {
    const weights = [1, 3, 6];
    for (const callers of [1, 40]) {
      const asked = run(worldOf(type, { endpoints: weights.map((weight, number) => endpointAt(number, { weight })) }), callers, 8_000);
      for (const [number, weight] of weights.entries()) expect(Math.abs(count(asked, number) / 8_000 / (weight / 10) - 1)).toBeLessThan(0.15);
    }
  });

  it('gives shares by weight with the first requests of many clients, too', () => {
    const weights = [1, 3, 6];
    const first: number[] = [];
    for (let seed = 0; seed < 2_000; seed += 1) {
      const world = worldOf(type, { endpoints: weights.map((weight, number) => endpointAt(number, { weight })) }, seed);
      first.push(numberOf(world.pick().endpoint.host));
    }
    // Who compares draws two, the first by weight; of equals the first is taken.
    for (const [number, weight] of weights.entries()) expect(Math.abs(count(first, number) / 2_000 - weight / 10)).toBeLessThan(0.05);
  });

  it('sends hardly anything to an endpoint that fails fast, where it promises that', () => {
    const asked = run(worldOf(type, { endpoints: endpoints(10) }), 20, 5_000, (number) => (number === 0 ? 'failure' : 'success'));
    const share = count(asked, 0) / asked.length;
    if (promises[type].avoidsFailing) expect(share).toBeLessThan(0.02);
    // And if it does not promise it: that is why there is ejection.
    else expect(share).toBeGreaterThan(0.05);
  });

  it('compares two different ones, so of two the busier one is left alone, where it compares load', () => {
    const world = worldOf(type, { endpoints: endpoints(2) });
    for (let held = 0; held < 5; held += 1) world.node('10.0.0.0').begin();
    const asked = Array.from({ length: 100 }, () => numberOf(world.pick().endpoint.host));
    if (promises[type].comparesLoad) expect(count(asked, 0)).toBe(0);
    else expect(count(asked, 0)).toBe(50);
  });

  it('is not changed by looking', () => {
    const [left, looked] = [worldOf(type, { endpoints: endpoints(5) }), worldOf(type, { endpoints: endpoints(5) })];
    expect(run(looked, 8, 500, undefined, () => void looked.cluster.snapshot())).toEqual(run(left, 8, 500));
  });

  it('does the same again with the same seed', () => {
    const again = (seed: number) => run(worldOf(type, { endpoints: endpoints(20) }, seed), 8, 500);
    expect(again(5)).toEqual(again(5));
    expect(again(5)).not.toEqual(again(6));
  });

  it('picks nobody who has left, and whoever comes gets something', () => {
    const world = worldOf(type, { endpoints: endpoints(6) });
    run(world, 6, 200);
    world.resolve(endpoints(8).slice(3));
    const asked = run(world, 6, 1_000);
    for (const number of [0, 1, 2]) expect(count(asked, number)).toBe(0);
    for (const number of [3, 4, 5, 6, 7]) expect(count(asked, number)).toBeGreaterThan(20);
  });

  it('leaves an endpoint that has just come alone in most picks, and gives it its share once it is warm', () => {
    for (const callers of [1, 30]) {
      const world = worldOf(type, { endpoints: endpoints(9) });
      run(world, callers, 500);
      world.clock.stall(60_000);
      world.resolve(endpoints(10));
      const { clock } = world;
      const from = clock.now();
      // As many as are over before it is much older: within a second and a half.
      const young = run(world, callers, 150 * Math.min(callers, 10));
      expect(clock.now() - from).toBeLessThan(1_600);
      expect(count(young, 9) / young.length).toBeLessThan(0.03);
      clock.stall(30_000);
      expect(count(run(world, callers, 6_000), 9)).toBeGreaterThan(30);
    }
  });

  it('shows what it compares, as a number for each', () => {
    const world = worldOf(type, { endpoints: endpoints(5) });
    run(world, 10, 500);
    for (const { load } of world.cluster.snapshot()) {
      expect(Number.isFinite(load)).toBe(true);
      expect(load).toBeGreaterThanOrEqual(0);
    }
  });

  it('works with ten thousand', () => {
    const world = worldOf(type, { endpoints: endpoints(10_000) });
    const picked = new Set<string>();
    for (let time = 0; time < 1_000; time += 1) {
      const node = world.pick();
      picked.add(node.key);
      node.begin();
    }
    expect(picked.size).toBeGreaterThan(900);
  });

  it('keeps what is known when the type changes, whatever it changes to', () => {
    for (const other of balancerTypes) {
      const world = worldOf(type, { endpoints: endpoints(4) });
      run(world, 4, 400);
      const before = world.cluster.snapshot();
      world.knobs = { ...world.knobs, balancer: balancerOf(other) };
      world.pick();
      world.cluster.snapshot().forEach((after, place) => {
        expect(after).toMatchObject({ measured: true, pending: before[place]!.pending, totals: before[place]!.totals });
        expect(after.latency / before[place]!.latency).toBeCloseTo(1, 1);
      });
    }
  });
});
