/** What holds of ejection and health checks whatever happens, in virtual time. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mostEjected } from '../../src/core/ejection-limit.ts';
import { endpointKey } from '../../src/core/endpoint.ts';
import type { CheckResult, Probe } from '../../src/core/health.ts';
import type { OutcomeKind } from '../../src/core/outcome.ts';
import { onceSwitchedOn, type HealthCheckKnobs, type OutlierKnobs } from '../../src/core/policy.ts';
import type { Ticket } from '../../src/balancer/node.ts';
import { trialDueAt } from '../../src/balancer/node.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { endpoints, noneTried, outlierKnobs, SmallCluster } from './small-cluster.ts';

const checks: HealthCheckKnobs = { ...onceSwitchedOn.healthCheck, interval: 1_000, timeout: 500, healthy: 1, unhealthy: 1 };

/** What happens next: calls with this outcome at whichever endpoint is picked, time, checks that begin to fail or to pass. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ does: fc.constant('call' as const), bad: fc.nat(7), kind: fc.constantFrom<OutcomeKind>('failure', 'failure', 'overload', 'local', 'cancelled'), times: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('wait' as const), time: fc.constantFrom(10, 500, 1_500, 6_000, 40_000) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('turn' as const), endpoint: fc.nat(7), ill: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('lose' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

const rules = fc.constantFrom<Partial<OutlierKnobs>>(
  {},
  { relative: 'off', consecutiveFailures: 2 },
  { relative: 'off', successRate: { threshold: 0.9, window: 10_000, minRequests: 2 } },
  { consecutiveFailures: 3, successRate: { threshold: 0.5, window: 1_000, minRequests: 3 } },
);

class World {
  readonly clock = new VirtualClock(1_000_000);
  readonly ill = new Set<string>();
  readonly lost: Ticket[] = [];
  readonly picks: (string | undefined)[] = [];
  readonly world: SmallCluster;

  constructor(count: number, outlier: OutlierKnobs | 'off', healthCheck: HealthCheckKnobs | 'off') {
    const probe: Probe = (endpoint) => Promise.resolve<CheckResult>(this.ill.has(endpointKey(endpoint)) ? { kind: 'failed', why: 'ill' } : { kind: 'passed' });
    // The same draw each time, however many were made before: what is only observed may draw as well.
    this.world = new SmallCluster({ clock: this.clock, probe, endpoints: endpoints(count), knobs: { outlier, healthCheck }, random: { next: () => 0.5 } });
  }

  /** Calls go where they are sent; the bad one answers with `kind`, the others well. */
  async take(happens: Step, count: number): Promise<void> {
    if (happens.does === 'wait') await this.clock.advance(happens.time);
    if (happens.does === 'turn') this.ill[happens.ill ? 'add' : 'delete'](`10.0.0.${happens.endpoint % count}:80`);
    if (happens.does === 'lose') {
      const node = this.world.cluster.pick({ tried: noneTried });
      if (node !== undefined) this.lost.push(node.begin());
    }
    if (happens.does !== 'call') return;
    // Every other one is a retry that has been everywhere but at the bad one, or the balancer would keep clear of it.
    const bad = `10.0.0.${happens.bad % count}:80`;
    const elsewhere = new Set(endpoints(count).map(endpointKey).filter((key) => key !== bad));
    for (let call = 0; call < 2 * happens.times; call += 1) {
      const node = this.world.cluster.pick({ tried: call % 2 === 0 ? noneTried : elsewhere });
      this.picks.push(node?.key);
      if (node !== undefined) this.world.attempt(node, node.key === bad ? happens.kind : 'success');
      this.clock.stall(1);
    }
  }

  get loads(): number[] {
    return this.world.cluster.snapshot().map(({ load }) => load);
  }

  get ejected(): number {
    return this.world.cluster.exclusions().ejected;
  }
}

const steps = fc.array(step, { minLength: 5, maxLength: 60 });
const counts = fc.integer({ min: 1, max: 8 });

describe('whatever happens', () => {
  it('no more are ejected than may be, enough remain, and there is always somebody to send to', async () => {
    await fc.assert(
      fc.asyncProperty(counts, rules, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(4), fc.constantFrom<HealthCheckKnobs | 'off'>('off', checks), steps, async (count, rule, maxShare, minRemaining, healthCheck, happening) => {
        const outlier: OutlierKnobs = { ...outlierKnobs, ...rule, ejection: { ...outlierKnobs.ejection, maxShare, minRemaining } };
        const it = new World(count, outlier, healthCheck);
        let before = 0;
        for (const happens of happening) {
          await it.take(happens, count);
          expect(it.ejected).toBeLessThanOrEqual(Math.ceil(maxShare * count));
          expect(it.ejected).toBeLessThanOrEqual(mostEjected(count, outlier.ejection));
          // Of unhealthy ones there may be any number; but then nobody is ejected in addition.
          const { unhealthy } = it.world.cluster.exclusions();
          if (it.ejected > before && happens.does === 'call') expect(count - it.ejected - unhealthy).toBeGreaterThanOrEqual(minRemaining);
          before = it.ejected;
          expect(it.world.cluster.pick({ tried: noneTried })).toBeDefined();
        }
        it.world.cluster.close();
      }),
      { seed: 21, numRuns: 150 },
    );
  });

  it('whoever is ejected gets a trial again, also where one was lost, and is back if it goes well', async () => {
    await fc.assert(
      fc.asyncProperty(counts, rules, steps, async (count, rule, happening) => {
        const it = new World(count, { ...outlierKnobs, ...rule }, 'off');
        for (const happens of happening) await it.take(happens, count);
        // From here on all is well; but what was lost stays lost.
        for (let round = 0; round < 4 * count && it.ejected > 0; round += 1) {
          await it.clock.advance(outlierKnobs.ejection.max * 1.2);
          const node = it.world.pick();
          if (node.ejection.kind !== 'available') expect(trialDueAt(node.ejection)).toBeLessThanOrEqual(it.clock.now());
          it.world.attempt(node, 'success');
        }
        expect(it.ejected).toBe(0);
      }),
      { seed: 22, numRuns: 150 },
    );
  });

  it('what is only observed changes no pick and no load', async () => {
    const seen = { ejected: 0, returned: 0, unhealthy: 0 };
    await fc.assert(
      fc.asyncProperty(counts, rules, steps, async (count, rule, happening) => {
        const observed = new World(count, { ...outlierKnobs, ...rule, mode: 'observe' }, { ...checks, mode: 'observe' });
        const off = new World(count, 'off', 'off');
        for (const happens of happening) {
          await observed.take(happens, count);
          await off.take(happens, count);
          // Nor what the next ones depend on.
          expect(observed.loads).toEqual(off.loads);
        }
        expect(observed.picks).toEqual(off.picks);
        expect(observed.world.events('endpoint.ejected').every(({ enforced }) => !enforced)).toBe(true);
        seen.ejected += observed.world.events('endpoint.ejected').length;
        seen.returned += observed.world.events('endpoint.returned').length;
        seen.unhealthy += observed.world.events('endpoint.unhealthy').length;
        observed.world.cluster.close();
      }),
      { seed: 23, numRuns: 200 },
    );
    // Otherwise it would be about nothing.
    expect(Math.min(seen.ejected, seen.returned, seen.unhealthy)).toBeGreaterThan(10);
  });
});
