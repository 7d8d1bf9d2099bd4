/**
 * One of ten endpoints is bad in one way or another, from the second second on. Round robin gives it its tenth and loses what
 * goes there; each figure is asserted against that, in the same run, on several seeds.
 */
import { describe, expect, it } from 'vitest';
import { ordinary, share, simulate, type Behaviour, type Run } from './endpoints-in-time.ts';

const BAD_FROM = 2_000;
const seeds = [101, 102, 103];

async function compare(bad: Behaviour, check: (cluster: Run, roundRobin: Run) => void): Promise<void> {
  const turning: Behaviour = (now, random) => (now < BAD_FROM ? ordinary : bad)(now, random);
  const behaviours = [turning, ...new Array<Behaviour>(9).fill(ordinary)];
  for (const seed of seeds) {
    const scenario = { seed, behaviours, rate: 400, duration: 8_000 };
    check(await simulate('cluster', scenario), await simulate('round-robin', scenario));
  }
}

const successRate = (run: Run) => run.successes / run.requests;

describe('with one bad endpoint of ten', () => {
  it('that is twenty times slower, a tenth of its share or less goes there', async () => {
    const slow: Behaviour = (_, random) => ({ after: 200 + 100 * random.next(), status: 200 });
    await compare(slow, (cluster, roundRobin) => {
      expect(share(roundRobin, 0, BAD_FROM)).toBeGreaterThan(0.09);
      expect(share(cluster, 0, BAD_FROM)).toBeLessThan(0.01);
    });
  });

  it('that hangs, a tenth of its share or less goes there, and hardly any call is lost', async () => {
    await compare(() => 'never', (cluster, roundRobin) => {
      expect(share(roundRobin, 0, BAD_FROM)).toBeGreaterThan(0.09);
      expect(share(cluster, 0, BAD_FROM)).toBeLessThan(0.01);
      expect(successRate(roundRobin)).toBeLessThan(0.94);
      expect(successRate(cluster)).toBeGreaterThan(0.99);
    });
  });

  it('that fails in one millisecond (a black hole), a tenth of its share or less goes there, and hardly any call is lost', async () => {
    await compare(() => ({ after: 1, status: 500 }), (cluster, roundRobin) => {
      expect(share(roundRobin, 0, BAD_FROM)).toBeGreaterThan(0.09);
      expect(share(cluster, 0, BAD_FROM)).toBeLessThan(0.01);
      expect(successRate(roundRobin)).toBeLessThan(0.94);
      expect(successRate(cluster)).toBeGreaterThan(0.995);
    });
  });
});
