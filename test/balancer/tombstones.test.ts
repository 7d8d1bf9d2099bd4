import { describe, expect, it } from 'vitest';
import { collect } from '../support/collect.ts';
import { endpoints, endpointAt, peakEwma, SmallCluster } from './small-cluster.ts';

const bad = '10.0.0.0';

function withoutBad(): ReturnType<typeof endpoints> {
  return endpoints(5).filter((endpoint) => endpoint.host !== bad);
}

describe('an endpoint that left and is back', () => {
  it('R-13: is as ejected as it was, and as slow', async () => {
    const world = new SmallCluster({ endpoints: endpoints(5), knobs: { balancer: peakEwma } });
    const slow = world.node('10.0.0.1').begin();
    await world.clock.advance(400);
    slow.settle({ kind: 'success' });
    slow.release();
    const latency = world.state('10.0.0.1').latency;
    world.eject(bad);
    world.resolve([endpointAt(2), endpointAt(3), endpointAt(4)]);
    expect(world.retired).toEqual(expect.arrayContaining([bad, '10.0.0.1']));
    world.resolve(endpoints(5));
    expect(world.state(bad).state).toBe('ejected');
    expect(world.state('10.0.0.1')).toMatchObject({ measured: true });
    expect(world.state('10.0.0.1').latency).toBeGreaterThan(latency / 2);
  });

  it('after more than a minute is a new one', async () => {
    const world = new SmallCluster({ endpoints: endpoints(5) });
    world.eject(bad);
    world.resolve(withoutBad());
    await world.clock.advance(60_001);
    world.resolve(endpoints(5));
    expect(world.state(bad)).toMatchObject({ state: 'available', measured: false });
  });

  it('is a new one where somebody else is at its address', () => {
    const world = new SmallCluster({ endpoints: [...withoutBad(), endpointAt(0, { generation: 'pod-1' })] });
    world.eject(bad);
    world.resolve(withoutBad());
    world.resolve([...withoutBad(), endpointAt(0, { generation: 'pod-2' })]);
    expect(world.state(bad)).toMatchObject({ state: 'available', measured: false });
  });

  it('is a new one too where it did not even leave', () => {
    const world = new SmallCluster({ endpoints: [...withoutBad(), endpointAt(0, { generation: 'pod-1' })] });
    world.eject(bad);
    world.resolve([...withoutBad(), endpointAt(0, { generation: 'pod-2' })]);
    expect(world.state(bad)).toMatchObject({ state: 'available', measured: false });
    // Its connections are to the one that is gone.
    expect(world.retired).toEqual([bad]);
    world.resolve([...withoutBad(), endpointAt(0, { generation: 'pod-2' })]);
    expect(world.retired).toEqual([bad]);
  });

  it('hears again of its attempts, and those of its absence changed nothing', () => {
    const world = new SmallCluster({ endpoints: endpoints(5) });
    const node = world.node(bad);
    const [absent, present] = [node.begin(), node.begin()];
    world.resolve(withoutBad());
    absent.settle({ kind: 'success' });
    absent.release();
    expect(node.measured).toBe(false);
    world.resolve(endpoints(5));
    present.settle({ kind: 'success' });
    present.release();
    expect(world.state(bad)).toMatchObject({ measured: true, pending: 0 });
  });

  it('does not pile up what is known of sets that are replaced whole', () => {
    const world = new SmallCluster({ knobs: { subset: 'off' } });
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let round = 0; round < 40; round += 1) {
      world.resolve(Array.from({ length: 1000 }, (_, number) => endpointAt(0, { host: `10.${round}.${number >> 8}.${number & 255}` })));
    }
    collect();
    // 40,000 nodes of a kilobyte or two would be twice that and more; 5,096 are some 11 MB.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(20 * 1024 * 1024);
  });
});
