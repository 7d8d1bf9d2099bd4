import { describe, expect, it } from 'vitest';
import { defaultServicePolicy } from '../../src/core/policy.ts';
import { endpointAt, peakEwma, SmallCluster } from './small-cluster.ts';

const recent = (world: SmallCluster, host = '10.0.0.0') => world.state(host).recent;

function setUp() {
  const world = new SmallCluster({ endpoints: [endpointAt(0)], knobs: { balancer: peakEwma } });
  return { world, clock: world.clock, node: world.pick() };
}

describe('a node', () => {
  it('samples an attempt once, and releases it once', async () => {
    const { world, clock, node } = setUp();
    const ticket = node.begin();
    await clock.advance(20);
    ticket.settle({ kind: 'success' });
    ticket.settle({ kind: 'failure' });
    expect([node.pending, node.latency(clock.now())]).toEqual([1, 20]);
    ticket.release();
    ticket.release();
    expect(node.pending).toBe(0);
    expect(recent(world)).toEqual({ successes: 1, failures: 0 });
  });

  it('an attempt that nobody reported on says nothing about the endpoint', () => {
    const { world, node } = setUp();
    node.begin().release();
    expect([node.pending, node.measured]).toEqual([0, false]);
    expect(recent(world)).toEqual({ successes: 0, failures: 0 });
    expect(node.totals.cancelled).toBe(1);
  });

  it('counts successes and failures for health, and overload, our own limits and callers who left for neither', () => {
    const { world, node } = setUp();
    for (const kind of ['success', 'failure', 'overload', 'local', 'cancelled'] as const) world.attempt(node, kind);
    expect(recent(world)).toEqual({ successes: 1, failures: 1 });
    expect(node.totals).toEqual({ success: 1, failure: 1, overload: 1, local: 1, cancelled: 1 });
  });

  it('forgets for health what has left the window', async () => {
    const { world, clock, node } = setUp();
    world.attempts(node, 'failure', 3);
    await clock.advance(defaultServicePolicy.outlier.relative.window + 1);
    expect(recent(world)).toEqual({ successes: 0, failures: 0 });
  });

  it('a body that breaks off after its first byte is a failure in place of a success, but no slow answer', async () => {
    const { world, clock, node } = setUp();
    const ticket = node.begin();
    await clock.advance(20);
    ticket.settle({ kind: 'success' });
    ticket.breakOff({ kind: 'failure' });
    ticket.breakOff({ kind: 'failure' });
    expect(recent(world)).toEqual({ successes: 0, failures: 1 });
    expect(node.totals).toMatchObject({ success: 0, failure: 1 });
    expect([node.latency(clock.now()), node.pending]).toEqual([20, 0]);
  });

  it('a body that breaks off before its first byte is a failure and nothing else', () => {
    const { world, node } = setUp();
    node.begin().breakOff({ kind: 'failure' });
    expect(recent(world)).toEqual({ successes: 0, failures: 1 });
    expect(node.latency(world.clock.now())).toBe(defaultServicePolicy.balancer.failurePenalty);
  });

  it('a failed reply whose body breaks off fails once', () => {
    const { world, node } = setUp();
    const ticket = node.begin();
    ticket.settle({ kind: 'failure' });
    ticket.breakOff({ kind: 'failure' });
    expect(recent(world)).toEqual({ successes: 0, failures: 1 });
  });

  it('a caller who leaves in the middle of a body changes nothing', () => {
    const { world, node } = setUp();
    const ticket = node.begin();
    ticket.settle({ kind: 'success' });
    ticket.breakOff({ kind: 'cancelled' });
    expect(recent(world)).toEqual({ successes: 1, failures: 0 });
    expect(node.pending).toBe(0);
  });

  it('an attempt that ends after its endpoint left changes nothing', () => {
    const world = new SmallCluster({ endpoints: [endpointAt(0), endpointAt(1)] });
    const ticket = world.node('10.0.0.0').begin();
    world.resolve([endpointAt(1)]);
    ticket.settle({ kind: 'failure' });
    ticket.release();
    expect(world.cluster.snapshot().map((one) => one.endpoint)).toEqual(['10.0.0.1:80']);
  });
});
