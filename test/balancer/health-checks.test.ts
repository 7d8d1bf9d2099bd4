/** Active checks in virtual time, against endpoints whose health the test decides. */
import { describe, expect, it } from 'vitest';
import type { Cancellation } from '../../src/core/cancellation.ts';
import { endpointKey } from '../../src/core/endpoint.ts';
import type { CheckResult, Probe } from '../../src/core/health.ts';
import { defaultServicePolicy, onceSwitchedOn, type HealthCheckKnobs, type OutlierKnobs } from '../../src/core/policy.ts';
import { MOST_AT_A_TIME } from '../../src/balancer/health-checks.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { endpointAt, endpoints, noneTried, outlierKnobs, SmallCluster } from './small-cluster.ts';

const knobs: HealthCheckKnobs = onceSwitchedOn.healthCheck;
const { interval } = knobs;
const INTERVALS = 4 * interval;

interface Options {
  readonly count?: number;
  readonly healthCheck?: HealthCheckKnobs | 'off';
  readonly outlier?: OutlierKnobs | 'off';
  readonly seed?: number;
  readonly size?: number;
}

/** A cluster whose endpoints answer checks after `latency`; those in `ill` fail. */
class Checked {
  readonly clock = new VirtualClock(1_000_000);
  readonly ill = new Map<string, CheckResult>();
  /** When each endpoint was asked. */
  readonly asked: { readonly key: string; readonly at: number }[] = [];
  readonly cancelled: string[] = [];
  latency = 5;
  underWay = 0;
  mostUnderWay = 0;
  readonly world: SmallCluster;

  constructor({ count = 4, healthCheck = knobs, outlier = outlierKnobs, seed = 1, size = 20 }: Options = {}) {
    const probe: Probe = async (endpoint, _knobs, cancellation: Cancellation) => {
      const key = endpointKey(endpoint);
      this.asked.push({ key, at: this.clock.now() });
      this.underWay += 1;
      this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
      await new Promise<void>((resolve) => {
        const timer = this.clock.after(this.latency, resolve, 'background');
        cancellation.subscribe({
          cancelled: () => {
            this.cancelled.push(key);
            timer.cancel();
            resolve();
          },
        });
      });
      this.underWay -= 1;
      return this.ill.get(key) ?? { kind: 'passed' };
    };
    this.world = new SmallCluster({ clock: this.clock, probe, seed, endpoints: endpoints(count), knobs: { healthCheck, outlier, subset: { ...defaultServicePolicy.subset, size } } });
  }

  fail(host: string, why = 'status 503'): void {
    this.ill.set(`${host}:80`, { kind: 'failed', why });
  }

  heal(host: string): void {
    this.ill.delete(`${host}:80`);
  }

  times(host: string): number[] {
    return this.asked.filter(({ key }) => key === `${host}:80`).map(({ at }) => at);
  }

  picked(times = 200): string[] {
    return [...new Set(Array.from({ length: times }, () => this.world.pick().endpoint.host))].sort();
  }
}

const bad = '10.0.0.0';

describe('health checks', () => {
  it('ask every endpoint once within the first interval, and then every interval, give or take a tenth', async () => {
    const checked = new Checked({ count: 8 });
    await checked.clock.advance(20 * interval);
    for (let number = 0; number < 8; number += 1) {
      const times = checked.times(`10.0.0.${number}`);
      expect(times[0]! - 1_000_000).toBeLessThan(interval);
      expect(times.length).toBeGreaterThan(17);
      for (const [index, at] of times.slice(1).entries()) {
        const waited = at - times[index]! - checked.latency;
        expect(waited).toBeGreaterThanOrEqual(0.9 * interval);
        expect(waited).toBeLessThanOrEqual(1.1 * interval);
      }
    }
  });

  it('of a fleet that started together are spread over the interval, and stay so', async () => {
    const buckets = new Array<number>(10).fill(0);
    const later = new Array<number>(10).fill(0);
    for (let client = 0; client < 200; client += 1) {
      const checked = new Checked({ count: 1, seed: client });
      await checked.clock.advance(11 * interval);
      const times = checked.times(bad).map((at) => at - 1_000_000);
      buckets[Math.floor(times[0]! / (interval / 10))]! += 1;
      later[Math.floor((times[9]! % interval) / (interval / 10))]! += 1;
    }
    // 20 each in the mean; 3.5 standard deviations of a binomial are 15.
    for (const count of [...buckets, ...later]) {
      expect(count).toBeGreaterThan(5);
      expect(count).toBeLessThan(36);
    }
  });

  it('take an unhealthy endpoint out, say why, and bring it back', async () => {
    const checked = new Checked();
    await checked.clock.advance(2 * interval);
    checked.fail(bad, 'status 503');
    expect(checked.picked()).toContain(bad);
    await checked.clock.advance(INTERVALS);
    expect(checked.picked()).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    expect(checked.world.events('endpoint.unhealthy')).toEqual([{ service: 'reviews', endpoint: `${bad}:80`, why: 'status 503', enforced: true }]);
    expect(checked.world.state(bad)).toMatchObject({ state: 'available', health: { state: 'unhealthy', why: 'status 503' } });
    expect(checked.world.state('10.0.0.1').health).toEqual({ state: 'healthy' });
    const { since } = checked.world.state(bad).health!;
    checked.heal(bad);
    await checked.clock.advance(interval);
    expect(checked.world.events('endpoint.healthy')).toEqual([]);
    await checked.clock.advance(2 * interval);
    expect(checked.picked()).toContain(bad);
    const [event] = checked.world.events('endpoint.healthy');
    expect(event).toMatchObject({ service: 'reviews', endpoint: `${bad}:80`, enforced: true });
    expect(event!.after).toBeLessThanOrEqual(checked.clock.wall() - since!);
  });

  it('use an endpoint that was never asked, and take it out only after as many failures as any other', async () => {
    const checked = new Checked();
    checked.fail(bad);
    expect(checked.picked()).toContain(bad);
    expect(checked.world.state(bad).health).toEqual({ state: 'unknown' });
    await checked.clock.advance(1.5 * interval);
    expect(checked.picked()).toContain(bad);
    await checked.clock.advance(INTERVALS);
    expect(checked.picked()).not.toContain(bad);
    // The one that joins is used at once as well.
    checked.world.resolve([...endpoints(4), endpointAt(9)]);
    expect(checked.picked()).toContain('10.0.0.9');
  });

  it('that say nothing count for nothing', async () => {
    const checked = new Checked();
    checked.ill.set(`${bad}:80`, { kind: 'nothing' });
    await checked.clock.advance(20 * interval);
    expect(checked.world.state(bad).health).toEqual({ state: 'unknown' });
    expect(checked.times(bad).length).toBeGreaterThan(15);
    expect(checked.world.events('endpoint.unhealthy')).toEqual([]);
  });

  it('do not touch load, record or totals', async () => {
    const checked = new Checked();
    checked.fail(bad);
    await checked.clock.advance(10 * interval);
    expect(checked.world.state(bad)).toMatchObject({ pending: 0, measured: false, recent: { successes: 0, failures: 0 }, totals: { success: 0, failure: 0, overload: 0, local: 0, cancelled: 0 } });
  });

  it('are never more than so many at a time, and all come to their turn', async () => {
    const checked = new Checked({ count: 100, size: 100 });
    checked.latency = 0.9 * interval;
    await checked.clock.advance(20 * interval);
    expect(checked.mostUnderWay).toBe(MOST_AT_A_TIME);
    expect(new Set(checked.asked.map(({ key }) => key)).size).toBe(100);
  });

  it('are for the subset alone', async () => {
    const checked = new Checked({ count: 30, size: 5 });
    await checked.clock.advance(5 * interval);
    expect(new Set(checked.asked.map(({ key }) => key)).size).toBe(5);
    expect(new Set(checked.asked.map(({ key }) => key))).toEqual(new Set(checked.world.cluster.snapshot().map(({ endpoint }) => endpoint)));
  });

  it('of a member that is unhealthy go on while another stands in, and it comes back', async () => {
    const checked = new Checked({ count: 30, size: 5 });
    const [victim] = checked.world.cluster.snapshot().map(({ endpoint }) => endpoint.replace(':80', ''));
    checked.fail(victim!);
    await checked.clock.advance(6 * interval);
    expect(checked.picked()).not.toContain(victim);
    expect(checked.picked().length).toBe(5);
    expect(checked.world.cluster.subset()).toMatchObject({ size: 6, standIns: 1 });
    checked.heal(victim!);
    await checked.clock.advance(6 * interval);
    expect(checked.picked()).toContain(victim);
  });

  it('end when the endpoint leaves, also the one under way, and begin anew when it is back', async () => {
    const checked = new Checked();
    checked.fail(bad);
    await checked.clock.advance(5 * interval);
    expect(checked.picked()).not.toContain(bad);
    checked.latency = 0.5 * interval;
    await checked.clock.advance(2 * interval);
    while (checked.asked.at(-1)!.key !== `${bad}:80`) await checked.clock.advance(100);
    checked.world.resolve(endpoints(4).slice(1));
    expect(checked.cancelled).toEqual([`${bad}:80`]);
    const before = checked.times(bad).length;
    await checked.clock.advance(5 * interval);
    expect(checked.times(bad).length).toBe(before);
    // It left; that it is well again nobody said.
    expect(checked.world.events('endpoint.healthy')).toEqual([]);
    checked.world.resolve(endpoints(4));
    expect(checked.world.state(bad).health).toEqual({ state: 'unknown' });
    expect(checked.picked()).toContain(bad);
    await checked.clock.advance(interval);
    expect(checked.times(bad).length).toBe(before + 1);
  });

  it('leave no timer and no question behind when the cluster is closed', async () => {
    const checked = new Checked({ count: 40, size: 40 });
    checked.latency = 3 * interval;
    await checked.clock.advance(interval);
    expect(checked.underWay).toBe(MOST_AT_A_TIME);
    checked.world.cluster.close();
    await checked.clock.advance(0);
    expect([checked.underWay, checked.clock.timers]).toEqual([0, 0]);
    checked.world.resolve(endpoints(45));
    expect(checked.clock.timers).toBe(0);
  });

  it('start when a reload switches them on, and give back what they took when it switches them off', async () => {
    const checked = new Checked({ healthCheck: 'off' });
    await checked.clock.advance(2 * interval);
    expect([checked.asked.length, checked.clock.timers]).toEqual([0, 0]);
    checked.fail(bad);
    checked.world.knobs = { ...checked.world.knobs, healthCheck: knobs };
    checked.world.pick();
    await checked.clock.advance(5 * interval);
    expect(checked.picked()).not.toContain(bad);
    const asked = checked.asked.length;
    checked.world.knobs = { ...checked.world.knobs, healthCheck: 'off' };
    // Nobody calls, so only the checks themselves can notice.
    await checked.clock.advance(1.2 * interval);
    expect(checked.world.events('endpoint.healthy').length).toBe(1);
    expect([checked.asked.length, checked.clock.timers]).toEqual([asked, 0]);
    expect(checked.picked()).toContain(bad);
    expect(checked.world.state(bad).health).toBeUndefined();
  });

  it('ask at the new interval after a reload, from the next answer on', async () => {
    const checked = new Checked({ count: 1 });
    await checked.clock.advance(2 * interval);
    checked.world.knobs = { ...checked.world.knobs, healthCheck: { ...knobs, interval: 100 } };
    await checked.clock.advance(1.1 * interval);
    const before = checked.asked.length;
    await checked.clock.advance(1_000);
    expect(checked.asked.length - before).toBeGreaterThan(7);
  });

  it('when only observed, are asked and told all the same, and change no pick', async () => {
    const run = async (healthCheck: HealthCheckKnobs | 'off') => {
      const checked = new Checked({ healthCheck, seed: 5 });
      checked.fail(bad);
      checked.fail('10.0.0.1');
      checked.fail('10.0.0.2');
      await checked.clock.advance(6 * interval);
      return checked;
    };
    const observed = await run({ ...knobs, mode: 'observe' });
    expect(observed.world.events('endpoint.unhealthy').map(({ enforced }) => enforced)).toEqual([false, false, false]);
    expect(observed.world.cluster.panic).toBe('observed');
    expect(observed.world.events('balancer.panic')).toMatchObject([{ active: true, unhealthy: 3, enforced: false }]);
    expect(observed.picked()).toEqual(['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.3']);
    observed.heal(bad);
    await observed.clock.advance(4 * interval);
    expect(observed.world.events('endpoint.healthy')).toMatchObject([{ enforced: false }]);
  });
});

describe('with ejection', () => {
  it('an endpoint is used only if neither speaks against it', async () => {
    const checked = new Checked();
    const { world, clock } = checked;
    await clock.advance(2 * interval);
    const node = world.eject(bad);
    checked.fail(bad);
    await clock.advance(INTERVALS);
    // Its ejection is long over, but a trial is traffic, too.
    expect(world.state(bad)).toMatchObject({ state: 'ejected', health: { state: 'unhealthy' } });
    expect(checked.picked()).not.toContain(bad);
    checked.heal(bad);
    await clock.advance(3 * interval);
    // Passed checks do not end the ejection; its trial does.
    expect(world.state(bad)).toMatchObject({ state: 'ejected', health: { state: 'healthy' } });
    expect(world.pick()).toBe(node);
    world.attempt(node, 'success');
    expect(world.state(bad).state).toBe('available');
    expect(checked.picked()).toContain(bad);
  });

  it('nobody is ejected where too few would remain for health', async () => {
    const checked = new Checked({ outlier: { ...outlierKnobs, ejection: { ...outlierKnobs.ejection, minRemaining: 2 } } });
    for (const host of ['10.0.0.1', '10.0.0.2']) checked.fail(host);
    await checked.clock.advance(5 * interval);
    expect(checked.picked()).toEqual([bad, '10.0.0.3']);
    const node = checked.world.node(bad);
    checked.world.attempts(checked.world.node('10.0.0.3'), 'success', 50);
    checked.world.attempts(node, 'failure', 20);
    expect(checked.world.state(bad).state).toBe('available');
    expect(checked.world.events('endpoint.ejection.limited').length).toBe(1);
  });
});

describe('in panic', () => {
  it('unhealthy endpoints are used after those that are ejected, and never none', async () => {
    const checked = new Checked({ outlier: { ...outlierKnobs, ejection: { ...outlierKnobs.ejection, base: 3_600_000, max: 3_600_000 } } });
    const { world, clock } = checked;
    await clock.advance(2 * interval);
    world.eject(bad);
    for (const host of ['10.0.0.1', '10.0.0.2']) checked.fail(host);
    await clock.advance(INTERVALS);
    expect(world.events('balancer.panic')).toMatchObject([{ active: true, mode: 'least-bad', ejected: 1, unhealthy: 2, total: 4, enforced: true }]);
    expect(world.cluster.exclusions()).toEqual({ ejected: 1, unhealthy: 2, mostEjected: 2 });
    expect(world.pick(new Set(['10.0.0.3:80'])).endpoint.host).toBe(bad);
    checked.fail('10.0.0.3');
    await clock.advance(INTERVALS);
    expect(world.pick()).toBeDefined();
  });

  it('that fails fast, nothing is sent until checks pass', async () => {
    const checked = new Checked({ outlier: { ...outlierKnobs, panic: { below: 0.5, mode: 'fail-fast' } } });
    for (const { endpoint } of checked.world.cluster.snapshot()) checked.fail(endpoint.replace(':80', ''));
    await checked.clock.advance(6 * interval);
    expect(checked.world.cluster.pick({ tried: noneTried })).toBeUndefined();
    checked.ill.clear();
    await checked.clock.advance(4 * interval);
    expect(checked.picked().length).toBe(4);
  });

  it('with outlier off the defaults say what panic does', async () => {
    const checked = new Checked({ outlier: 'off' });
    for (const host of ['10.0.0.0', '10.0.0.1', '10.0.0.2']) checked.fail(host);
    await checked.clock.advance(6 * interval);
    expect(checked.world.cluster.panic).toBe('least-bad');
    expect(checked.world.cluster.pick({ tried: new Set(['10.0.0.3:80']) })).toBeDefined();
  });
});
