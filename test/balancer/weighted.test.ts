import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LoadReport } from '../../src/balancer/load-report.ts';
import { defaultServicePolicy } from '../../src/core/policy.ts';
import { endpointAt, endpoints, SmallCluster } from './small-cluster.ts';

const weighted = { ...defaultServicePolicy.balancer, type: 'weighted' } as const;
const { blackoutPeriod, weightExpirationPeriod, weightUpdatePeriod } = weighted;

function worldOf(count: number, weights: readonly number[] = []): SmallCluster {
  const found = endpoints(count).map((endpoint, number) => endpointAt(number, { ...endpoint, weight: weights[number] ?? 1 }));
  return new SmallCluster({ endpoints: found, knobs: { subset: 'off', slowStart: 'off', outlier: 'off', balancer: weighted } });
}

const hostOf = (number: number) => `10.0.0.${number}`;

/** What one says of itself from now on; `busy` of it at `rate` requests a second. */
function say(world: SmallCluster, number: number, busy: number, rate: number, more: Partial<LoadReport> = {}): void {
  world.node(hostOf(number)).report = { at: world.clock.now(), utilisation: busy, requestRate: rate, failureRate: undefined, inFlight: undefined, connections: undefined, ...more };
}

/** Of so many picks from now on. */
function shares(world: SmallCluster, count = 2_000): number[] {
  const had = world.cluster.endpoints.map(() => 0);
  for (let time = 0; time < count; time += 1) had[Number(world.pick().endpoint.host.split('.').at(-1))]! += 1;
  return had.map((each) => each / count);
}

/** All say it for as long as it takes to be believed. */
function believed(world: SmallCluster, tell: () => void): void {
  for (let passed = 0; passed <= blackoutPeriod; passed += weightUpdatePeriod) {
    tell();
    world.pick();
    world.clock.stall(weightUpdatePeriod);
  }
  tell();
}

const near = (found: readonly number[], wanted: readonly number[]) => {
  for (const [place, share] of wanted.entries()) expect(found[place]).toBeCloseTo(share, 2);
};

describe('the balancer weighted', () => {
  it('gives each as much as it could do: its rate over its utilisation', () => {
    const world = worldOf(3);
    // 200, 400 and 400 a second when busy altogether.
    believed(world, () => [[0.5, 100], [0.25, 100], [0.75, 300]].forEach(([busy, rate], number) => say(world, number, busy!, rate!)));
    near(shares(world), [0.2, 0.4, 0.4]);
  });

  it('counts failures as utilisation, as the penalty says', () => {
    const world = worldOf(2);
    const tell = () => {
      say(world, 0, 0.5, 100, { failureRate: 50 });
      say(world, 1, 0.5, 100);
    };
    believed(world, tell);
    // 0.5 + 50/100 · 1 beside 0.5.
    near(shares(world), [1 / 3, 2 / 3]);
    world.knobs = { ...world.knobs, balancer: { ...weighted, errorUtilizationPenalty: 0 } };
    world.pick();
    near(shares(world), [0.5, 0.5]);
  });

  it('believes nobody who has not been reporting for the blackout period', () => {
    const world = worldOf(2);
    const tell = () => {
      say(world, 0, 0.9, 100);
      say(world, 1, 0.1, 100);
    };
    for (let passed = 0; passed < blackoutPeriod; passed += weightUpdatePeriod) {
      tell();
      near(shares(world, 200), [0.5, 0.5]);
      world.clock.stall(weightUpdatePeriod);
    }
    tell();
    world.clock.stall(weightUpdatePeriod);
    near(shares(world), [0.1, 0.9]);
  });

  it('gives who reports nothing the mean of those who do, and with less than two of those keeps the given weights', () => {
    const world = worldOf(3, [1, 2, 1]);
    believed(world, () => say(world, 0, 0.5, 300));
    near(shares(world), [0.25, 0.5, 0.25]);
    // 600 and 200, and the mean of them for the third.
    believed(world, () => {
      say(world, 0, 0.5, 300);
      say(world, 2, 0.5, 100);
    });
    const mean = (400 * 2) / (4 / 3);
    near(shares(world), [600 / (800 + mean), mean / (800 + mean), 200 / (800 + mean)]);
  });

  it('forgets a report that is older than the expiration period, and begins anew with the next', () => {
    const world = worldOf(3);
    const tell = (number: number) => say(world, number, number === 0 ? 0.25 : 0.5, 100);
    believed(world, () => [0, 1, 2].forEach(tell));
    near(shares(world), [0.5, 0.25, 0.25]);
    for (let passed = 0; passed < weightExpirationPeriod; passed += 1_000) {
      world.clock.stall(1_000);
      [1, 2].forEach(tell);
      world.pick();
    }
    near(shares(world), [1 / 3, 1 / 3, 1 / 3]);
    [0, 1, 2].forEach(tell);
    world.clock.stall(weightUpdatePeriod);
    near(shares(world), [1 / 3, 1 / 3, 1 / 3]);
    believed(world, () => [0, 1, 2].forEach(tell));
    near(shares(world), [0.5, 0.25, 0.25]);
  });

  it('leaves who looks a thousand times worse a tenth of the mean, and gives who looks a thousand times better ten times that', () => {
    const world = worldOf(3);
    believed(world, () => [[0.9, 0.1], [0.5, 100], [0.5, 100]].forEach(([busy, rate], number) => say(world, number, busy!, rate!)));
    expect(shares(world)[0]).toBeCloseTo(0.1 / 3, 1);
    expect(shares(world)[0]).toBeGreaterThan(0.02);
    const many = worldOf(40);
    believed(many, () => Array.from({ length: 40 }, (_, number) => say(many, number, 0.5, number === 0 ? 1e7 : 100)));
    // Forty means are the whole of the weight; the cap is ten of them, the floor of each of the others a tenth.
    expect(shares(many)[0]).toBeCloseTo(10 / (10 + 39 * 0.1), 1);
  });

  it('looks at the reports once per update period, and no more often', () => {
    const world = worldOf(2);
    believed(world, () => [0, 1].forEach((number) => say(world, number, 0.5, 100)));
    world.clock.stall(weightUpdatePeriod);
    world.pick();
    say(world, 0, 0.1, 100);
    near(shares(world), [0.5, 0.5]);
    world.clock.stall(weightUpdatePeriod);
    near(shares(world), [5 / 6, 1 / 6]);
  });

  it('goes on picking, whatever is reported', () => {
    const number = fc.oneof(fc.constant(undefined), fc.double({ min: 0, max: 1e7, noNaN: true }), fc.constantFrom(0, Number.MIN_VALUE, 1e-300, 1e7));
    fc.assert(
      fc.property(fc.array(fc.record({ utilisation: number, requestRate: number, failureRate: number }), { minLength: 2, maxLength: 6 }), (reports) => {
        const world = worldOf(reports.length);
        believed(world, () => reports.forEach((report, place) => say(world, place, 1, 1, report)));
        for (const share of shares(world, 400)) expect(share).toBeGreaterThan(0);
      }),
      { numRuns: 50 },
    );
  });

  it('shows how often a turn comes', () => {
    const world = worldOf(2);
    believed(world, () => [[0.5, 300], [0.5, 100]].forEach(([busy, rate], number) => say(world, number, busy!, rate!)));
    world.clock.stall(weightUpdatePeriod);
    world.pick();
    expect([world.state(hostOf(0)).load, world.state(hostOf(1)).load]).toEqual([expect.closeTo(2 / 3), expect.closeTo(2)]);
  });
});
