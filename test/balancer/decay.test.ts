import { expect, it } from 'vitest';
import { decay, decayAll } from '../../src/balancer/decay.ts';

it('is e to the power of −x, never rises, and ends', () => {
  let before = decay(0);
  expect(before).toBe(1);
  for (let x = 0; x < 15.9; x += 0.0137) {
    const value = decay(x);
    expect(Math.abs(value / Math.exp(-x) - 1)).toBeLessThan(3.1e-5);
    expect(value).toBeLessThanOrEqual(before);
    before = value;
  }
  for (const x of [16, 17, 1e9, Infinity, NaN]) expect(decay(x)).toBe(0);
});

it('does the same for many, and leaves the others alone', () => {
  const some = [...Array.from({ length: 1_300 }, (_, step) => step * 0.0137), 16, 1e9, Infinity];
  const xs = Float64Array.of(...some, 0.3);
  decayAll(xs, some.length);
  expect([...xs]).toEqual([...some.map(decay), 0.3]);
});
