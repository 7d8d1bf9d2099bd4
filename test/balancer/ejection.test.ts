import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mostEjected } from '../../src/core/ejection-limit.ts';
import type { OutcomeKind } from '../../src/core/outcome.ts';
import type { OutlierKnobs } from '../../src/core/policy.ts';
import { endpointAt, endpoints, noneTried, outlierKnobs, SmallCluster } from './small-cluster.ts';

const bad = '10.0.0.0';
const exact = { ...outlierKnobs, ejection: { ...outlierKnobs.ejection, jitter: 0 } } satisfies OutlierKnobs;

function setUp(count = 5, outlier: OutlierKnobs | 'off' = exact) {
  const world = new SmallCluster({ endpoints: endpoints(count), knobs: { outlier } });
  return { world, clock: world.clock, node: world.node(bad) };
}

function picked(world: SmallCluster, times = 200): Set<string> {
  return new Set(Array.from({ length: times }, () => world.pick().endpoint.host));
}

describe('ejection', () => {
  it('takes out an endpoint that fails while the others do not, says so, and asks for a fresh answer', () => {
    const { world } = setUp();
    world.eject(bad);
    expect(world.state(bad).state).toBe('ejected');
    expect(picked(world)).not.toContain(bad);
    expect(world.events('endpoint.ejected')).toEqual([
      { service: 'reviews', endpoint: `${bad}:80`, reason: 'outlier', duration: 1_000, ejections: 1, successRate: 0, fleetSuccessRate: 1, enforced: true },
    ]);
    expect(world.refreshed).toEqual(['ejection']);
  });

  it('needs no statistics where there was not even a connection', () => {
    const { world, node } = setUp();
    // It has served well so far, and the others are as good: one refused connection says all the same that nobody is there.
    for (let number = 0; number < 5; number += 1) world.attempts(world.node(`10.0.0.${number}`), 'success', 100);
    world.unreachable(node);
    expect(world.events('endpoint.ejected')).toMatchObject([{ endpoint: `${bad}:80`, reason: 'unreachable' }]);
    expect(world.state(bad).state).toBe('ejected');
    expect(picked(world)).not.toContain(bad);
  });

  it('for want of a connection happens to no more than the share that may be, and to nobody where the others fail as well', () => {
    const { world } = setUp();
    for (let number = 0; number < 5; number += 1) world.unreachable(world.node(`10.0.0.${number}`));
    expect(world.cluster.snapshot().filter((one) => one.state === 'ejected').length).toBeLessThanOrEqual(mostEjected(5, exact.ejection));
    const failing = setUp();
    for (let number = 1; number < 5; number += 1) failing.world.attempts(failing.world.node(`10.0.0.${number}`), 'failure', 20);
    failing.world.unreachable(failing.node);
    expect(failing.world.state(bad).state).toBe('available');
  });

  it('is decided when an attempt fails, after the fewest attempts that can tell', () => {
    const { world, node } = setUp();
    for (let number = 1; number < 5; number += 1) world.attempts(world.node(`10.0.0.${number}`), 'success', 20);
    world.attempts(node, 'failure', exact.relative.minRequests - 1);
    expect(world.state(bad).state).toBe('available');
    world.attempt(node, 'failure');
    expect(world.state(bad).state).toBe('ejected');
  });

  it('does not happen to overload, our own limits or callers who left, however many', () => {
    for (const kind of ['overload', 'local', 'cancelled'] as const) {
      const { world, node } = setUp();
      for (let number = 1; number < 5; number += 1) world.attempts(world.node(`10.0.0.${number}`), 'success', 20);
      world.attempts(node, kind, 100);
      expect(world.state(bad).state).toBe('available');
    }
  });

  it('does not happen when all endpoints fail alike', () => {
    const { world } = setUp();
    for (let round = 0; round < 100; round += 1) {
      for (let number = 0; number < 5; number += 1) world.attempt(world.node(`10.0.0.${number}`), (round + number) % 5 < 2 ? 'failure' : 'success');
    }
    expect(world.events('endpoint.ejected')).toEqual([]);
  });

  it('never happens to the only endpoint', () => {
    const { world, node } = setUp(1);
    world.attempts(node, 'failure', 100);
    expect(world.state(bad).state).toBe('available');
    expect(world.said.map((one) => one.name)).toEqual(['endpoints.changed']);
  });

  it('one trial attempt at a time goes to the endpoint when its time is over', async () => {
    const { world, clock } = setUp();
    world.eject(bad);
    await clock.advance(999);
    expect(picked(world)).not.toContain(bad);
    await clock.advance(1);
    const node = world.pick();
    expect(node.endpoint.host).toBe(bad);
    node.begin();
    expect(world.state(bad).state).toBe('trial');
    expect(picked(world)).not.toContain(bad);
  });

  it('looking for an endpoint is no trial', async () => {
    const { world, clock } = setUp();
    world.eject(bad);
    await clock.advance(1_000);
    world.pick();
    expect([world.state(bad).state, world.pick().endpoint.host]).toEqual(['ejected', bad]);
  });

  it('the trial is a first attempt, not a retry that has somewhere else to go', async () => {
    const { world, clock } = setUp();
    world.eject(bad);
    await clock.advance(1_000);
    for (let time = 0; time < 100; time += 1) expect(world.pick(new Set(['10.0.0.1:80'])).endpoint.host).not.toBe(bad);
    expect(world.pick(new Set([1, 2, 3, 4].map((number) => `10.0.0.${number}:80`))).endpoint.host).toBe(bad);
  });

  it('a trial that succeeds brings the endpoint back with a clean record', async () => {
    const { world, clock } = setUp();
    const node = world.eject(bad);
    expect(node.record.standsOut(0.1)).toBe(true);
    await clock.advance(3_000);
    const ticket = world.pick().begin();
    await clock.advance(10);
    ticket.settle({ kind: 'success' });
    expect(node.record.standsOut(0.1)).toBe(false);
    const { state, recent, latency } = world.state(bad);
    expect({ state, recent, latency }).toEqual({ state: 'available', recent: { successes: 1, failures: 0 }, latency: 10 });
    expect(world.events('endpoint.returned')).toEqual([{ service: 'reviews', endpoint: `${bad}:80`, after: 3_010 }]);
  });

  it('a trial whose body breaks off counts as the failure it became', async () => {
    const { world, clock } = setUp();
    world.eject(bad);
    await clock.advance(1_000);
    const ticket = world.pick().begin();
    await clock.advance(10);
    ticket.settle({ kind: 'success' });
    await clock.advance(10);
    ticket.breakOff({ kind: 'failure' });
    expect(world.state(bad)).toMatchObject({ state: 'available', recent: { successes: 0, failures: 1 } });
  });

  it('an endpoint that answers everything and then breaks off every body is found', () => {
    const { world, node } = setUp();
    const others = [1, 2, 3, 4].map((number) => world.node(`10.0.0.${number}`));
    for (let time = 0; time < 4; time += 1) {
      const ticket = node.begin();
      ticket.settle({ kind: 'success' });
      for (const other of others) world.attempt(other, 'success');
      ticket.breakOff({ kind: 'failure' });
    }
    expect(world.state(bad).state).toBe('ejected');
  });

  it('a trial that fails, or is refused for overload, ejects again for longer, up to the longest', async () => {
    const { world, clock } = setUp();
    world.eject(bad);
    for (const kind of ['failure', 'overload', 'failure', 'failure', 'failure', 'failure'] as OutcomeKind[]) {
      await clock.advance(world.events('endpoint.ejected').at(-1)!.duration);
      world.attempt(world.pick(), kind);
    }
    expect(world.events('endpoint.ejected').map((event) => event.duration)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    expect(world.events('endpoint.ejected').map((event) => event.ejections)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(world.events('endpoint.returned')).toEqual([]);
  });

  it('a trial that says nothing lets another go at once', async () => {
    for (const kind of ['local', 'cancelled'] as const) {
      const { world, clock } = setUp();
      world.eject(bad);
      await clock.advance(1_000);
      world.attempt(world.pick(), kind);
      expect(world.pick().endpoint.host).toBe(bad);
      expect(world.events('endpoint.ejected').length).toBe(1);
    }
  });

  it('a trial that is lost blocks nothing: after its lease another goes, and the first one is not asked any more', async () => {
    const { world, clock } = setUp();
    world.eject(bad);
    await clock.advance(1_000);
    const lost = world.pick().begin();
    await clock.advance(29_999);
    expect(picked(world)).not.toContain(bad);
    await clock.advance(1);
    expect(world.pick().endpoint.host).toBe(bad);
    const second = world.pick().begin();
    lost.settle({ kind: 'failure' });
    expect(world.state(bad).state).toBe('trial');
    second.settle({ kind: 'success' });
    expect(world.state(bad).state).toBe('available');
  });

  it('what was sent before the endpoint was ejected does not eject it again after it returned', async () => {
    const { world, clock, node } = setUp();
    const hung = Array.from({ length: 20 }, () => node.begin());
    world.eject(bad, node);
    await clock.advance(1_000);
    world.attempt(world.pick(), 'success');
    for (const ticket of hung) {
      ticket.settle({ kind: 'failure' });
      ticket.release();
    }
    expect(world.state(bad)).toMatchObject({ state: 'available', pending: 0, recent: { successes: 1, failures: 0 } });
  });

  it('the next one lasts longer, unless the endpoint stayed healthy for as long as the last one or the window', async () => {
    const { world, clock } = setUp();
    world.eject(bad);
    await clock.advance(1_000);
    world.attempt(world.pick(), 'success');
    await clock.advance(exact.relative.window - 1);
    world.eject(bad);
    await clock.advance(2_000);
    world.attempt(world.pick(), 'success');
    await clock.advance(exact.relative.window);
    world.eject(bad);
    expect(world.events('endpoint.ejected').map((event) => event.duration)).toEqual([1_000, 2_000, 1_000]);
  });

  it('stops where too many would be gone, and says so once for each endpoint, until something changes', async () => {
    const { world, clock } = setUp(4);
    const nodes = [0, 1, 2].map((number) => world.node(`10.0.0.${number}`));
    const good = world.node('10.0.0.3');
    world.attempts(good, 'success', 100);
    for (const node of nodes) world.attempts(node, 'success', 30);
    for (let round = 0; round < 60; round += 1) {
      for (const node of nodes) {
        world.attempts(good, 'success', 3);
        world.attempt(node, 'failure');
      }
    }
    expect(world.cluster.snapshot().filter((one) => one.state === 'ejected').length).toBe(2);
    const limited = () => world.events('endpoint.ejection.limited');
    expect(limited()).toEqual([{ service: 'reviews', endpoint: expect.any(String), ejected: 2, total: 4 }]);
    const spared = nodes.find((node) => node.key === limited()[0]!.endpoint)!;
    const failOnceMore = () => {
      world.attempts(good, 'success', 3);
      world.attempt(spared, 'failure');
    };
    // A failed trial leaves the situation as it was.
    await clock.advance(1_000);
    world.attempt(world.pick(), 'failure');
    failOnceMore();
    expect(limited().length).toBe(1);
    // One that succeeds makes room for the one that was spared.
    world.attempt(world.pick(), 'success');
    failOnceMore();
    expect([limited().length, spared.ejection.kind]).toEqual([1, 'ejected']);
  });

  it('never takes more than its share, and always leaves what must remain, whatever happens', () => {
    const kinds: OutcomeKind[] = ['success', 'failure', 'failure', 'failure', 'overload', 'local', 'cancelled'];
    const step = fc.record({ node: fc.nat(7), kind: fc.constantFrom(...kinds), times: fc.integer({ min: 1, max: 8 }), after: fc.constantFrom(0, 1, 500, 3_000, 12_000) });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }), fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(4), fc.array(step, { maxLength: 60 }), fc.integer(),
        (count, maxShare, minRemaining, steps, seed) => {
          const outlier = { ...outlierKnobs, ejection: { ...outlierKnobs.ejection, maxShare, minRemaining } };
          const world = new SmallCluster({ endpoints: endpoints(count), knobs: { outlier }, seed });
          const nodes = world.cluster.endpoints.map((endpoint) => world.node(endpoint.host));
          for (const { node, kind, times, after } of steps) {
            for (const [number, one] of nodes.entries()) world.attempt(one, number === node % count ? kind : 'success');
            world.attempts(nodes[node % count]!, kind, times);
            world.clock.stall(after);
            const out = world.cluster.snapshot().filter((one) => one.state !== 'available').length;
            expect(out).toBeLessThanOrEqual(Math.ceil(maxShare * count));
            expect(out).toBeLessThanOrEqual(mostEjected(count, outlier.ejection));
            if (count >= minRemaining) expect(count - out).toBeGreaterThanOrEqual(minRemaining);
            expect(world.cluster.pick({ tried: noneTried })).toBeDefined();
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("when only observed, is reported, does not act, and does not trouble discovery", async () => {
    const { world, clock } = setUp(5, { ...exact, mode: 'observe' });
    const node = world.eject(bad);
    expect(world.events('endpoint.ejected')).toMatchObject([{ enforced: false }]);
    expect(world.state(bad).state).toBe('ejected');
    await clock.advance(120_000);
    world.node(bad);
    expect(world.refreshed).toEqual([]);
    world.attempt(node, 'success');
    expect(world.events('endpoint.returned').length).toBe(1);
  });

  it('switched off, does nothing at all, and gives back what it took', () => {
    const { world } = setUp();
    world.eject(bad);
    world.knobs = { ...world.knobs, outlier: 'off' };
    world.pick();
    expect(world.events('endpoint.returned').length).toBe(1);
    const node = world.node(bad);
    world.attempts(node, 'failure', 100);
    expect(world.events('endpoint.ejected').length).toBe(1);
  });

  it('a reload changes thresholds at once', () => {
    const { world, node } = setUp();
    world.knobs = { ...world.knobs, outlier: { ...exact, relative: { ...exact.relative, minRequests: 40 } } };
    world.eject(bad, node);
    expect(world.state(bad).recent!.failures).toBe(40);
  });

  it('an endpoint that left while it was on trial, and is back, is due for another', async () => {
    const { world, clock } = setUp();
    world.eject(bad);
    await clock.advance(1_000);
    const ticket = world.pick().begin();
    world.resolve(endpoints(5).slice(1));
    ticket.settle({ kind: 'failure' });
    expect(world.events('endpoint.ejected').length).toBe(1);
    world.resolve([endpointAt(0), ...endpoints(5).slice(1)]);
    expect(world.state(bad).state).toBe('ejected');
    expect(world.pick().endpoint.host).toBe(bad);
  });
});
