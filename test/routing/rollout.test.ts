import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MeshEventName } from '../../src/core/events.ts';
import { seededRandom } from '../../src/core/random.ts';
import { defaultHoldOn, type HoldOnKnobs, type Targets } from '../../src/core/route.ts';
import { Rollout } from '../../src/routing/rollout.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const MINUTE = 60_000;
const weights = (v1: number, v2: number, v3?: number) => new Map([['v1', v1], ['v2', v2], ...(v3 === undefined ? [] : [['v3', v3] as const])]);
const noRequest = { headers: [] };

/** The issue's: 90:10 for 10 min, 70:30 for 10, 50:50 for 20, then all; from an hour after the clock's epoch on. */
const epoch = Date.UTC(2026, 10, 20, 9);
const start = epoch + 60 * MINUTE;
const canary: Targets = {
  weights: weights(100, 0),
  sticky: undefined,
  fallback: false,
  schedule: {
    start,
    steps: [{ for: 10 * MINUTE, to: weights(90, 10) }, { for: 10 * MINUTE, to: weights(70, 30) }, { for: 20 * MINUTE, to: weights(50, 50) }, { for: undefined, to: weights(0, 100) }],
    holdOn: undefined,
  },
};
const holding = (knobs: Partial<HoldOnKnobs> = {}): Targets => ({ ...canary, schedule: { ...canary.schedule!, holdOn: { ...defaultHoldOn, version: 'v2', successRateBelow: 0.99, ...knobs } } });

/** A process that starts at `at`, on the clock of the day. */
function started(targets: Targets, at: number = start, seed = 1) {
  const clock = new VirtualClock(0, at);
  const events: { name: MeshEventName; event: object }[] = [];
  const empty = new Set<string>();
  const policy = { targets };
  const rollout = new Rollout({
    service: 'reviews', route: 'canary', clock, random: seededRandom(seed), targets: () => policy.targets, isEmpty: (version) => empty.has(version),
    emit: (name, event) => void events.push({ name, event }),
  });
  const count = (calls: number) => {
    const counts: Record<string, number> = {};
    for (let call = 0; call < calls; call += 1) {
      const version = rollout.choose(noRequest, undefined) ?? 'none';
      counts[version] = (counts[version] ?? 0) + 1;
    }
    return counts;
  };
  const named = (name: MeshEventName) => events.filter((each) => each.name === name).map((each) => each.event);
  return { clock, rollout, policy, empty, events, count, named };
}

describe('a schedule', () => {
  it('gives 90:10, 70:30, 50:50 and 0:100 at the right instants', () => {
    const { clock, count, rollout, named } = started(canary, epoch);
    expect(count(100)).toEqual({ v1: 100 });
    expect(rollout.state()).toMatchObject({ step: 0 });
    clock.stall(start - epoch - 1);
    expect(count(100)).toEqual({ v1: 100 });
    clock.stall(1);
    expect(count(100)).toEqual({ v1: 90, v2: 10 });
    clock.stall(10 * MINUTE - 1);
    expect(count(100)).toEqual({ v1: 90, v2: 10 });
    clock.stall(1);
    expect(count(100)).toEqual({ v1: 70, v2: 30 });
    clock.stall(10 * MINUTE);
    expect(count(100)).toEqual({ v1: 50, v2: 50 });
    clock.stall(20 * MINUTE - 1);
    expect(count(100)).toEqual({ v1: 50, v2: 50 });
    clock.stall(1);
    expect(count(100)).toEqual({ v2: 100 });
    clock.stall(10_000 * MINUTE);
    expect(count(100)).toEqual({ v2: 100 });
    expect(named('schedule.stepped')).toEqual([1, 2, 3, 4].map((step) => ({
      service: 'reviews', route: 'canary', step, steps: 4, weights: [{ v1: 90, v2: 10 }, { v1: 70, v2: 30 }, { v1: 50, v2: 50 }, { v1: 0, v2: 100 }][step - 1],
    })));
  });

  it('is at the same step in a process that restarts, and in one whose clock is set back', () => {
    const expected = [[-1, { v1: 100 }], [0, { v1: 90, v2: 10 }], [10, { v1: 70, v2: 30 }], [20, { v1: 50, v2: 50 }], [40, { v2: 100 }]] as const;
    for (const [minute, counts] of expected) {
      for (const seed of [1, 2, 3]) expect(started(canary, start + minute * MINUTE, seed).count(100)).toEqual(counts);
    }
    const { clock, count } = started(canary, start + 25 * MINUTE);
    expect(count(100)).toEqual({ v1: 50, v2: 50 });
    clock.stall(-10 * MINUTE);
    expect(count(100)).toEqual({ v1: 70, v2: 30 });
  });

  it('moves each user at most once, over restarts too', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000_000 }), fc.constantFrom('header', 'cookie', 'hash-key'), (user, kind) => {
        const sticky = kind === 'hash-key' ? { kind } as const : { kind: kind, name: 'x-user' };
        const targets: Targets = { ...canary, sticky };
        const seen: string[] = [];
        let process = started(targets, epoch, user);
        for (let minute = 0; minute <= 120; minute += 4) {
          // Another process now and then, as behind any balancer.
          if (minute % 12 === 0) process = started(targets, epoch + minute * MINUTE, minute);
          const headers = kind === 'header' ? ['X-User', `u${user}`] : kind === 'cookie' ? ['cookie', `x-user=u${user}`] : [];
          for (const _ of [1, 2, 3]) seen.push(process.rollout.choose({ headers }, kind === 'hash-key' ? `u${user}` : undefined)!);
          process.clock.stall(4 * MINUTE);
        }
        const moves = seen.filter((version, index) => index > 0 && version !== seen[index - 1]);
        expect(seen[0]).toBe('v1');
        expect(moves).toEqual(['v2']);
      }),
      { numRuns: 200 },
    );
  });

  it('gives users their shares too, and those who are nobody take turns', () => {
    const { rollout, clock } = started({ ...canary, sticky: { kind: 'header', name: 'x-user' } }, start);
    const share = () => Array.from({ length: 5000 }, (_, user) => rollout.choose({ headers: ['x-user', `u${user}`] }, undefined)).filter((version) => version === 'v2').length / 5000;
    // Three standard deviations of a share of 5000 users.
    expect(Math.abs(share() - 0.1)).toBeLessThan(3 * Math.sqrt(0.09 / 5000));
    clock.stall(10 * MINUTE);
    expect(Math.abs(share() - 0.3)).toBeLessThan(3 * Math.sqrt(0.21 / 5000));
    const anonymous = Array.from({ length: 100 }, () => rollout.choose(noRequest, 'not asked for'));
    expect(anonymous.filter((version) => version === 'v2')).toHaveLength(30);
  });

  it('of one step is a switch from blue to green', () => {
    const { count, clock } = started({ ...canary, schedule: { start, steps: [{ for: undefined, to: weights(0, 100) }], holdOn: undefined } }, start - 1);
    expect(count(10)).toEqual({ v1: 10 });
    clock.stall(1);
    expect(count(10)).toEqual({ v2: 10 });
  });
});

/** Attempts at a version, of which some fail. */
function attempts(rollout: Rollout, version: string, succeeded: number, failed: number): void {
  for (let index = 0; index < succeeded; index += 1) rollout.record(version, false);
  for (let index = 0; index < failed; index += 1) rollout.record(version, true);
}

describe('a version that fails', () => {
  it('stops the schedule at its step, for good', () => {
    const { rollout, clock, count, named } = started(holding({ action: 'hold' }), start + 10 * MINUTE);
    attempts(rollout, 'v2', 48, 1);
    expect(named('schedule.held')).toEqual([]);
    attempts(rollout, 'v2', 0, 1);
    expect(named('schedule.held')).toEqual([{ service: 'reviews', route: 'canary', version: 'v2', step: 2, successRate: 0.96, requests: 50, enforced: true }]);
    clock.stall(1000 * MINUTE);
    attempts(rollout, 'v2', 1000, 0);
    expect(count(100)).toEqual({ v1: 70, v2: 30 });
    expect(rollout.state()).toEqual({ weights: weights(70, 30), step: 2, stopped: 'held' });
    expect(named('schedule.held')).toHaveLength(1);
  });

  it('gets nothing any more where it is rolled back, not even at the last step', () => {
    for (const minute of [0, 15, 30, 50]) {
      const { rollout, clock, count, named } = started(holding({ action: 'rollback' }), start + minute * MINUTE);
      attempts(rollout, 'v2', 0, 50);
      expect(count(100)).toEqual({ v1: 100 });
      expect(named('schedule.rolled-back')).toMatchObject([{ version: 'v2', successRate: 0, requests: 50, enforced: true }]);
      clock.stall(1000 * MINUTE);
      expect(count(100)).toEqual({ v1: 100 });
    }
  });

  it('sends back only its own users', () => {
    const { rollout } = started({ ...holding({ action: 'rollback' }), sticky: { kind: 'hash-key' } }, start + 10 * MINUTE);
    const of = (user: number) => rollout.choose(noRequest, `u${user}`);
    const before = Array.from({ length: 200 }, (_, user) => of(user));
    expect(new Set(before)).toEqual(new Set(['v1', 'v2']));
    attempts(rollout, 'v2', 0, 50);
    expect(new Set(Array.from({ length: 200 }, (_, user) => of(user)))).toEqual(new Set(['v1']));
  });

  it('is judged by its own attempts of the last while, in a schedule that has begun', () => {
    const { rollout, clock, events } = started(holding({ window: 10_000 }), start);
    attempts(rollout, 'v1', 0, 1000);
    attempts(rollout, 'v2', 0, 49);
    clock.stall(10_001);
    attempts(rollout, 'v2', 0, 49);
    expect(events.map(({ name }) => name)).toEqual(['schedule.stepped']);
    const waiting = started(holding(), epoch);
    attempts(waiting.rollout, 'v2', 0, 1000);
    expect(waiting.events).toEqual([]);
  });

  it('may turn out to have failed when its body breaks off', () => {
    const { rollout, named } = started(holding({ minRequests: 10 }), start);
    attempts(rollout, 'v2', 10, 0);
    expect(named('schedule.held')).toEqual([]);
    rollout.revise('v2');
    expect(named('schedule.held')).toMatchObject([{ requests: 10, successRate: 0.9 }]);
  });

  it('is only told of where the policy observes, once for each step', () => {
    const { rollout, clock, count, named } = started(holding({ mode: 'observe', action: 'rollback' }), start);
    attempts(rollout, 'v2', 0, 200);
    expect(named('schedule.rolled-back')).toMatchObject([{ step: 1, enforced: false }]);
    clock.stall(10 * MINUTE);
    expect(count(100)).toEqual({ v1: 70, v2: 30 });
    attempts(rollout, 'v2', 0, 200);
    expect(named('schedule.rolled-back')).toMatchObject([{ step: 1 }, { step: 2 }]);
  });
});

describe('a changed policy', () => {
  it('that says the same schedule forgets nothing', () => {
    const { rollout, policy, count } = started(holding({ action: 'rollback' }), start);
    attempts(rollout, 'v2', 0, 50);
    policy.targets = { ...holding({ action: 'rollback', minRequests: 7 }), sticky: { kind: 'hash-key' }, fallback: true };
    expect(count(100)).toEqual({ v1: 100 });
    expect(rollout.state().stopped).toBe('rolled-back');
  });

  it('that says another one begins it', () => {
    const { rollout, policy, count } = started(holding({ action: 'rollback' }), start);
    attempts(rollout, 'v2', 0, 50);
    const again = holding({ action: 'rollback' });
    policy.targets = { ...again, schedule: { ...again.schedule!, start: start - 10 * MINUTE } };
    expect(count(100)).toEqual({ v1: 70, v2: 30 });
    expect(rollout.state().stopped).toBeUndefined();
    attempts(rollout, 'v2', 0, 49);
    expect(count(10)).toEqual({ v1: 7, v2: 3 });
  });

  it('of weights is felt with the next call', () => {
    const { policy, count } = started({ ...canary, schedule: undefined, weights: weights(1, 1) });
    expect(count(10)).toEqual({ v1: 5, v2: 5 });
    policy.targets = { ...policy.targets, weights: weights(4, 1) };
    expect(count(10)).toEqual({ v1: 8, v2: 2 });
  });
});

describe('a version without endpoints', () => {
  const half: Targets = { ...canary, schedule: undefined, weights: weights(60, 20, 20) };

  it('is told of, when it begins and when it ends, and keeps its share', () => {
    const { empty, count, named } = started(half);
    empty.add('v2');
    expect(count(100)).toEqual({ v1: 60, v2: 20, v3: 20 });
    expect(named('version.empty')).toEqual([{ service: 'reviews', route: 'canary', version: 'v2', active: true, fallback: false }]);
    empty.delete('v2');
    count(100);
    expect(named('version.empty')).toMatchObject([{ active: true }, { version: 'v2', active: false }]);
  });

  it('gives its share to the others where there is a fallback, as long as it has none', () => {
    const { empty, count } = started({ ...half, fallback: true });
    empty.add('v2');
    expect(count(100)).toEqual({ v1: 75, v3: 25 });
    empty.add('v1').add('v3');
    // Nobody has any: whoever is due says so.
    expect(count(100)).toEqual({ v1: 60, v2: 20, v3: 20 });
    empty.clear();
    expect(count(100)).toEqual({ v1: 60, v2: 20, v3: 20 });
  });

  it('sends away only its own users, and they come back', () => {
    const { empty, rollout } = started({ ...half, fallback: true, sticky: { kind: 'hash-key' } });
    const all = () => Array.from({ length: 300 }, (_, user) => rollout.choose(noRequest, `u${user}`));
    const before = all();
    empty.add('v2');
    const during = all();
    for (const [user, version] of before.entries()) expect(during[user] === version).toBe(version !== 'v2');
    empty.clear();
    expect(all()).toEqual(before);
  });

  it('that has no share is nobody’s concern', () => {
    const { empty, count, events } = started({ ...half, weights: weights(1, 0) });
    empty.add('v2');
    count(10);
    expect(events).toEqual([]);
  });

  it('and weights that are all 0 give nobody anything', () => {
    expect(started({ ...half, weights: weights(0, 0) }).count(3)).toEqual({ none: 3 });
    expect(started({ ...half, weights: weights(0, 0), sticky: { kind: 'hash-key' } }).rollout.choose(noRequest, 'u')).toBeUndefined();
  });
});
