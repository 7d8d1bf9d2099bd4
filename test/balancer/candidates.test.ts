import { describe, expect, it } from 'vitest';
import type { OutlierKnobs } from '../../src/core/policy.ts';
import { endpointAt, endpoints, noneTried, outlierKnobs, SmallCluster } from './small-cluster.ts';

/** Everything that is bad may be ejected; some panic below half. */
const eager: OutlierKnobs = { ...outlierKnobs, ejection: { ...outlierKnobs.ejection, maxShare: 1, minRemaining: 1 } };

function picked(world: SmallCluster, times = 300): string[] {
  return [...new Set(Array.from({ length: times }, () => world.pick().endpoint.host))].sort();
}

function ejected(world: SmallCluster): string[] {
  return world.cluster.snapshot().filter((one) => one.state === 'ejected').map((one) => one.endpoint);
}

describe('candidates', () => {
  it('are the endpoints of the lowest priority, while one of these is available', () => {
    const world = new SmallCluster({ endpoints: [...endpoints(2, { priority: 7 }), endpointAt(9, { priority: 3 }), endpointAt(8, { priority: 3 })] });
    expect(picked(world)).toEqual(['10.0.0.8', '10.0.0.9']);
  });

  it('are the backups when all of the lowest priority are ejected, until one of these is back', async () => {
    const world = new SmallCluster({ endpoints: [endpointAt(0), endpointAt(1, { priority: 1 }), endpointAt(2, { priority: 1 })] });
    const first = world.pick();
    expect(first.endpoint.host).toBe('10.0.0.0');
    world.knobs = { ...world.knobs, outlier: { ...outlierKnobs, mode: 'enforce' } };
    // The backups have to have a record to compare with: from a time when they were used.
    world.resolve([endpointAt(0, { priority: 2 }), endpointAt(1), endpointAt(2)]);
    for (const host of ['10.0.0.1', '10.0.0.2']) world.attempts(world.node(host), 'success', 20);
    world.resolve([endpointAt(0), endpointAt(1, { priority: 1 }), endpointAt(2, { priority: 1 })]);
    world.attempts(first, 'failure', 10);
    expect(picked(world)).toEqual(['10.0.0.1', '10.0.0.2']);
    await world.clock.advance(1_500);
    world.attempt(world.pick(), 'success');
    expect(picked(world)).toEqual(['10.0.0.0']);
  });

  it('a backup that was ejected gets no trial while it is not in use', async () => {
    const world = new SmallCluster({ endpoints: endpoints(3) });
    world.eject('10.0.0.2');
    world.resolve([endpointAt(0), endpointAt(1), endpointAt(2, { priority: 1 })]);
    await world.clock.advance(60_000);
    expect(picked(world)).toEqual(['10.0.0.0', '10.0.0.1']);
  });
});

describe('panic', () => {
  /** Ejects 0, 1, 2 of five, of which 1 does best. */
  function setUp(outlier: OutlierKnobs = eager) {
    const world = new SmallCluster({ endpoints: endpoints(5), knobs: { outlier } });
    const nodes = [0, 1, 2].map((number) => world.node(`10.0.0.${number}`));
    const good = ['10.0.0.3', '10.0.0.4'].map((host) => world.node(host));
    for (const node of good) world.attempts(node, 'success', 400);
    world.attempts(nodes[1]!, 'success', 4);
    world.attempts(nodes[2]!, 'success', 2);
    for (let round = 0; round < 20; round += 1) {
      for (const node of nodes) world.attempt(node, 'failure');
      for (const node of good) world.attempts(node, 'success', 4);
    }
    return { world, nodes };
  }

  it('uses the least bad of the ejected ones as well, up to the threshold, and says so', () => {
    const { world } = setUp();
    expect(ejected(world)).toEqual(['10.0.0.0:80', '10.0.0.1:80', '10.0.0.2:80']);
    expect(picked(world)).toEqual(['10.0.0.3', '10.0.0.4']);
    // It looks loaded, as it failed; but it is a candidate: with those two tried, it is what remains.
    expect(world.pick(new Set(['10.0.0.3:80', '10.0.0.4:80'])).endpoint.host).toBe('10.0.0.1');
    expect(world.events('balancer.panic')).toEqual([{ service: 'reviews', active: true, mode: 'least-bad', ejected: 3, unhealthy: 0, total: 5, enforced: true }]);
    expect(world.cluster.panic).toBe('least-bad');
  });

  it('is over when enough are back, and says that as well', async () => {
    const { world } = setUp();
    await world.clock.advance(1_300);
    world.attempt(world.pick(), 'success');
    expect(world.events('balancer.panic').map((event) => [event.active, event.ejected])).toEqual([[true, 3], [false, 2]]);
    expect(world.cluster.panic).toBe(false);
  });

  it('does not happen at the threshold itself', () => {
    const world = new SmallCluster({ endpoints: endpoints(4), knobs: { outlier: eager } });
    world.eject('10.0.0.0');
    world.eject('10.0.0.1');
    expect(ejected(world).length).toBe(2);
    expect(world.events('balancer.panic')).toEqual([]);
  });

  it('that is switched off still never leaves a service without any endpoint', () => {
    const none: OutlierKnobs = { ...eager, ejection: { ...eager.ejection, minRemaining: 0 }, panic: { ...eager.panic, below: 0 } };
    const { world } = setUp(none);
    // Discovery takes away the two that are well.
    world.resolve(endpoints(3));
    expect(ejected(world).length).toBe(3);
    expect(world.pick().endpoint.host).toBe('10.0.0.1');
  });

  it('that is only observed is reported and changes nothing', () => {
    const { world } = setUp({ ...eager, mode: 'observe' });
    expect(world.events('balancer.panic')).toMatchObject([{ active: true, enforced: false }]);
    expect(world.cluster.panic).toBe('observed');
    const others = new Set([1, 2, 3, 4].map((number) => `10.0.0.${number}:80`));
    expect(world.pick(others).endpoint.host).toBe('10.0.0.0');
  });

  it('that fails open uses all of them, and ejects none of them for longer', () => {
    const { world } = setUp({ ...eager, panic: { below: 0.5, mode: 'fail-open' } });
    expect(world.cluster.panic).toBe('fail-open');
    expect(world.events('balancer.panic')).toMatchObject([{ active: true, mode: 'fail-open', enforced: true }]);
    for (const host of ['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4']) expect(world.node(host).endpoint.host).toBe(host);
  });

  it('that fails fast sends nothing but trials, and ends with the first that makes enough', async () => {
    const { world } = setUp({ ...eager, panic: { below: 0.5, mode: 'fail-fast' } });
    expect(world.cluster.panic).toBe('fail-fast');
    expect(world.cluster.pick({ tried: noneTried })).toBeUndefined();
    expect(world.cluster.none()).toMatchObject({ code: 'NO_ENDPOINTS', outcome: 'local', message: expect.stringContaining('panic') });
    await world.clock.advance(1_300);
    const trial = world.pick();
    const ticket = trial.begin();
    world.pick().begin();
    world.pick().begin();
    expect(world.cluster.pick({ tried: noneTried })).toBeUndefined();
    ticket.settle({ kind: 'success' });
    ticket.release();
    expect(world.cluster.panic).toBe(false);
    expect(world.events('balancer.panic').map((event) => [event.active, event.mode])).toEqual([[true, 'fail-fast'], [false, 'fail-fast']]);
    expect(picked(world)).toEqual([trial.endpoint.host, '10.0.0.3', '10.0.0.4'].sort());
  });

  it('leaves the endpoints that are left alone while backups stand by', () => {
    for (const mode of ['least-bad', 'fail-open', 'fail-fast'] as const) {
      const { world } = setUp({ ...eager, panic: { below: 0.5, mode } });
      // Discovery adds backups, of which all are well.
      world.resolve([...endpoints(5), endpointAt(8, { priority: 1 }), endpointAt(9, { priority: 1 })]);
      expect(picked(world)).toEqual(['10.0.0.8', '10.0.0.9']);
      expect(world.cluster.panic).toBe(false);
    }
  });

  it('follows the policy: another mode acts and is told at once', () => {
    const { world } = setUp();
    world.knobs = { ...world.knobs, outlier: { ...eager, panic: { below: 0.5, mode: 'fail-fast' } } };
    expect(world.cluster.pick({ tried: noneTried })).toBeUndefined();
    expect(world.events('balancer.panic').map((event) => event.mode)).toEqual(['least-bad', 'fail-fast']);
  });

  it('among equal success rates, fewer recent failures are less bad', () => {
    const world = new SmallCluster({ endpoints: endpoints(3), knobs: { outlier: eager } });
    const [a, b] = [world.node('10.0.0.0'), world.node('10.0.0.1')];
    const stragglers = Array.from({ length: 5 }, () => a.begin());
    const good = world.node('10.0.0.2');
    for (let round = 0; round < 20; round += 1) {
      for (const node of [a, b]) {
        world.attempts(good, 'success', 10);
        world.attempt(node, 'failure');
      }
    }
    expect(ejected(world).length).toBe(2);
    for (const ticket of stragglers) ticket.settle({ kind: 'failure' });
    world.resolve(endpoints(3));
    expect(world.pick(new Set(['10.0.0.2:80'])).endpoint.host).toBe('10.0.0.1');
  });
});
