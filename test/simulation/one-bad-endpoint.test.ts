/**
 * One of fifty endpoints is bad in one way or another for six seconds; nobody is ejected and nothing is retried, so what is seen is
 * the choice alone, but where it says otherwise. Round robin gives it its fiftieth, in the same run.
 */
import { describe, expect, it } from 'vitest';
import { defaultServicePolicy, type ServicePolicy } from '../../src/core/policy.ts';
import { compare, record, seeds, whole, type Played } from './compare.ts';
import { playLayered } from './layered.ts';
import { badFrom, badUntil, blackHole, oneHung, oneSlow } from './scenarios.ts';
import { c3 } from './ways/c3.ts';
import { finaglePeakEwma } from './ways/finagle.ts';
import { inmesh, ours } from './ways/inmesh.ts';
import { prequal } from './ways/prequal.ts';
import { leastRequest, random, roundRobin } from './ways/simple.ts';
import { weightedRoundRobin } from './ways/weighted-round-robin.ts';
import type { Scenario } from './world.ts';

const peakEwma = inmesh('inmesh, peak-ewma', { outlier: 'off', balancer: { ...defaultServicePolicy.balancer, type: 'peak-ewma' } });
const others = whole
  ? [random, weightedRoundRobin, leastRequest(2), leastRequest('all'), finaglePeakEwma, peakEwma, c3(), c3({ choices: 2, exponent: 2, memory: 8 }), prequal(), prequal('fewest in flight')]
  : [finaglePeakEwma];

function played(row: string, title: string, published: string, scenario: Scenario): ReadonlyMap<string, Played> {
  const all = compare(scenario, [roundRobin, ours, ...others]);
  const lines = [...all.values()].map(({ line: { way, success, mean, p99, p999, busiest } }) => ({ way, success, mean, p99, p999, busiest }));
  record({ row, title, published, tables: [{ caption: '', lines }], plot: { kind: 'bars', table: 0, figure: 'success', scale: 'linear' } });
  return all;
}

/** The bad one's share of the requests while it is bad, the worst of the seeds. */
const share = ({ runs }: Played): number => Math.max(...runs.map((run) => run.shares(badFrom, badUntil)[0]!));

describe('with one bad endpoint of fifty', () => {
  it('that is twenty times slower, it gets a fifth of its share or less, and nobody waits for it a second', () => {
    const all = played('slow', 'One endpoint of fifty is twenty times slower', 'not published', oneSlow);
    const [mine, theirs] = [all.get('inmesh')!, all.get('round robin')!];
    expect(share(theirs)).toBeGreaterThan(0.018);
    expect(share(mine)).toBeLessThan(0.004);
    expect(theirs.line.success.mean).toBeLessThan(0.99);
    expect(mine.line.success.least).toBeGreaterThan(0.9995);
  });

  it('that hangs, it gets a tenth of its share or less, long before the first timeout', () => {
    const all = played('hung', 'One endpoint of fifty takes requests and never answers', 'not published', oneHung);
    const [mine, theirs] = [all.get('inmesh')!, all.get('round robin')!];
    expect(share(theirs)).toBeGreaterThan(0.018);
    expect(share(mine)).toBeLessThan(0.002);
    // Of the first second, in which nothing has timed out yet.
    expect(Math.max(...mine.runs.map((run) => run.shares(badFrom + 200, badFrom + 1_000)[0]!))).toBeLessThan(0.002);
    expect(mine.line.success.least).toBeGreaterThan(0.999);
  });

  it('that refuses in half a millisecond (a black hole), a tenth of its share or less goes there (H6)', () => {
    const all = played('H6', 'One endpoint of fifty fails everything in half a millisecond', 'not published', blackHole);
    const [mine, theirs, finagle] = [all.get('inmesh')!, all.get('round robin')!, all.get(finaglePeakEwma.name)!];
    expect(share(mine)).toBeLessThan(0.002);
    expect(mine.line.success.least).toBeGreaterThan(0.999);
    expect(theirs.line.success.mean).toBeLessThan(0.988);
    // What looks only at latency is drawn to it.
    expect(finagle.line.success.mean).toBeLessThan(theirs.line.success.mean);
  });

  it('that refuses in half a millisecond, no call is lost with retries of a tenth of all calls, and hardly any is needed (H6)', async () => {
    // It answers with 500, which is not retried by default. The budget is the default: one retry for ten successes.
    const { retry } = defaultServicePolicy;
    expect(retry).toMatchObject({ budget: { perSuccess: 0.1 } });
    // Whole clients take their time.
    const scenario = whole ? blackHole : { ...blackHole, duration: badFrom + 1_000 };
    for (const seed of whole ? seeds : seeds.slice(0, 1)) {
      const played = (policy: Partial<ServicePolicy>) => playLayered(scenario, { outlier: 'off', circuit: 'off', ...policy }, seed);
      const [without, withRetries] = [await played({ retry: 'off' }), await played({ retry: { ...retry, on: ['5xx'] } })];
      expect(without.figures.summary(badFrom, badUntil).success).toBeLessThan(0.9995);
      expect(withRetries.figures.summary(badFrom, badUntil).success).toBe(1);
      expect(withRetries.extra).toBeGreaterThan(0);
      // Of a hundred that the budget would pay for, two are made.
      expect(withRetries.extra).toBeLessThan(0.002);
    }
  });
});
