/** Ejection by what an endpoint does by itself: for those who ask for it. */
import { describe, expect, it } from 'vitest';
import type { OutlierKnobs } from '../../src/core/policy.ts';
import { endpoints, outlierKnobs, SmallCluster } from './small-cluster.ts';

const bad = '10.0.0.0';
const rate = { threshold: 0.8, window: 10_000, minRequests: 5 };

function setUp(knobs: Partial<OutlierKnobs>, count = 5) {
  const outlier: OutlierKnobs = { ...outlierKnobs, relative: 'off', ...knobs };
  const world = new SmallCluster({ endpoints: endpoints(count), knobs: { outlier } });
  return { world, clock: world.clock, node: world.node(bad) };
}

describe('with everything off but consecutiveFailures', () => {
  const setUpFive = (count?: number) => setUp({ consecutiveFailures: 5 }, count);

  it('so many failures in a row eject, and one less does not', () => {
    const { world, node } = setUpFive();
    world.attempts(node, 'failure', 4);
    expect(world.state(bad).state).toBe('available');
    world.attempt(node, 'failure');
    expect(world.state(bad).state).toBe('ejected');
    expect(world.events('endpoint.ejected')).toMatchObject([{ reason: 'consecutive-failures', successRate: 0, fleetSuccessRate: 1, enforced: true }]);
    expect(world.state(bad).ejection!.why).toContain('in a row');
  });

  it('a success in between begins the row anew, however long the failures took', () => {
    const { world, node, clock } = setUpFive();
    for (let round = 0; round < 10; round += 1) {
      world.attempts(node, 'failure', 4);
      world.attempt(node, 'success');
    }
    expect(world.state(bad).state).toBe('available');
    for (let failure = 0; failure < 5; failure += 1) {
      clock.stall(3_600_000);
      world.attempt(node, 'failure');
    }
    expect(world.state(bad).state).toBe('ejected');
  });

  it('overload, our own limits and callers who left neither add to the row nor end it', () => {
    for (const kind of ['overload', 'local', 'cancelled'] as const) {
      const { world, node } = setUpFive();
      world.attempts(node, kind, 100);
      expect(world.state(bad).state).toBe('available');
      world.attempts(node, 'failure', 4);
      world.attempts(node, kind, 3);
      world.attempt(node, 'failure');
      expect(world.state(bad).state).toBe('ejected');
    }
  });

  it('an answer that breaks off does not end the row but lengthens it, one that arrives whole ends it', () => {
    const { world, node } = setUpFive();
    const breaking = () => {
      const ticket = node.begin();
      ticket.settle({ kind: 'success' });
      return () => ticket.breakOff({ kind: 'failure' });
    };
    // Two at a time, so that one has begun to answer when the other breaks off.
    for (const pair of [[breaking(), breaking()], [breaking(), breaking()]]) for (const breakOff of pair) breakOff();
    expect(node.record.failuresInARow).toBe(4);
    world.attempt(node, 'success');
    expect(node.record.failuresInARow).toBe(0);
    for (let time = 0; time < 5; time += 1) breaking()();
    expect(world.state(bad).state).toBe('ejected');
  });

  it('a caller who leaves in the middle of a good answer ends the row all the same', () => {
    const { world, node } = setUpFive();
    world.attempts(node, 'failure', 4);
    const ticket = node.begin();
    ticket.settle({ kind: 'success' });
    ticket.breakOff({ kind: 'cancelled' });
    expect(node.record.failuresInARow).toBe(0);
  });

  it('one refused connection is one failure, no more', () => {
    const { world, node } = setUpFive();
    for (let time = 0; time < 4; time += 1) world.unreachable(node);
    expect(world.state(bad).state).toBe('available');
    world.unreachable(node);
    expect(world.state(bad).state).toBe('ejected');
  });

  it('a shared outage ejects as many as may be, and no more: the price of it', () => {
    const { world } = setUpFive(4);
    const nodes = [0, 1, 2, 3].map((number) => world.node(`10.0.0.${number}`));
    for (const node of nodes) world.attempts(node, 'failure', 50);
    expect(world.cluster.snapshot().filter((one) => one.state === 'ejected').length).toBe(2);
    expect(world.events('endpoint.ejection.limited').length).toBe(2);
  });

  it('the only endpoint stays, as one must remain', () => {
    const { world, node } = setUpFive(1);
    world.attempts(node, 'failure', 50);
    expect(world.state(bad).state).toBe('available');
  });

  it('after the trial the row begins anew', async () => {
    const { world, clock, node } = setUpFive();
    world.attempts(node, 'failure', 5);
    await clock.advance(1_300);
    world.attempt(world.pick(), 'success');
    world.attempts(node, 'failure', 4);
    expect(world.state(bad).state).toBe('available');
  });

  it('what was counted before it was switched off is forgotten', () => {
    const { world, node } = setUpFive();
    world.attempts(node, 'failure', 4);
    const { knobs } = world;
    world.knobs = { ...knobs, outlier: 'off' };
    world.pick();
    world.knobs = knobs;
    world.pick();
    world.attempt(node, 'failure');
    expect(world.state(bad).state).toBe('available');
  });

  it('a relative outlier stays', () => {
    const { world, node } = setUp({ consecutiveFailures: 1_000 });
    for (let round = 0; round < 100; round += 1) {
      for (let number = 1; number < 5; number += 1) world.attempt(world.node(`10.0.0.${number}`), 'success');
      world.attempt(node, 'failure');
    }
    expect(world.state(bad).state).toBe('available');
  });
});

describe('with everything off but successRate', () => {
  it('counts exactly: ejects below the threshold, not at it, and not before minRequests', () => {
    const { world, node } = setUp({ successRate: rate });
    world.attempts(node, 'failure', 1);
    world.attempts(node, 'success', 4);
    world.attempts(node, 'success', 4);
    world.attempt(node, 'failure');
    expect(world.state(bad)).toMatchObject({ state: 'available', recent: { successes: 8, failures: 2 } });
    world.attempt(node, 'failure');
    expect(world.events('endpoint.ejected')).toMatchObject([{ reason: 'success-rate', successRate: 8 / 11 }]);
    const few = setUp({ successRate: rate });
    few.world.attempts(few.node, 'failure', 4);
    expect(few.world.state(bad).state).toBe('available');
    few.world.attempt(few.node, 'failure');
    expect(few.world.state(bad).state).toBe('ejected');
  });

  it('what left the window does not count', () => {
    const { world, node, clock } = setUp({ successRate: rate });
    world.attempts(node, 'failure', 4);
    clock.stall(rate.window);
    world.attempts(node, 'failure', 4);
    expect(world.state(bad).state).toBe('available');
    world.attempt(node, 'failure');
    expect(world.state(bad).state).toBe('ejected');
  });

  it('overload is no failure, however much of it', () => {
    const { world, node } = setUp({ successRate: rate });
    world.attempts(node, 'overload', 1_000);
    expect(world.state(bad)).toMatchObject({ state: 'available', recent: { successes: 0, failures: 0 } });
  });

  it('answers that break off are not successes', () => {
    const { world, node } = setUp({ successRate: rate });
    for (let time = 0; time < 5; time += 1) {
      const ticket = node.begin();
      ticket.settle({ kind: 'success' });
      ticket.breakOff({ kind: 'failure' });
    }
    expect(world.state(bad).state).toBe('ejected');
  });
});

describe('together', () => {
  it('the rate is counted over its own window where that is another than the relative one', () => {
    const { world, node, clock } = setUp({ relative: outlierKnobs.relative, successRate: { ...rate, window: 60_000, minRequests: 10 } });
    // Never ten within ten seconds, and nobody to be compared with; but ten within a minute.
    for (let time = 0; time < 9; time += 1) {
      world.attempt(node, 'failure');
      clock.stall(5_000);
    }
    expect(world.state(bad)).toMatchObject({ state: 'available', recent: { failures: 1 } });
    const ticket = node.begin();
    ticket.settle({ kind: 'success' });
    ticket.breakOff({ kind: 'failure' });
    expect(world.events('endpoint.ejected')).toMatchObject([{ reason: 'success-rate' }]);
  });

  it('whatever acts first ejects; being worse than the others is told as that', () => {
    const { world, node } = setUp({ relative: outlierKnobs.relative, consecutiveFailures: 4, successRate: { ...rate, minRequests: 4 } });
    world.eject(bad, node);
    expect(world.events('endpoint.ejected')).toMatchObject([{ reason: 'outlier' }]);
    const other = setUp({ relative: outlierKnobs.relative, consecutiveFailures: 4 });
    for (let number = 0; number < 5; number += 1) other.world.attempts(other.world.node(`10.0.0.${number}`), 'failure', 3);
    other.world.attempt(other.node, 'failure');
    expect(other.world.events('endpoint.ejected')).toMatchObject([{ reason: 'consecutive-failures' }]);
  });
});
