/** The subset in a cluster: with nodes, ejections, trials and connections. */
import { describe, expect, it } from 'vitest';
import { nowhere, type Position } from '../../src/balancer/position.ts';
import { STEP_BACK_AFTER } from '../../src/balancer/standby.ts';
import { endpointAt, endpoints, outlierKnobs, SmallCluster } from './small-cluster.ts';

const hosts = (world: SmallCluster) => world.cluster.endpoints.map(({ host }) => host);

/** The ejected one gets its trial, and passes it. */
function comeBack(world: SmallCluster, host: string): void {
  world.clock.stall(Math.max(0, world.state(host).ejection!.until - world.clock.wall()) + 1);
  const node = world.pick();
  expect(node.endpoint.host).toBe(host);
  world.attempt(node, 'success');
}

describe('a member of the subset that is ejected', () => {
  it('is replaced at once by the next in order, and stays for its trials', () => {
    const world = new SmallCluster({ endpoints: endpoints(100) });
    const before = hosts(world);
    world.eject(before[0]!);
    expect(world.cluster.size).toBe(21);
    expect(hosts(world).slice(0, 20)).toEqual(before);
    const [change] = world.events('subset.changed').slice(1);
    expect(change).toMatchObject({ reason: 'health', joined: [`${hosts(world)[20]}:80`], left: [], size: 21, total: 100 });
    expect(world.cluster.subset()).toMatchObject({ total: 100, size: 21, standIns: 1 });
    comeBack(world, before[0]!);
    expect(world.state(before[0]!).state).toBe('available');
  });

  it('that is back has its stand-in step back after a while, with the pick that comes then', () => {
    const world = new SmallCluster({ endpoints: endpoints(100) });
    const before = hosts(world);
    world.eject(before[0]!);
    const standIn = hosts(world)[20]!;
    comeBack(world, before[0]!);
    world.clock.stall(STEP_BACK_AFTER - 1);
    world.pick();
    expect([world.cluster.size, world.retired]).toEqual([21, []]);
    world.clock.stall(1);
    world.pick();
    expect([hosts(world), world.retired]).toEqual([before, [standIn]]);
    expect(world.events('subset.changed').at(-1)).toMatchObject({ reason: 'health', joined: [], left: [`${standIn}:80`], size: 20 });
  });

  it('that is ejected again meanwhile finds the same stand-in, and no connection is closed', () => {
    const world = new SmallCluster({ endpoints: endpoints(100) });
    const [first] = hosts(world);
    const node = world.node(first!);
    for (let time = 0; time < 5; time += 1) {
      world.eject(first!, node);
      comeBack(world, first!);
    }
    expect(world.retired).toEqual([]);
    expect(world.events('subset.changed').filter(({ reason }) => reason === 'health')).toHaveLength(1);
  });

  it('is not replaced where ejections are only observed, or off', () => {
    for (const outlier of [{ ...outlierKnobs, mode: 'observe' } as const, 'off' as const]) {
      const world = new SmallCluster({ endpoints: endpoints(100), knobs: { outlier } });
      world.eject(hosts(world)[0]!);
      expect(world.cluster.size).toBe(20);
    }
  });

  it('is left alone once ejections are switched off', () => {
    const world = new SmallCluster({ endpoints: endpoints(100) });
    const before = hosts(world);
    world.eject(before[0]!);
    world.knobs = { ...world.knobs, outlier: 'off' };
    world.pick();
    world.clock.stall(STEP_BACK_AFTER);
    world.pick();
    expect(hosts(world)).toEqual(before);
  });

  it('has nobody stand in where all endpoints are in use already', () => {
    const world = new SmallCluster({ endpoints: endpoints(5) });
    world.eject('10.0.0.0');
    expect(world.cluster.size).toBe(5);
    expect(world.events('subset.changed')).toEqual([]);
  });
});

describe('the subset of a cluster', () => {
  it('is told with its first members, and not where it is everything', () => {
    const world = new SmallCluster({ endpoints: endpoints(30) });
    expect(world.events('subset.changed')).toMatchObject([{ reason: 'discovery', left: [], size: 20, total: 30 }]);
    expect(new SmallCluster({ endpoints: endpoints(20) }).events('subset.changed')).toEqual([]);
  });

  it('says what a policy moved', () => {
    const world = new SmallCluster({ endpoints: endpoints(30) });
    world.knobs = { ...world.knobs, subset: 'off' };
    world.pick();
    expect(world.events('subset.changed').at(-1)).toMatchObject({ reason: 'policy', left: [], size: 30, total: 30 });
  });

  it('follows this process to another place among its peers', () => {
    let position: Position = { ...nowhere, peers: { own: 'a', all: ['a', 'b', 'c', 'd', 'e', 'f'] } };
    const world = new SmallCluster({ position: () => position });
    world.cluster.repositioned();
    expect(world.cluster.resolved).toBe(false);
    world.resolve(endpoints(100));
    expect(world.cluster.subset().strategy).toBe('deterministic');
    position = { ...nowhere, peers: { own: 'a', all: ['a', 'b', 'c'] } };
    world.cluster.repositioned();
    const change = world.events('subset.changed').at(-1)!;
    expect(change).toMatchObject({ reason: 'position', left: [] });
    expect(change.joined.length).toBeGreaterThan(0);
  });

  it('has another node where another pod has the address of a member, and says that it left', () => {
    const world = new SmallCluster({ endpoints: [endpointAt(0, { generation: 'a' }), endpointAt(1)] });
    const node = world.node('10.0.0.0');
    world.resolve([endpointAt(0, { generation: 'b' }), endpointAt(1)]);
    expect(world.node('10.0.0.0')).not.toBe(node);
    expect(world.retired).toEqual(['10.0.0.0']);
  });
});
