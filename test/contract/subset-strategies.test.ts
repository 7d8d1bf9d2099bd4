/** What every way of choosing a subset owes, whatever it is good at beyond that. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpointKey } from '../../src/core/endpoint.ts';
import { STEP_BACK_AFTER } from '../../src/balancer/standby.ts';
import { endpointAt as anyEndpoint } from '../balancer/small-cluster.ts';
import { contenders, joined, SubsetClient } from './subset-client.ts';

const SIZE = 20;
/** Each a client of its own, with its own order. */
const clients = Array.from({ length: 100 }, (_, number) => number);

describe.each(contenders)('the subset strategy $name', (contender) => {
  const client = (number: number, size = SIZE) => new SubsetClient(contender, number, size);
  const endpoints = (count: number, from = 0, priority = 0) => Array.from({ length: count }, (_, number) => anyEndpoint(from + number, { priority, ...(contender.numbered ? { ordinal: number } : {}) }));

  it('gives as many endpoints as were asked for', () => {
    const sizes = clients.map((number) => client(number).resolve(endpoints(100)).size);
    const [fewest, most] = contender.members;
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(fewest);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(most);
    expect(Math.abs(sizes.reduce((sum, size) => sum + size, 0) / sizes.length - SIZE)).toBeLessThan(1);
  });

  it('gives all where there are no more than were asked for', () => {
    for (const count of [1, 2, SIZE - 1, SIZE]) expect(client(3).resolve(endpoints(count)).size).toBe(count);
    expect(client(3).resolve([]).size).toBe(0);
  });

  it('gives the same to the same client, whatever the order of the answer and whatever it has seen before', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(300), { minLength: 1, maxLength: 60 }), fc.nat(99), fc.integer({ min: 1, max: 25 }), (numbers, number, size) => {
        const found = numbers.map((each) => anyEndpoint(each, contender.numbered ? { ordinal: each } : {}));
        const chosen = client(number, size).resolve(found);
        expect(client(number, size).resolve([...found].reverse())).toEqual(chosen);
        const again = client(number, size);
        again.resolve(found);
        expect(again.resolve([...found].reverse())).toEqual(chosen);
      }),
      { numRuns: 50 },
    );
  });

  it('gives different clients different ones, and covers all endpoints about evenly', () => {
    const counts = new Map<string, number>();
    for (let number = 0; number < 400; number += 1) {
      for (const key of client(number).resolve(endpoints(100))) counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    const mean = [...counts.values()].reduce((sum, count) => sum + count, 0) / 100;
    expect(counts.size).toBe(100);
    expect(Math.max(...counts.values()) / mean).toBeLessThan(contender.unevenness);
  });

  it('moves little when an endpoint comes or goes: no client more than one, all together no more than its share', () => {
    let came = 0;
    let replaced = 0;
    for (const number of clients) {
      const one = client(number);
      const before = one.resolve(endpoints(100));
      const more = one.resolve(endpoints(101));
      expect(joined(before, more).length).toBeLessThanOrEqual(1);
      came += joined(before, more).length;
      const after = one.resolve(endpoints(101).filter((_, at) => at !== 17));
      expect(joined(more, after).length).toBeLessThanOrEqual(1);
      replaced += joined(more, after).length;
    }
    // 20 of 101 each: 19.8 of the 2,000 connections are the new endpoint's, and as many the lost one's; by chance up to 16 more.
    expect(came).toBeGreaterThan(0);
    expect(came).toBeLessThan(36);
    expect(replaced).toBeLessThan(36);
  });

  it('whose member cannot be used gets the one that would follow if it were gone, and no other', () => {
    const found = endpoints(100);
    for (const number of clients.slice(0, 20)) {
      const one = client(number);
      const members = one.resolve(found);
      const [first, second] = [...members].slice(number % 10);
      for (const [index, key] of [first!, second!].entries()) {
        const before = one.chosen;
        one.outOfUse.add(key);
        expect([...before].every((each) => one.review().has(each))).toBe(true);
        expect(joined(before, one.chosen)).toHaveLength(1);
        expect(one.chosen.size).toBe(members.size + index + 1);
      }
    }
  });

  it('grows by no more than is out of use, and never beyond twice its size', () => {
    fc.assert(
      fc.property(fc.nat(99), fc.array(fc.nat(99), { maxLength: 100 }), (number, out) => {
        const one = client(number);
        const members = one.resolve(endpoints(100)).size;
        for (const each of out) {
          one.outOfUse.add(endpointKey(anyEndpoint(each)));
          one.review();
          const unusable = [...one.chosen].filter((key) => one.outOfUse.has(key)).length;
          expect(one.chosen.size).toBeLessThanOrEqual(members + unusable);
          expect(one.chosen.size).toBeLessThanOrEqual(2 * members);
          if (one.chosen.size < 2 * members) expect(one.chosen.size - unusable).toBeGreaterThanOrEqual(members);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('lets the stand-in step back when the member has been back for a while, and not before', () => {
    const one = client(5);
    const members = one.resolve(endpoints(100));
    const [key] = members;
    one.outOfUse.add(key!);
    const replaced = one.review();
    one.now = 10_000;
    one.outOfUse.delete(key!);
    one.review();
    one.now = 10_000 + STEP_BACK_AFTER - 1;
    expect(one.review()).toEqual(replaced);
    expect(one.dueAt).toBe(10_000 + STEP_BACK_AFTER);
    one.now = one.dueAt;
    expect(one.review()).toEqual(members);
    expect(one.dueAt).toBeGreaterThan(one.now);
  });

  it('a member that comes and goes moves nothing', () => {
    const one = client(5);
    const [key] = one.resolve(endpoints(100));
    one.outOfUse.add(key!);
    const replaced = one.review();
    for (let time = 0; time < 100; time += 1) {
      one.now += STEP_BACK_AFTER / 2;
      if (time % 2 === 0) one.outOfUse.delete(key!);
      else one.outOfUse.add(key!);
      expect(one.review()).toEqual(replaced);
    }
  });

  it('keeps some of every priority', () => {
    const found = [...endpoints(100), ...endpoints(50, 300, 1)];
    const backups = new Set(found.filter(({ priority }) => priority === 1).map(endpointKey));
    for (const number of clients.slice(0, 10)) {
      const chosen = client(number).resolve(found);
      const [fewest, most] = contender.members;
      const count = [...chosen].filter((key) => backups.has(key)).length;
      for (const members of [count, chosen.size - count]) {
        expect(members).toBeGreaterThanOrEqual(fewest);
        expect(members).toBeLessThanOrEqual(most);
      }
    }
  });

  it('replaces a member of one priority by one of the same', () => {
    const one = client(1);
    const found = [...endpoints(100), ...endpoints(50, 300, 1)];
    const backups = new Set(found.filter(({ priority }) => priority === 1).map(endpointKey));
    const before = one.resolve(found);
    one.outOfUse.add([...before].find((key) => backups.has(key))!);
    expect(joined(before, one.review()).every((key) => backups.has(key))).toBe(true);
  });

  it('moves only what a new size takes', () => {
    const found = endpoints(100);
    const [small, large] = [client(9, 15).resolve(found), client(9, 25).resolve(found)];
    expect(joined(large, small)).toEqual([]);
  });

  it('copes with 10,000 endpoints', () => {
    const found = endpoints(10_000);
    const one = client(2);
    const before = one.resolve(found);
    expect(before.size).toBeGreaterThanOrEqual(contender.members[0]);
    expect(before.size).toBeLessThanOrEqual(contender.members[1]);
    expect(joined(before, one.resolve(found.slice(100))).length).toBeLessThanOrEqual(5);
  });
});
