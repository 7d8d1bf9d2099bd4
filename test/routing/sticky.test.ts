import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { circle, pointOf, rearranged, versionAt, type Circle } from '../../src/routing/sticky.ts';

const weights = (...list: number[]) => new Map(list.map((weight, index) => [`v${index + 1}`, weight]));
const points = Array.from({ length: 1000 }, (_, index) => Math.floor((index / 1000) * 2 ** 32));
const sides = (one: Circle) => points.map((point) => versionAt(one, point));
const shareOf = (one: Circle, version: string) => one.filter((stretch) => stretch.version === version).reduce((sum, { from, to }) => sum + to - from, 0) / 2 ** 32;

const someWeights = fc.array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 2, maxLength: 6 }).filter((list) => list.some((weight) => weight > 0));
const someCourse = fc.integer({ min: 2, max: 6 }).chain((count) =>
  fc.array(fc.array(fc.integer({ min: 0, max: 100 }), { minLength: count, maxLength: count }).filter((list) => list.some((weight) => weight > 0)), { minLength: 2, maxLength: 6 }));

describe('the sides of a circle', () => {
  it('are as long as the weights, whatever way they came about', () => {
    fc.assert(
      fc.property(someCourse, (course) => {
        let now = circle(weights(...course[0]!));
        for (const list of course) {
          now = rearranged(now, weights(...list));
          const total = list.reduce((sum, weight) => sum + weight, 0);
          for (const [index, weight] of list.entries()) expect(shareOf(now, `v${index + 1}`)).toBeCloseTo(weight / total, 8);
          // Without gaps.
          expect(now[0]?.from).toBe(0);
          expect(now.at(-1)?.to).toBe(2 ** 32);
          for (const [index, { from }] of now.entries()) if (index > 0) expect(from).toBe(now[index - 1]!.to);
        }
      }),
    );
  });

  it('move only from who shrinks to who grows, and no more than that', () => {
    fc.assert(
      fc.property(someWeights, fc.infiniteStream(fc.integer({ min: 0, max: 1000 })), (first, more) => {
        const second = first.map(() => more.next().value as number);
        if (second.every((weight) => weight === 0)) return;
        const [before, after] = [circle(weights(...first)), rearranged(circle(weights(...first)), weights(...second))];
        for (const point of points) {
          const [was, is] = [versionAt(before, point)!, versionAt(after, point)!];
          if (was === is) continue;
          expect(shareOf(after, was)).toBeLessThan(shareOf(before, was));
          expect(shareOf(after, is)).toBeGreaterThan(shareOf(before, is));
        }
      }),
    );
  });

  it('of two versions lie as cumulative weights have it, whatever steps led there', () => {
    let now = circle(weights(90, 10));
    for (const list of [[70, 30], [50, 50], [0, 100]]) {
      now = rearranged(now, weights(...list));
      expect(sides(now)).toEqual(sides(circle(weights(...list))));
    }
  });

  it('are those of nobody where every weight is 0', () => {
    expect(circle(weights(0, 0))).toEqual([]);
    expect(rearranged(circle(weights(1, 1)), weights(0, 0))).toEqual([]);
    expect(versionAt([], 5)).toBeUndefined();
    expect(sides(rearranged([], weights(1, 3)))).toEqual(sides(circle(weights(1, 3))));
  });
});

describe('a user', () => {
  it('moves at most once over a schedule in which each version only grows or only shrinks', () => {
    const course = fc.tuple(someWeights, someWeights, fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { maxLength: 6 })).map(([from, to, parts]) => {
      const last = from.map((_, index) => to[index] ?? 0);
      if (Math.max(...last) === 0) last[0] = 1;
      // Shares in between lie between: with the sums made equal, so do the weights.
      const [sumFrom, sumTo] = [from, last].map((list) => list.reduce((sum, weight) => sum + weight, 0)) as [number, number];
      return [0, ...parts.sort((a, b) => a - b), 100].map((part) => from.map((weight, index) => (weight * sumTo * (100 - part) + last[index]! * sumFrom * part)));
    });
    let moves = 0;
    fc.assert(
      fc.property(course, (steps) => {
        let now = circle(weights(...steps[0]!));
        const moved = new Uint8Array(points.length);
        for (const step of steps.slice(1)) {
          const before = sides(now);
          now = rearranged(now, weights(...step));
          for (const [index, side] of sides(now).entries()) if (side !== before[index]) moved[index]! += 1;
        }
        expect(Math.max(...moved)).toBeLessThanOrEqual(1);
        for (const count of moved) moves += count;
      }),
      { numRuns: 200 },
    );
    expect(moves).toBeGreaterThan(1000);
  });

  it('stands somewhere else for each service, and users are spread evenly', () => {
    const buckets = new Uint32Array(20);
    for (let user = 0; user < 20_000; user += 1) buckets[Math.floor((pointOf('reviews', `user-${user}`) / 2 ** 32) * 20)]! += 1;
    // Binomial, n = 20,000, p = 1/20: a standard deviation of 31; five of them.
    for (const count of buckets) expect(Math.abs(count - 1000)).toBeLessThan(155);
    const same = Array.from({ length: 1000 }, (_, user) => Number(pointOf('reviews', `user-${user}`) < 2 ** 31 === pointOf('ratings', `user-${user}`) < 2 ** 31));
    expect(Math.abs(same.reduce((sum, each) => sum + each, 0) - 500)).toBeLessThan(80);
    expect(pointOf('reviews', 'jason')).toBe(pointOf('reviews', 'jason'));
  });
});
