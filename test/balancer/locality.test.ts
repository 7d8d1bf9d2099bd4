import { describe, expect, it } from 'vitest';
import { defaultServicePolicy, type LocalityKnobs } from '../../src/core/policy.ts';
import type { BalancerType } from '../../src/core/balancer-policy.ts';
import { Zones } from '../../src/core/zones.ts';
import { endpointAt, endpoints, SmallCluster } from './small-cluster.ts';

const own = new Zones(new Map(), 'a', () => []);
const { locality } = defaultServicePolicy;
const zoned = (...zones: readonly (string | undefined)[]) => zones.map((zone, number) => endpointAt(number, zone === undefined ? {} : { zone }));

function world(found: ReturnType<typeof endpoints>, type: BalancerType = 'predictive', knobs: Partial<LocalityKnobs> = {}, zones = own) {
  return new SmallCluster({ endpoints: found, knobs: { zones, outlier: 'off', locality: { ...locality, ...knobs }, balancer: { ...defaultServicePolicy.balancer, type } } });
}

/** Share of the requests that go to each zone, with so many in flight at a time. */
function shares(cluster: SmallCluster, inFlight = 1): ReadonlyMap<string, number> {
  const asked = new Map<string, number>();
  const tickets = [];
  for (let request = 0; request < 3_000; request += 1) {
    const node = cluster.pick();
    tickets.push(node.begin());
    asked.set(node.zone ?? 'unknown', (asked.get(node.zone ?? 'unknown') ?? 0) + 1 / 3_000);
    if (tickets.length < inFlight) continue;
    cluster.clock.stall(1);
    const ticket = tickets.shift()!;
    ticket.settle({ kind: 'success' });
    ticket.release();
  }
  return asked;
}

const costs = (cluster: SmallCluster) => cluster.cluster.snapshot().map(({ cost }) => cost);
const six = zoned('a', 'a', 'b', 'b', 'c', 'c');

describe('locality', () => {
  it.each(['predictive', 'peak-ewma', 'least-request'] as const)('%s stays at home while there is room, and leaves in proportion where there is not', (type) => {
    const idle = world(six, type);
    expect(costs(idle)).toEqual([undefined, undefined, 1.5, 1.5, 1.5, 1.5]);
    expect(shares(idle).get('a')).toBeGreaterThan(0.97);
    // So many at a time that by the numbers of endpoints a third of them would be at home.
    const busy = shares(world(six, type), 120).get('a')!;
    expect(busy).toBeGreaterThan(0.34);
    expect(busy).toBeLessThan(0.85);
  });

  it.each(['round-robin'] as const)('%s compares nothing, and sends everybody his share', (type) => {
    expect(shares(world(six, type)).get('a')).toBeCloseTo(1 / 3, 2);
  });

  it('keeps to the weights of the endpoints at home', () => {
    const found = six.map((endpoint, number) => ({ ...endpoint, weight: number === 0 ? 3 : 1 }));
    const cluster = world(found, 'predictive');
    const asked = new Map<string, number>();
    for (let request = 0; request < 4_000; request += 1) {
      const node = cluster.pick();
      cluster.attempt(node, 'success');
      asked.set(node.endpoint.host, (asked.get(node.endpoint.host) ?? 0) + 1 / 4_000);
    }
    const [heavy, light] = [asked.get('10.0.0.0')!, asked.get('10.0.0.1')!];
    expect(heavy + light).toBeGreaterThan(0.9);
    expect(heavy / light).toBeGreaterThan(2.5);
    expect(heavy / light).toBeLessThan(3.5);
  });

  it.each([
    ['where this process does not know its zone', six, new Zones(new Map(), undefined, () => []), undefined, 'the zone of this process is not known'],
    ['where nobody is in it', zoned('b', 'b', 'c'), own, 'a', 'no usable endpoint is in a'],
    ['where no zones are known', zoned(undefined, undefined), own, 'a', 'no usable endpoint is in a'],
  ])('prefers nobody %s', (_, found, zones, zone, why) => {
    const cluster = world(found, 'predictive', {}, zones);
    expect(costs(cluster).every((cost) => cost === undefined)).toBe(true);
    expect(cluster.cluster.locality()).toMatchObject({ zone, active: false, why });
  });

  it('an endpoint of which no zone is known costs nothing', () => {
    const cluster = world(zoned('a', undefined, 'b'));
    expect(costs(cluster)).toEqual([undefined, undefined, 1.5]);
    expect(cluster.cluster.locality()).toEqual({ zone: 'a', active: true, why: '', local: 1, remote: 1, unknown: 1 });
  });

  it('prefers nobody while all at home are ejected, says so once, and again when one is back', () => {
    const cluster = world(zoned('a', 'b', 'b', 'b', 'b'));
    cluster.knobs = { ...cluster.knobs, outlier: { ...defaultServicePolicy.outlier, ejection: { ...defaultServicePolicy.outlier.ejection, jitter: 0 } } };
    cluster.eject('10.0.0.0');
    expect(costs(cluster).every((cost) => cost === undefined)).toBe(true);
    expect(cluster.events('locality.changed')).toEqual([{ service: 'reviews', zone: 'a', active: false, local: 0, remote: 4, enforced: true }]);
    cluster.clock.stall(2_000);
    const trial = cluster.pick();
    expect(trial.endpoint.host).toBe('10.0.0.0');
    cluster.attempt(trial, 'success');
    expect(costs(cluster)).toEqual([undefined, 1.5, 1.5, 1.5, 1.5]);
    expect(cluster.events('locality.changed').at(-1)).toEqual({ service: 'reviews', zone: 'a', active: true, local: 1, remote: 4, enforced: true });
  });

  it('finds out where endpoints are by their addresses, and again when the policy says something else', () => {
    const cluster = world(endpoints(4), 'predictive', {}, new Zones(new Map([['10.0.0.0/31', 'a'], ['10.0.0.2/31', 'b']]), 'a', () => []));
    expect(cluster.cluster.snapshot().map(({ zone }) => zone)).toEqual(['a', 'a', 'b', 'b']);
    cluster.knobs = { ...cluster.knobs, zones: new Zones(new Map([['10.0.0.0/30', 'b']]), 'b', () => []) };
    cluster.pick();
    expect(cluster.cluster.snapshot().map(({ zone }) => zone)).toEqual(['b', 'b', 'b', 'b']);
    expect(costs(cluster).every((cost) => cost === undefined)).toBe(true);
  });

  it('where it observes or is off, prefers nobody', () => {
    const observed = world(six, 'predictive', { mode: 'observe' });
    expect(shares(observed, 10).get('a')).toBeLessThan(0.7);
    expect(observed.cluster.locality()).toMatchObject({ active: true, local: 2, remote: 4 });
    observed.knobs = { ...observed.knobs, locality: 'off' };
    observed.pick();
    expect(observed.cluster.locality()).toMatchObject({ active: false, why: 'as the policy says' });
  });

  it.each([['rendezvous', {}], ['load-aware', {}], ['deterministic', { ordinal: { index: 3, of: 10 } }]] as const)(
    'a subset chosen by %s has half of its endpoints at home, or all that are there, and as its spares every second', (strategy, more) => {
      for (const near of [1, 4, 30]) {
        const found = endpoints(100).map((endpoint, number) => ({ ...endpoint, zone: number < near ? 'a' : `z${number % 9}` }));
        const subset = { ...defaultServicePolicy.subset, size: 10, strategy, ...more };
        const cluster = new SmallCluster({ endpoints: found, knobs: { zones: own, subset }, position: () => ({ ordinal: { index: 3, of: 10, set: 'shop' }, peers: undefined, why: '' }) });
        const nodes = cluster.cluster.snapshot();
        const here = nodes.filter(({ zone }) => zone === 'a').length;
        expect(here).toBeGreaterThanOrEqual(Math.min(near, Math.ceil(nodes.length / 2)));
        expect(nodes.length - here).toBeGreaterThanOrEqual(Math.floor(nodes.length / 2));
        // One elsewhere that leaves moves one, or two where the place at its end changes hands.
        const leaving = nodes.find(({ zone }) => zone !== 'a')!.endpoint;
        cluster.resolve(found.filter(({ host }) => `${host}:80` !== leaving));
        const after = new Set(cluster.cluster.snapshot().map(({ endpoint }) => endpoint));
        expect(nodes.filter(({ endpoint }) => !after.has(endpoint)).length).toBeLessThanOrEqual(2);
      }
    });

  it('a member at home that is ejected is replaced by one at home', () => {
    const found = endpoints(100).map((endpoint, number) => ({ ...endpoint, zone: number < 30 ? 'a' : 'b' }));
    const cluster = new SmallCluster({ endpoints: found, knobs: { zones: own, subset: { ...defaultServicePolicy.subset, size: 4, strategy: 'rendezvous' } } });
    const before = cluster.cluster.snapshot();
    cluster.eject(before.find(({ zone }) => zone === 'a')!.endpoint.replace(':80', ''));
    const [joined] = cluster.cluster.snapshot().filter(({ endpoint }) => !before.some((one) => one.endpoint === endpoint));
    expect(joined?.zone).toBe('a');
  });
});
