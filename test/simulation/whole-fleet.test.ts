/** What happens to all endpoints at once, or to one that has just come. */
import { describe, expect, it } from 'vitest';
import { ordinary, share, simulate, type Behaviour } from './endpoints-in-time.ts';

describe('a shared outage', () => {
  it('ejects nobody, whether it fails some calls or all', async () => {
    for (const failing of [0.4, 0.9, 1]) {
      for (const seed of [201, 202]) {
        const outage: Behaviour = (now, random) => ({ after: 5, status: now > 1_000 && random.next() < failing ? 500 : 200 });
        const run = await simulate('cluster', { seed, behaviours: new Array<Behaviour>(10).fill(outage), rate: 300, duration: 5_000 });
        expect(run.successes / run.requests).toBeLessThan(1 - 0.7 * failing);
        expect(run.events.filter(({ name }) => name === 'endpoint.ejected')).toEqual([]);
      }
    }
  });
});

describe('a new endpoint', () => {
  it('gets its share within a second, neither starved nor flooded', async () => {
    for (const seed of [301, 302, 303]) {
      const late = { numbers: [9], at: 4_000 };
      const scenario = { seed, behaviours: new Array<Behaviour>(10).fill(ordinary), rate: 400, duration: 7_000, late };
      const run = await simulate('cluster', scenario);
      expect(share(run, 9, 0, 4_000)).toBe(0);
      expect(share(run, 9, 4_000, 5_000)).toBeGreaterThan(0.05);
      expect(share(run, 9, 4_000, 5_000)).toBeLessThan(0.2);
      expect(share(run, 9, 5_000)).toBeGreaterThan(0.05);
      expect(share(run, 9, 5_000)).toBeLessThan(0.2);
    }
  });
});
