import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LatencyWindow } from '../../src/core/latency-window.ts';

describe('a window of latencies', () => {
  it('gives percentiles that are at most 4.4 % above the true ones', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.06, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 300 }), fc.double({ min: 0.01, max: 1, noNaN: true }), (latencies, share) => {
        const window = new LatencyWindow();
        for (const latency of latencies) window.record(latency, 0);
        const sorted = [...latencies].sort((a, b) => a - b);
        const exact = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
        const found = window.percentile(share, 0);
        expect(found).toBeGreaterThanOrEqual(exact * (1 - 1e-9));
        expect(found).toBeLessThanOrEqual(exact * 2 ** (1 / 16) * (1 + 1e-9));
      }),
    );
  });

  it('forgets what is more than half a minute ago, and no sooner than after 25 seconds', () => {
    const window = new LatencyWindow();
    for (let second = 0; second < 100; second += 1) {
      window.record(10, second * 1000);
      expect(window.count(second * 1000)).toBeGreaterThanOrEqual(Math.min(second + 1, 25));
      expect(window.count(second * 1000)).toBeLessThanOrEqual(30);
    }
    expect(window.count(1e9)).toBe(0);
    expect(window.percentile(0.99, 1e9)).toBe(0);
    window.record(3, 1e9);
    expect([window.count(1e9), window.percentile(0.5, 1e9)]).toEqual([1, expect.closeTo(3, 0)]);
  });

  it('has a bin for everything', () => {
    const window = new LatencyWindow();
    for (const latency of [0, 1e-9, 1e9, Infinity]) window.record(latency, 0);
    expect(window.count(0)).toBe(4);
    expect(window.percentile(0.5, 0)).toBeLessThan(0.1);
  });
});
