import { describe, expect, it } from 'vitest';
import { endpointKey } from '../../src/core/endpoint.ts';
import type { Endpoint, Resolution } from '../../src/core/endpoint.ts';
import { defaultServicePolicy } from '../../src/core/policy.ts';
import type { DiscoveryKnobs } from '../../src/core/policy.ts';
import { seededRandom } from '../../src/core/random.ts';
import { Poller } from '../../src/discovery/poller.ts';
import type { SourceAnswer } from '../../src/discovery/source.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const SECOND = 1000;

function endpoints(...ports: number[]): Endpoint[] {
  return ports.map((port) => ({ host: '10.0.0.1', port, weight: 1, priority: 0 }));
}

function answer(ports: readonly number[], more: Partial<SourceAnswer> = {}): SourceAnswer {
  return { endpoints: endpoints(...ports), complete: true, ttl: 30, ...more };
}

const nothing = answer([], { ttl: 5 });

/** A poller over a source that answers what `say` says now. */
function polled(first: SourceAnswer | Error, { knobs = {}, random = seededRandom(1) } = {}) {
  const clock = new VirtualClock();
  const lookups: number[] = [];
  const resolved: Resolution[] = [];
  const failed: Error[] = [];
  let present: SourceAnswer | Error = first;
  let delay = 0;
  let news = (): void => undefined;
  let closed = 0;
  const policy: DiscoveryKnobs = { ...defaultServicePolicy.discovery, ...knobs };
  const source = {
    description: 'test',
    subscribe: (changed: () => void) => void (news = changed),
    close: () => void (closed += 1),
    resolve: (): Promise<SourceAnswer> => {
      lookups.push(clock.now());
      const says = present;
      return new Promise((resolve, reject) => {
        const settle = (): void => (says instanceof Error ? reject(says) : resolve(says));
        if (delay === 0) settle();
        else clock.after(delay, settle);
      });
    },
  };
  const watch = new Poller(source, { resolved: (resolution) => void resolved.push(resolution), failed: (error) => void failed.push(error) }, { clock, random, knobs: () => policy });
  return {
    clock, lookups, resolved, failed, watch,
    say(next: SourceAnswer | Error): void { present = next; },
    news: () => news(),
    closed: () => closed,
    takes(duration: number): void { delay = duration; },
    ports: () => resolved.at(-1)?.endpoints.map((endpoint) => endpoint.port),
    gaps: () => lookups.slice(1).map((at, index) => at - lookups[index]!),
  };
}

describe('when to look up', () => {
  it('looks up at once, and tells the listener later, never in between', async () => {
    const { lookups, resolved, clock, ports } = polled(answer([1]));
    expect(lookups).toEqual([0]);
    expect(resolved).toEqual([]);
    await clock.advance(0);
    expect(ports()).toEqual([1]);
  });

  it('comes back within the refresh interval, earlier by up to 15 %, even where the TTL is longer', async () => {
    const { clock, gaps } = polled(answer([1], { ttl: 3600 }));
    await clock.advance(200 * SECOND);
    expect(Math.max(...gaps())).toBeLessThanOrEqual(5000);
    expect(Math.min(...gaps())).toBeGreaterThanOrEqual(4250);
    expect(new Set(gaps()).size).toBeGreaterThan(30);
  });

  it('comes back within a shorter TTL, but never sooner than one second less the jitter', async () => {
    const short = polled(answer([1], { ttl: 2 }));
    await short.clock.advance(20 * SECOND);
    expect(Math.max(...short.gaps())).toBeLessThanOrEqual(2000);
    const fraction = polled(answer([1], { ttl: 0.1 }));
    await fraction.clock.advance(20 * SECOND);
    expect(Math.min(...fraction.gaps())).toBeGreaterThanOrEqual(850);
  });

  it('comes back once after a second where the TTL is 0, then as usual', async () => {
    const { clock, lookups, gaps, say } = polled(answer([1], { ttl: 0 }));
    await clock.advance(2 * SECOND);
    expect(lookups).toEqual([0, 1000]);
    await clock.advance(60 * SECOND);
    expect(Math.min(...gaps().slice(1))).toBeGreaterThanOrEqual(4250);
    say(answer([1], { ttl: 30 }));
    await clock.advance(6 * SECOND);
    say(answer([1], { ttl: 0 }));
    await clock.advance(10 * SECOND);
    expect(gaps().filter((gap) => gap === 1000)).toHaveLength(2);
  });

  it('comes back later where the answer is large, yet within its TTL', async () => {
    const large = polled(answer([1], { ttl: 30, bytes: 65_000 }));
    await large.clock.advance(100 * SECOND);
    expect(Math.min(...large.gaps())).toBeGreaterThan(13_000);
    expect(Math.max(...large.gaps())).toBeLessThan(16_000);
    const short = polled(answer([1], { ttl: 5, bytes: 65_000 }));
    await short.clock.advance(100 * SECOND);
    expect(Math.max(...short.gaps())).toBeLessThanOrEqual(5000);
  });

  it('waits no longer than 30 s, however long TTL and refresh interval are', async () => {
    const { clock, gaps } = polled(answer([1], { ttl: 2 ** 32 - 1 }), { knobs: { refresh: 3_600_000 } });
    await clock.advance(100 * SECOND);
    expect(Math.max(...gaps())).toBeLessThanOrEqual(30 * SECOND);
    expect(Math.min(...gaps())).toBeGreaterThan(25 * SECOND);
  });

  it('does not come back for an answer that holds for ever, asked or not', async () => {
    const { clock, lookups, watch } = polled(answer([1], { ttl: Infinity }));
    await clock.advance(60 * SECOND);
    watch.refresh('asked');
    await clock.advance(60 * SECOND);
    expect(lookups).toHaveLength(1);
    expect(clock.timers).toBe(0);
  });

  it('waits longer after each failure in a row, up to 30 s, each time by chance less', async () => {
    const always = polled(new Error('down'), { random: { next: () => 0.999_999 } });
    await always.clock.advance(200 * SECOND);
    expect(always.gaps().map((gap) => Math.round(gap / 100) / 10).slice(0, 10)).toEqual([1, 1.6, 2.6, 4.1, 6.6, 10.5, 16.8, 26.8, 30, 30]);
    const never = polled(new Error('down'), { random: { next: () => 0 } });
    await never.clock.advance(2 * SECOND);
    expect(Math.min(...never.gaps())).toBe(100);
  });

  it('starts over after a success', async () => {
    const { clock, say, gaps, lookups } = polled(new Error('down'), { random: { next: () => 0.999_999 } });
    await clock.advance(20 * SECOND);
    say(answer([1]));
    await clock.advance(30 * SECOND);
    say(new Error('down'));
    const before = lookups.length;
    await clock.advance(10 * SECOND);
    expect(Math.round(gaps().at(before)!)).toBe(1000);
  });

  it('arms nothing after it was closed, whatever is still under way', async () => {
    const { clock, watch, resolved, takes, lookups, say } = polled(answer([1]));
    await clock.advance(0);
    takes(2 * SECOND);
    say(answer([1, 2]));
    await clock.advance(6 * SECOND);
    expect(lookups).toHaveLength(2);
    watch.close();
    const told = resolved.length;
    await clock.advance(60 * SECOND);
    expect(resolved).toHaveLength(told);
    expect(clock.timers).toBe(0);
  });
});

describe('asking for a fresh answer', () => {
  it('is heard at once, but not more often than every second', async () => {
    const { clock, lookups, watch, say } = polled(answer([1]));
    await clock.advance(3 * SECOND);
    say(answer([12]));
    watch.refresh('connect-error');
    await clock.advance(0);
    expect(lookups).toEqual([0, 3000]);
    for (let port = 2; port < 12; port += 1) {
      say(answer([1, port]));
      watch.refresh('connect-error');
      await clock.advance(100);
    }
    expect(lookups).toEqual([0, 3000, 4000]);
  });

  it('costs ever less while it changes nothing: one look-up every 5 s in the end', async () => {
    const { clock, lookups, watch } = polled(answer([1]), { knobs: { refresh: 30_000 } });
    for (let now = 0; now < 60 * SECOND; now += 50) {
      watch.refresh('connect-error');
      await clock.advance(50);
    }
    expect(lookups.slice(0, 6)).toEqual([0, 1000, 3000, 7000, 12_000, 17_000]);
    expect(lookups.filter((at) => at >= 10 * SECOND).length).toBeLessThanOrEqual(10);
  });

  it('is prompt again once the answer has changed, or nobody has asked for a while', async () => {
    const { clock, lookups, watch, say } = polled(answer([1]), { knobs: { refresh: 30_000 } });
    for (let now = 0; now < 20 * SECOND; now += 50) {
      watch.refresh('connect-error');
      await clock.advance(50);
    }
    say(answer([2]));
    await clock.advance(6 * SECOND);
    const changed = lookups.length;
    await clock.advance(1 * SECOND);
    watch.refresh('connect-error');
    await clock.advance(0);
    expect(lookups.length).toBe(changed + 1);

    for (let now = 0; now < 20 * SECOND; now += 50) {
      watch.refresh('connect-error');
      await clock.advance(50);
    }
    await clock.advance(31 * SECOND);
    const before = lookups.length;
    while (lookups.length === before) await clock.advance(50);
    await clock.advance(1 * SECOND);
    watch.refresh('connect-error');
    await clock.advance(0);
    expect(lookups).toHaveLength(before + 2);
  });

  it('while a look-up is under way brings one more, not several', async () => {
    const { clock, lookups, watch, takes } = polled(answer([1]), { knobs: { refresh: 30_000 } });
    takes(500);
    await clock.advance(100);
    for (let count = 0; count < 5; count += 1) watch.refresh('ejection');
    await clock.advance(500);
    watch.refresh('ejection');
    await clock.advance(5 * SECOND);
    expect(lookups).toEqual([0, 1000]);
  });
});

describe('news from the source itself', () => {
  it('are looked at within a moment, bursts of them once', async () => {
    const { clock, lookups, news, say, ports } = polled(answer([1]));
    await clock.advance(2 * SECOND);
    say(answer([1, 2]));
    for (let count = 0; count < 10; count += 1) news();
    await clock.advance(0);
    expect([lookups, ports()]).toEqual([[0, 2000], [1, 2]]);
    for (let count = 0; count < 10; count += 1) {
      news();
      await clock.advance(5);
    }
    await clock.advance(1 * SECOND);
    expect(lookups).toEqual([0, 2000, 2050]);
  });

  it('that come while a look-up is under way are looked at after it', async () => {
    const { clock, lookups, news, takes, watch, closed } = polled(answer([1]));
    takes(500);
    await clock.advance(2 * SECOND);
    watch.refresh('asked');
    await clock.advance(100);
    news();
    await clock.advance(1 * SECOND);
    expect(lookups).toEqual([0, 2000, 2500]);
    watch.close();
    news();
    await clock.advance(10 * SECOND);
    expect(lookups).toHaveLength(3);
    expect(closed()).toBe(1);
  });
});

describe('what is believed', () => {
  it('a failure changes nothing', async () => {
    const { clock, say, ports, failed, watch, resolved } = polled(answer([1, 2]));
    await clock.advance(0);
    say(new Error('no answer'));
    await clock.advance(3600 * SECOND);
    expect(ports()).toEqual([1, 2]);
    expect(failed.length).toBeGreaterThan(10);
    expect(watch.state()).toMatchObject({ state: 'stale', lastError: 'no answer', source: 'test' });
    expect(watch.state().age).toBe(3600 * SECOND);
    say(answer([1, 2]));
    await clock.advance(30 * SECOND);
    expect(watch.state()).toMatchObject({ state: 'fresh', lastError: undefined });
    expect(resolved).toHaveLength(2);
  });

  it('not for longer than maxStale', async () => {
    const { clock, say, ports, watch } = polled(answer([1]), { knobs: { maxStale: 60_000 } });
    await clock.advance(0);
    say(new Error('no answer'));
    await clock.advance(60 * SECOND);
    expect(ports()).toEqual([1]);
    await clock.advance(31 * SECOND);
    expect(ports()).toEqual([]);
    expect(watch.state().state).toBe('empty');
  });

  it('an empty answer only after three of them over ten seconds', async () => {
    const { clock, say, ports, watch, resolved } = polled(answer([1]));
    await clock.advance(0);
    say(nothing);
    await clock.advance(5 * SECOND);
    expect(watch.state().state).toBe('unconfirmed-empty');
    await clock.advance(9 * SECOND);
    expect(ports()).toEqual([1]);
    await clock.advance(2 * SECOND);
    expect(ports()).toEqual([]);
    expect(watch.state().state).toBe('empty');
    expect(resolved).toHaveLength(2);
  });

  it.each([[5, 1000, 5], [2, 20_000, 2]])('an empty answer after as many as the policy says, over as long as it says: %i over %i ms', async (answers, over, least) => {
    const { clock, say, ports, lookups } = polled(answer([1]), { knobs: { confirmEmpty: { answers, over } } });
    await clock.advance(0);
    say(nothing);
    const began = lookups.length;
    while (ports()!.length > 0) await clock.advance(100);
    expect(lookups.length - began).toBeGreaterThanOrEqual(least);
    expect(clock.now() - lookups[began]!).toBeGreaterThanOrEqual(over);
    expect(clock.now() - lookups[began]!).toBeLessThan(over + 25_000);
  });

  it('not an empty answer between good ones', async () => {
    const { clock, say, ports, resolved } = polled(answer([1]));
    for (let round = 0; round < 5; round += 1) {
      await clock.advance(5 * SECOND);
      say(nothing);
      await clock.advance(5 * SECOND);
      say(answer([1]));
    }
    expect(ports()).toEqual([1]);
    expect(resolved.every((resolution) => resolution.endpoints.length === 1)).toBe(true);
  });

  it('not empty answers that failures come between', async () => {
    const { clock, say, ports } = polled(answer([1]), { random: { next: () => 0.5 } });
    await clock.advance(0);
    for (let round = 0; round < 20; round += 1) {
      say(round % 2 === 0 ? nothing : new Error('SERVFAIL'));
      await clock.advance(5 * SECOND);
    }
    expect(ports()).toEqual([1]);
  });

  it('an empty answer at once where somebody wrote it down, or there is nothing to lose', async () => {
    const stated = polled(answer([1]));
    await stated.clock.advance(0);
    stated.say({ ...nothing, emptyForSure: true });
    await stated.clock.advance(5 * SECOND);
    expect(stated.ports()).toEqual([]);

    const first = polled(nothing);
    await first.clock.advance(0);
    expect(first.ports()).toEqual([]);
    first.say(answer([1]));
    await first.clock.advance(5 * SECOND);
    expect(first.ports()).toEqual([1]);
  });

  it('of an incomplete answer what is in it; nothing is removed', async () => {
    const { clock, say, ports, resolved } = polled(answer([1, 2]));
    await clock.advance(0);
    say(answer([2, 3], { complete: false }));
    await clock.advance(5 * SECOND);
    expect([...ports()!].sort()).toEqual([1, 2, 3]);
    expect(resolved.at(-1)!.complete).toBe(false);
    say(answer([], { complete: false }));
    await clock.advance(5 * SECOND);
    expect([...ports()!].sort()).toEqual([1, 2, 3]);
    say(answer([3, 1]));
    await clock.advance(5 * SECOND);
    expect(ports()).toEqual([3, 1]);
  });

  it('that more than half are gone when the next answer says so too', async () => {
    const { clock, say, ports, watch } = polled(answer([1, 2, 3]));
    await clock.advance(0);
    say(answer([3, 4]));
    await clock.advance(5 * SECOND);
    expect([...ports()!].sort()).toEqual([1, 2, 3, 4]);
    expect(watch.state().held).toEqual(['10.0.0.1:1', '10.0.0.1:2']);
    await clock.advance(5 * SECOND);
    expect(ports()).toEqual([3, 4]);
    expect(watch.state().held).toBeUndefined();
  });

  it('soon, however long the refresh interval is', async () => {
    const { clock, say, lookups } = polled(answer([1, 2, 3]), { knobs: { refresh: 30_000 } });
    await clock.advance(0);
    say(answer([3]));
    await clock.advance(36 * SECOND);
    expect(lookups.at(-1)! - lookups.at(-2)!).toBeLessThanOrEqual(5000);
  });

  it('that more than half are gone at once where somebody had just seen endpoints fail', async () => {
    const { clock, say, ports, watch } = polled(answer([1, 2, 3]));
    await clock.advance(2 * SECOND);
    say(answer([3]));
    watch.refresh('connect-error');
    await clock.advance(0);
    expect(ports()).toEqual([3]);
  });

  it('alternating answers of replicas that disagree: no less than half of the endpoints at any time', async () => {
    const { clock, say, resolved } = polled(answer([1, 2, 3, 4]));
    for (let round = 0; round < 20; round += 1) {
      await clock.advance(5 * SECOND);
      say(round % 2 === 0 ? answer([5]) : answer([1, 2, 3, 4]));
    }
    expect(Math.min(...resolved.map((resolution) => resolution.endpoints.length))).toBe(4);
  });

  it('no more than 4,096 endpoints of answers that are always cut', async () => {
    const { clock, say, ports } = polled(answer([1]));
    for (let round = 0; round < 6; round += 1) {
      say(answer(Array.from({ length: 1000 }, (_, index) => 1 + round * 1000 + index), { complete: false }));
      await clock.advance(5 * SECOND);
    }
    expect(ports()).toHaveLength(4096);
    expect(ports()!.slice(0, 1000)).toEqual(Array.from({ length: 1000 }, (_, index) => 5001 + index));
  });

  it('nothing of a first answer that was cut before its first endpoint', async () => {
    const { clock, failed, resolved, watch } = polled(answer([], { complete: false }));
    await clock.advance(0);
    expect(resolved).toEqual([]);
    expect(failed[0]?.message).toMatch(/cut short/);
    expect(watch.state().state).toBe('never');
  });

  it('tells the listener of changes, and of nothing else; another order is none', async () => {
    const { clock, say, resolved } = polled(answer([1, 2, 3]));
    await clock.advance(20 * SECOND);
    say(answer([3, 1, 2]));
    await clock.advance(20 * SECOND);
    expect(resolved).toHaveLength(1);
    say(answer([3, 1]));
    await clock.advance(20 * SECOND);
    expect(resolved.map((resolution) => resolution.endpoints.map(endpointKey))).toHaveLength(2);
  });
});
