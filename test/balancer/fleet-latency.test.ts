import { describe, expect, it } from 'vitest';
import { FleetLatency } from '../../src/balancer/fleet-latency.ts';

describe("the fleet's latency", () => {
  it('is unknown until something answered', () => {
    expect(new FleetLatency().mean).toBeUndefined();
  });

  it('is the plain mean at first', () => {
    const fleet = new FleetLatency();
    for (const latency of [10, 20, 60]) fleet.observe(latency);
    expect(fleet.mean).toBeCloseTo(30, 9);
  });

  it('follows a change within a few hundred answers, and is not thrown by one', () => {
    const fleet = new FleetLatency();
    for (let count = 0; count < 1_000; count += 1) fleet.observe(10);
    fleet.observe(1_000);
    expect(fleet.mean).toBeLessThan(20);
    for (let count = 0; count < 500; count += 1) fleet.observe(100);
    expect(fleet.mean).toBeGreaterThan(99);
  });
});
