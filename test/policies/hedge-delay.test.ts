import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { HedgeDelays } from '../../src/policies/hedge-delay.ts';

/** So many samples at one instant. */
function delaysOf(latencies: readonly number[], now = 0) {
  const delays = new HedgeDelays();
  for (const latency of latencies) delays.record(latency, now);
  return delays;
}

const several = (latency: number, count: number) => new Array<number>(count).fill(latency);

describe('the delay of hedges', () => {
  it('is what the policy says', () => {
    expect(new HedgeDelays().delay(50, 0)).toBe(50);
  });

  it('is not known of what was hardly ever measured', () => {
    expect(delaysOf(several(10, 19)).delay('auto', 0)).toBeUndefined();
    expect(delaysOf(several(10, 20)).delay('auto', 0)).toBeCloseTo(11, 0);
    expect(delaysOf(several(10, 99)).delay('p99', 0)).toBeUndefined();
    expect(delaysOf(several(10, 100)).delay('p99', 0)).toBeCloseTo(10, 0);
    expect(delaysOf(several(10, 30)).delay('p95', 0)).toBeCloseTo(10, 0);
  });

  it('auto is 1.1 × p99 of a service that is even', () => {
    const random = seededRandom(1);
    const even = Array.from({ length: 10_000 }, () => 10 + 2 * random.next());
    const delay = delaysOf(even).delay('auto', 0)!;
    expect(delay).toBeGreaterThan(12);
    expect(delay).toBeLessThan(1.1 * 12 * 1.05);
  });

  it('auto is not moved away by a burst of slow answers, which a percentile is', () => {
    const burst = [...several(10, 800), ...several(3_000, 200)];
    expect(delaysOf(burst).delay('auto', 0)).toBeLessThan(3 * 10 * 1.05);
    expect(delaysOf(burst).delay('p99', 0)).toBeGreaterThan(2_900);
  });

  it('is worked out again a second later, and at once for another policy', () => {
    const delays = delaysOf(several(10, 100));
    expect(delays.delay('p95', 0)).toBeCloseTo(10, 0);
    for (let sample = 0; sample < 900; sample += 1) delays.record(40, 500);
    expect(delays.delay('p95', 999)).toBeCloseTo(10, 0);
    expect(delays.delay('p90', 999)).toBeGreaterThan(39);
    expect(delays.delay('p95', 1_000)).toBeGreaterThan(39);
  });

  it('is at least a millisecond, of a service that takes none', () => {
    expect(delaysOf(several(0.1, 100)).delay('auto', 0)).toBe(1);
    expect(delaysOf(several(0.1, 100)).delay('p95', 0)).toBe(1);
  });
});
