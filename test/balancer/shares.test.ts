import { describe, expect, it } from 'vitest';
import type { Ticket } from '../../src/balancer/node.ts';
import type { BalancerType } from '../../src/core/balancer-policy.ts';
import { defaultServicePolicy } from '../../src/core/policy.ts';
import { seededRandom } from '../../src/core/random.ts';
import { endpointAt, noneTried, SmallCluster } from './small-cluster.ts';

/** How long the endpoint of this number takes, given a random number and what is in flight to it. */
type Latency = (number: number, random: number, pending: number) => number;

const steady: Latency = () => 10;
const varying: Latency = (_, random) => 5 + 10 * random;

/** A number of callers, each of which sends its next request when it has an answer. Returns what each endpoint got, in parts of its due. */
function shares(type: BalancerType, weights: readonly number[], callers: number, latency: Latency = varying, requests = 12_000): number[] {
  const balancer = { ...defaultServicePolicy.balancer, type };
  const world = new SmallCluster({ seed: 11, knobs: { subset: 'off', balancer, maxPerEndpoint: 10_000 }, endpoints: weights.map((weight, number) => endpointAt(number, { weight })) });
  const random = seededRandom(12);
  const counts = weights.map(() => 0);
  const inFlight: { readonly at: number; readonly ticket: Ticket }[] = [];
  let sent = 0;
  const send = () => {
    const node = world.cluster.pick({ tried: noneTried })!;
    const number = Number(node.endpoint.host.split('.').at(-1));
    sent += 1;
    // What happens before anybody is known does not count.
    if (sent > requests / 10) counts[number]! += 1;
    const ticket = node.begin();
    const at = world.clock.now() + latency(number, random.next(), node.pending);
    let place = inFlight.length;
    while (place > 0 && inFlight[place - 1]!.at < at) place -= 1;
    inFlight.splice(place, 0, { at, ticket });
  };
  for (let caller = 0; caller < callers; caller += 1) send();
  while (sent < requests) {
    const { at, ticket } = inFlight.pop()!;
    world.clock.stall(at - world.clock.now());
    ticket.settle({ kind: 'success' });
    ticket.release();
    send();
  }
  const due = weights.map((weight) => Math.max(weight, 0.01));
  const [all, whole] = [counts, due].map((numbers) => numbers.reduce((sum, one) => sum + one, 0)) as [number, number];
  return counts.map((count, number) => count / all / (due[number]! / whole));
}

const types = ['predictive', 'peak-ewma'] as const;

describe.each(types)('endpoints of unequal weights, with %s', (type) => {
  it.each([1, 4, 40, 200])('3:1 gives 3:1 with %i calls at a time', (callers) => {
    for (const latency of [steady, varying]) {
      const [three, one] = shares(type, [3, 1], callers, latency);
      expect(three! / one!).toBeGreaterThan(0.9);
      expect(three! / one!).toBeLessThan(1.1);
    }
  });

  it.each([1, 40])('90:10 gives 90:10 with %i calls at a time', (callers) => {
    const [, ten] = shares(type, [90, 10], callers);
    expect(Math.abs(ten! - 1)).toBeLessThan(0.15);
  });

  it.each([1, 4, 40, 200])('weights from 1 to 10 are held by each of ten, with %i calls at a time', (callers) => {
    for (const share of shares(type, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], callers, varying, 20_000)) expect(Math.abs(share - 1)).toBeLessThan(0.15);
  });

  it.each([1, 40])('one of a hundred that has the weight of all others gets half, with %i calls at a time', (callers) => {
    const [great, ...others] = shares(type, [99, ...new Array<number>(99).fill(1)], callers, varying, 20_000);
    expect(Math.abs(great! - 1)).toBeLessThan(0.15);
    expect(Math.min(...others)).toBeGreaterThan(0.4);
  });

  it('hold where queues are as long as the weights say, and where an endpoint is a little slower', () => {
    const weights = [3, 1];
    const queueing: Latency = (number, random, pending) => Math.max(1, pending / (2 * weights[number]!)) * (5 + 10 * random);
    for (const share of shares(type, weights, 40, queueing)) expect(Math.abs(share - 1)).toBeLessThan(0.1);
    for (const share of shares(type, weights, 4, (number, random) => (number === 0 ? 1.3 : 1) * (5 + 10 * random))) expect(Math.abs(share - 1)).toBeLessThan(0.15);
  });

  it('yield under load where an endpoint is ten times slower', () => {
    expect(shares(type, [3, 1], 40, (number, random) => (number === 0 ? 10 : 1) * (5 + 10 * random))[0]).toBeLessThan(0.35);
  });

  it('a weight of 0 is a very small one, not none, and zeros alone are equals', () => {
    const [none] = shares(type, [0, 1], 1, varying, 20_000);
    expect(none).toBeGreaterThan(0.5);
    expect(none).toBeLessThan(2);
    for (const share of shares(type, [0, 0], 40)) expect(Math.abs(share - 1)).toBeLessThan(0.2);
  });
});

describe('an endpoint of unequal weight', () => {
  it('is not flooded when it is back', () => {
    const world = new SmallCluster({ seed: 3, endpoints: [endpointAt(0, { weight: 1 }), endpointAt(1, { weight: 3 }), endpointAt(2, { weight: 4 })] });
    const next = (tried = noneTried) => {
      const node = world.pick(tried);
      world.attempt(node, 'success');
      return node.endpoint.host;
    };
    for (let time = 0; time < 1_000; time += 1) expect(next(new Set(['10.0.0.0:80']))).not.toBe('10.0.0.0');
    const first = Array.from({ length: 32 }, () => next());
    expect(first.filter((host) => host === '10.0.0.0').length).toBeLessThanOrEqual(6);
  });

  it('has its weight from the newest answer', () => {
    const world = new SmallCluster({ endpoints: [endpointAt(0), endpointAt(1)] });
    world.resolve([endpointAt(0, { weight: 9 }), endpointAt(1)]);
    const hosts = Array.from({ length: 1_000 }, () => {
      const node = world.pick();
      world.attempt(node, 'success');
      return node.endpoint.host;
    });
    expect(hosts.filter((host) => host === '10.0.0.0').length).toBeGreaterThan(870);
    expect(hosts.filter((host) => host === '10.0.0.0').length).toBeLessThan(930);
  });
});
