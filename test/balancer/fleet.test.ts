import { describe, expect, it } from 'vitest';
import { Fleet, FleetMean } from '../../src/balancer/fleet.ts';

describe("the fleet's mean", () => {
  it('is unknown until something answered', () => {
    expect(new FleetMean().mean).toBeUndefined();
  });

  it('is the plain mean at first', () => {
    const fleet = new FleetMean();
    for (const latency of [10, 20, 60]) fleet.observe(latency);
    expect(fleet.mean).toBeCloseTo(30, 9);
  });

  it('follows a change within a few hundred answers, and is not thrown by one', () => {
    const fleet = new FleetMean();
    for (let count = 0; count < 1_000; count += 1) fleet.observe(10);
    fleet.observe(1_000);
    expect(fleet.mean).toBeLessThan(20);
    for (let count = 0; count < 500; count += 1) fleet.observe(100);
    expect(fleet.mean).toBeGreaterThan(99);
  });
});

describe('the fleet', () => {
  it('takes a latency as it is where there is one route', () => {
    const fleet = new Fleet();
    for (const latency of [10, 400, 3]) expect(fleet.answered(latency, 0, 'list')).toBe(latency);
  });

  it('says of an answer what an ordinary request would have taken, so that whoever got the slow route does not look slow', () => {
    const fleet = new Fleet();
    for (let time = 0; time < 200; time += 1) {
      fleet.answered(5, 0, 'item');
      fleet.answered(500, 0, 'report');
    }
    const usual = fleet.latency.mean!;
    expect(fleet.answered(5, 0, 'item') / usual).toBeCloseTo(1, 1);
    expect(fleet.answered(500, 0, 'report') / usual).toBeCloseTo(1, 1);
    expect(fleet.answered(1_500, 0, 'report') / usual).toBeCloseTo(3, 0);
  });

  it('tells a bounded number of routes apart, and the first of a new one says nothing of its endpoint', () => {
    const fleet = new Fleet();
    for (let time = 0; time < 100; time += 1) fleet.answered(10, 0, undefined);
    expect(fleet.answered(900, 0, 'new')).toBeCloseTo(fleet.latency.mean!, 9);
    for (let route = 0; route < 10_000; route += 1) expect(Number.isFinite(fleet.answered(10, 0, `route ${route}`))).toBe(true);
  });
});
