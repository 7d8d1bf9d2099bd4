import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PeakEwmaKnobs } from '../../src/core/balancer-policy.ts';
import { defaultServicePolicy } from '../../src/core/policy.ts';
import { Fleet } from '../../src/balancer/fleet.ts';
import { Flight, InFlight } from '../../src/balancer/in-flight.ts';
import { Figures } from '../../src/balancer/figures.ts';
import { PeakEwma } from '../../src/balancer/peak-ewma.ts';
import { Shares } from '../../src/balancer/shares.ts';
import { judged } from './judged.ts';

function setUp(mean?: number) {
  const fleet = new Fleet();
  if (mean !== undefined) fleet.latency.observe(mean);
  const figures = new Figures();
  const row = figures.take();
  const inFlight = new InFlight(figures);
  const world = { fleet, row, inFlight, knobs: defaultServicePolicy.balancer as PeakEwmaKnobs };
  return { ...world, world, load: judged(new PeakEwma(() => world.knobs, { figures, fleet, shares: new Shares(figures) }), figures, row) };
}

const decay = defaultServicePolicy.balancer.decay;
const penalty = defaultServicePolicy.balancer.failurePenalty;

describe('peak EWMA', () => {
  it('believes one slow answer at once and forgives it slowly', () => {
    const { load } = setUp(10);
    load.observe({ kind: 'success' }, 10, 0);
    load.observe({ kind: 'success' }, 400, 1);
    expect(load.latency(1)).toBe(400);
    load.observe({ kind: 'success' }, 10, 1_000);
    expect(load.latency(1_000)).toBeGreaterThan(350);
    load.observe({ kind: 'success' }, 10, 60_000);
    expect(load.latency(60_000)).toBeLessThan(12);
  });

  it('weighs a faster sample by the time since the last one', () => {
    const { load } = setUp(10);
    load.observe({ kind: 'success' }, 400, 0);
    load.observe({ kind: 'success' }, 100, decay);
    expect(load.latency(decay)).toBeCloseTo(400 * Math.exp(-1) + 100 * (1 - Math.exp(-1)), 9);
  });

  it('drifts to the mean of the fleet, from above and from below, never to zero', () => {
    for (const own of [1, 2_000]) {
      const { load } = setUp(50);
      load.observe({ kind: 'success' }, own, 0);
      expect(load.latency(decay)).toBeCloseTo(50 + (own - 50) * Math.exp(-1), 9);
      expect(load.latency(100 * decay)).toBeCloseTo(50, 6);
    }
  });

  it('presumes an unknown endpoint to be like the others', () => {
    const { load, fleet } = setUp(7);
    expect([load.latency(5), load.measured()]).toEqual([7, false]);
    for (let count = 0; count < 1_000; count += 1) fleet.latency.observe(21);
    expect(load.latency(5)).toBeCloseTo(21, 1);
  });

  it('presumes the initial latency only while nothing of the service was ever measured', () => {
    const { load, fleet } = setUp();
    expect(load.latency(0)).toBe(defaultServicePolicy.balancer.initialLatency);
    fleet.latency.observe(3);
    expect(load.latency(0)).toBe(3);
  });

  it('an endpoint that refuses quickly looks slow, not fast', () => {
    const { load } = setUp(10);
    load.observe({ kind: 'failure' }, 1, 0);
    expect(load.latency(0)).toBe(penalty);
  });

  it('a failure that took longer than the penalty counts as long as it took', () => {
    const { load } = setUp(10);
    load.observe({ kind: 'failure' }, 10_000, 0);
    expect(load.latency(0)).toBe(10_000);
  });

  it('an overloaded endpoint is left alone for as long as it asks, but for no more than five minutes and no less than the penalty', () => {
    for (const [retryAfter, latency] of [[undefined, penalty], [1_000, penalty], [20_000, 20_000], [86_400_000, 300_000]] as const) {
      const { load } = setUp(10);
      load.observe({ kind: 'overload', retryAfter }, 1, 0);
      expect(load.latency(0)).toBe(latency);
    }
  });

  it('an attempt that a hedge outran makes it look as slow as it was waited for, and never faster', () => {
    const { load } = setUp(10);
    load.observe({ kind: 'success' }, 20, 0);
    load.observe({ kind: 'cancelled', outrun: true }, 15, 0);
    expect(load.latency(0)).toBe(20);
    load.observe({ kind: 'cancelled', outrun: true }, 200, 0);
    expect(load.latency(0)).toBe(200);
  });

  it('our own limits and callers who left say nothing', () => {
    for (const kind of ['local', 'cancelled'] as const) {
      const { load } = setUp(10);
      load.observe({ kind: 'success' }, 20, 0);
      load.observe({ kind }, 9_000, 0);
      expect(load.latency(0)).toBe(20);
    }
  });

  it('counts attempts in flight', () => {
    const { load, row, inFlight } = setUp(10);
    expect(load.load(0)).toBe(10);
    inFlight.begin(new Flight(0), row);
    inFlight.begin(new Flight(0), row);
    expect(load.load(0)).toBe(30);
  });

  it('a hung endpoint looks slow before its first timeout', () => {
    const { load, row, inFlight } = setUp(10);
    const hung = new Flight(0);
    inFlight.begin(hung, row);
    expect(load.load(2_000)).toBe(2 * 2_000);
    inFlight.answered(hung, row);
    inFlight.end(row);
    expect(load.load(2_000)).toBe(10);
  });

  it('asking for the load does not change it', () => {
    const samples = fc.array(fc.record({ latency: fc.integer({ min: 0, max: 20_000 }), after: fc.integer({ min: 0, max: 20_000 }) }), { maxLength: 20 });
    fc.assert(
      fc.property(samples, fc.array(fc.nat(50_000), { maxLength: 20 }), (history, glances) => {
        const [asked, left] = [setUp(10), setUp(10)];
        let now = 0;
        for (const { latency, after } of history) {
          for (const glance of glances) asked.load.load(now + glance);
          now += after;
          for (const one of [asked, left]) one.load.observe({ kind: 'success' }, latency, now);
        }
        expect(asked.load.load(now + 777)).toBe(left.load.load(now + 777));
      }),
    );
  });

  it('a reload is felt at once and forgets nothing', () => {
    const { load, world } = setUp(10);
    load.observe({ kind: 'success' }, 1_000, 0);
    world.knobs = { ...world.knobs, decay: 1_000_000 };
    expect(load.latency(decay)).toBeGreaterThan(980);
  });

  it('after it is forgotten it is as unknown as a new one', () => {
    const { load } = setUp(10);
    load.observe({ kind: 'failure' }, 1, 0);
    load.forget();
    expect(load.latency(0)).toBe(10);
    load.observe({ kind: 'success' }, 4, 1);
    expect(load.latency(1)).toBe(4);
  });
});
