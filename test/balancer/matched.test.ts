import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { FleetTally, Matched } from '../../src/balancer/matched.ts';

function setUp(count: number) {
  const fleet = new FleetTally();
  const all = Array.from({ length: count }, () => new Matched(fleet));
  return { fleet, all, observe: (number: number, failed: boolean) => all[number]!.observe(failed, fleet) };
}

describe('compared moment by moment', () => {
  it('one that fails while the others do not stands out', () => {
    const { all, observe } = setUp(5);
    for (let round = 0; round < 4; round += 1) for (let number = 0; number < 5; number += 1) observe(number, number === 0);
    expect(all.map((one) => one.standsOut(3))).toEqual([true, false, false, false, false]);
  });

  it('one of two takes more attempts to stand out, and does', () => {
    const { all, observe } = setUp(2);
    const outAfter = Array.from({ length: 20 }, () => (observe(0, true), observe(1, false), all[0]!.standsOut(3))).indexOf(true) + 1;
    expect(outAfter).toBeGreaterThan(4);
    expect(outAfter).toBeLessThan(15);
  });

  it('one of two that is dead stands out under any policy', () => {
    const { all, observe } = setUp(2);
    for (let round = 0; round < 60; round += 1) for (const number of [0, 1]) observe(number, number === 0);
    expect([all[0]!.standsOut(100), all[1]!.standsOut(100)]).toEqual([true, false]);
  });

  it('a burst with no other in between is not compared, and makes nothing forgotten', () => {
    const { all, observe } = setUp(2);
    for (let time = 0; time < 100; time += 1) observe(0, true);
    expect(all[0]!.standsOut(3)).toBe(false);
    for (let time = 0; time < 100; time += 1) observe(1, false);
    observe(0, true);
    for (let time = 0; time < 100; time += 1) observe(0, true);
    expect(all[0]!.standsOut(3)).toBe(true);
  });

  it('one that collects all failures of an outage, because the others are no longer asked, does not', () => {
    const { fleet, all, observe } = setUp(10);
    for (let round = 0; round < 30; round += 1) for (let number = 0; number < 10; number += 1) observe(number, false);
    // Each of the others fails once and is avoided from then on.
    for (let number = 1; number < 10; number += 1) observe(number, true);
    for (let time = 0; time < 40; time += 1) observe(0, true);
    expect(all[0]!.standsOut(3)).toBe(false);
    expect(fleet).toMatchObject({ successes: 300, failures: 49 });
  });

  it('hardly anybody does where all fail by chance alike', () => {
    const random = seededRandom(1);
    const { all, observe } = setUp(10);
    let standing = 0;
    for (let time = 0; time < 20_000; time += 1) {
      observe(time % 10, random.next() < 0.4);
      if (all[time % 10]!.standsOut(3)) standing += 1;
    }
    // Beyond three standard deviations on one side is 0.13 % of a normal distribution.
    expect(standing / 20_000).toBeLessThan(0.005);
  });

  it('forgets when it is cleared', () => {
    const { fleet, all, observe } = setUp(5);
    for (let round = 0; round < 4; round += 1) for (let number = 0; number < 5; number += 1) observe(number, number === 0);
    all[0]!.clear(fleet);
    expect(all[0]!.standsOut(3)).toBe(false);
  });
});
