import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Cancellation } from '../../src/core/cancellation.ts';
import { endpointAt, endpoints, noneTried, SmallCluster } from './small-cluster.ts';

describe('a cluster', () => {
  it('is unresolved until discovery answered, and has nothing to pick until then', () => {
    const world = new SmallCluster();
    expect([world.cluster.resolved, world.cluster.size, world.cluster.pick({ tried: noneTried })]).toEqual([false, 0, undefined]);
    world.resolve(endpoints(3));
    expect([world.cluster.resolved, world.cluster.size]).toEqual([true, 3]);
  });

  it('is ready at once when discovery has answered, even that there is nothing', async () => {
    const world = new SmallCluster({ endpoints: [] });
    await world.cluster.ready(new Cancellation());
    expect(world.cluster.pick({ tried: noneTried })).toBeUndefined();
    expect(world.refreshed).toEqual(['none-available']);
  });

  it('says what changed, once, and nothing where nothing did', () => {
    const world = new SmallCluster({ endpoints: endpoints(2) });
    world.resolve([...endpoints(2)].reverse());
    world.resolve([endpointAt(1), endpointAt(2)]);
    expect(world.events('endpoints.changed')).toEqual([
      { service: 'reviews', added: ['10.0.0.0:80', '10.0.0.1:80'], removed: [], total: 2, source: 'a test' },
      { service: 'reviews', added: ['10.0.0.2:80'], removed: ['10.0.0.0:80'], total: 2, source: 'a test' },
    ]);
    expect(world.retired).toEqual(['10.0.0.0']);
  });

  it('keeps all that is known of the endpoints that stay', () => {
    const steps = fc.array(fc.record({ keep: fc.uniqueArray(fc.nat(9), { minLength: 1 }), latency: fc.nat(3_000) }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(steps, (answers) => {
        const world = new SmallCluster({ endpoints: endpoints(10) });
        for (const { keep, latency } of answers) {
          const ticket = world.pick().begin();
          world.clock.stall(latency);
          ticket.settle({ kind: 'success' });
          const before = new Map(world.cluster.snapshot().map((one) => [one.endpoint, one]));
          world.resolve(keep.map((number) => endpointAt(number)));
          for (const after of world.cluster.snapshot()) if (before.has(after.endpoint)) expect(after).toEqual(before.get(after.endpoint));
          expect(world.cluster.size).toBe(keep.length);
        }
      }),
    );
  });

  it('keeps an ejection over a new answer', () => {
    const world = new SmallCluster({ endpoints: endpoints(5) });
    world.eject('10.0.0.0');
    world.resolve(endpoints(7));
    expect(world.state('10.0.0.0').state).toBe('ejected');
  });

  it('keeps what it knows of an endpoint whose address of the other family changes', () => {
    const world = new SmallCluster({ endpoints: [endpointAt(0), endpointAt(1)] });
    const one = world.cluster.pick({ tried: new Set(['10.0.0.1:80']) });
    world.resolve([endpointAt(0, { alternate: '2001:db8::1' }), endpointAt(1, { alternate: '2001:db8::2' })]);
    expect(world.cluster.pick({ tried: new Set(['10.0.0.1:80']) })).toBe(one);
    expect(world.retired).toEqual([]);
    expect(world.cluster.endpoints.map(({ alternate }) => alternate)).toEqual(['2001:db8::1', '2001:db8::2']);
  });

  it('takes weight and priority from the newest answer', () => {
    const world = new SmallCluster({ endpoints: [endpointAt(0, { weight: 1 })] });
    const node = world.pick();
    world.resolve([endpointAt(0, { weight: 5, priority: 2 })]);
    expect(world.pick()).toBe(node);
    expect(world.state('10.0.0.0')).toMatchObject({ weight: 5, priority: 2 });
    expect(world.retired).toEqual([]);
  });

  it('only adds from an answer that was cut short', () => {
    const world = new SmallCluster({ endpoints: endpoints(3) });
    world.resolve([endpointAt(2, { weight: 4 }), endpointAt(3)], false);
    expect(world.cluster.size).toBe(4);
    expect(world.state('10.0.0.2').weight).toBe(4);
    expect([world.retired, world.events('endpoints.changed').at(-1)!.removed]).toEqual([[], []]);
  });

  it('an answer that was cut short to nothing is no answer', () => {
    const world = new SmallCluster();
    world.resolve([], false);
    expect(world.cluster.resolved).toBe(false);
  });

  it('does not grow without end from answers that are cut short', () => {
    const world = new SmallCluster({ endpoints: endpoints(1) });
    for (let answer = 0; answer < 20; answer += 1) {
      world.resolve(Array.from({ length: 2_000 }, (_, number) => endpointAt(answer * 2_000 + number)), false);
    }
    expect(world.cluster.total).toBe(16_384);
  });

  it('an address that is named twice is one endpoint, of the better priority', () => {
    for (const twice of [[endpointAt(0, { priority: 2 }), endpointAt(0)], [endpointAt(0), endpointAt(0, { priority: 2 })]]) {
      const world = new SmallCluster({ endpoints: twice });
      expect([world.cluster.size, world.state('10.0.0.0').priority]).toEqual([1, 0]);
    }
  });

  it('talks to a subset of each priority, and to all where that is off', () => {
    const found = [...endpoints(100), ...Array.from({ length: 50 }, (_, number) => endpointAt(300 + number, { priority: 1 }))];
    const world = new SmallCluster({ endpoints: found });
    expect([world.cluster.size, world.cluster.total]).toEqual([40, 150]);
    expect(new SmallCluster({ endpoints: found, knobs: { subset: 'off' } }).cluster.size).toBe(150);
    expect(new SmallCluster({ endpoints: found, knobs: { subset: { size: 5, strategy: 'off', ordinal: 'auto', peers: 'off' } } }).cluster.size).toBe(150);
  });

  it('the same client has the same subset after a restart, another client another', () => {
    const hosts = (identity: string) => new SmallCluster({ endpoints: endpoints(100), identity }).cluster.endpoints.map((endpoint) => endpoint.host);
    expect(hosts('a')).toEqual(hosts('a'));
    expect(hosts('a')).not.toEqual(hosts('b'));
  });

  it('a reload changes the size of the subset with the next pick, retires what leaves and forgets nothing of what stays', () => {
    const world = new SmallCluster({ endpoints: endpoints(100) });
    world.attempts(world.pick(), 'success', 3);
    const measured = () => world.cluster.snapshot().filter((one) => one.measured);
    const known = measured()[0]!;
    world.knobs = { ...world.knobs, subset: { size: 30, strategy: 'auto', ordinal: 'auto', peers: 'off' } };
    world.pick();
    expect([world.cluster.size, world.retired.length]).toEqual([30, 0]);
    expect(measured()).toEqual([known]);
    world.knobs = { ...world.knobs, subset: { size: 3, strategy: 'auto', ordinal: 'auto', peers: 'off' } };
    world.pick();
    expect([world.cluster.size, world.retired.length]).toEqual([3, 27]);
  });

  it('avoids an endpoint that is full while there is another', () => {
    const world = new SmallCluster({ endpoints: endpoints(3), knobs: { maxPerEndpoint: 1 } });
    const first = world.pick();
    first.begin();
    for (let time = 0; time < 100; time += 1) expect(world.pick()).not.toBe(first);
    for (const host of ['10.0.0.0', '10.0.0.1', '10.0.0.2']) world.node(host).begin();
    expect(world.pick()).toBeDefined();
  });

  it('never picks a tried endpoint while an untried one is there', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.uniqueArray(fc.nat(7)), fc.integer(), (count, tried, seed) => {
        const world = new SmallCluster({ endpoints: endpoints(count), seed });
        const keys = new Set(tried.map((number) => `10.0.0.${number}:80`));
        const untried = Array.from({ length: count }, (_, number) => `10.0.0.${number}:80`).some((key) => !keys.has(key));
        if (untried) expect(keys).not.toContain(world.pick(keys).key);
        else expect(world.pick(keys)).toBeDefined();
      }),
    );
  });

  it('presumes a new endpoint to be like the others, and the initial latency only where nothing was ever measured', () => {
    const world = new SmallCluster({ endpoints: endpoints(2) });
    expect(world.state('10.0.0.0').latency).toBe(world.knobs.balancer.initialLatency);
    const ticket = world.node('10.0.0.0').begin();
    world.clock.stall(8);
    ticket.settle({ kind: 'success' });
    world.resolve(endpoints(3));
    expect(world.state('10.0.0.2')).toMatchObject({ latency: 8, measured: false });
  });

  it('shows itself as plain data', () => {
    const world = new SmallCluster({ endpoints: endpoints(5) });
    world.eject('10.0.0.0');
    const shown = world.cluster.snapshot();
    expect(JSON.parse(JSON.stringify(shown))).toEqual(shown);
    const { ejection, totals } = world.state('10.0.0.0');
    expect(totals.failure).toBeGreaterThan(3);
    expect(ejection).toMatchObject({ ejections: 1, why: 'success rate 0 %, that of the others 100 %' });
    expect(ejection!.until - world.clock.wall()).toBeGreaterThanOrEqual(800);
    expect(ejection!.until - world.clock.wall()).toBeLessThanOrEqual(1_200);
  });

  it('arms no timer', async () => {
    const world = new SmallCluster({ endpoints: endpoints(5) });
    world.eject('10.0.0.0');
    world.pick().begin();
    expect(world.clock.timers).toBe(0);
  });
});
