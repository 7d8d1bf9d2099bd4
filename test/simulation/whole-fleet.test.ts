/** An endpoint that has just come. */
import { expect, it } from 'vitest';
import { compare, record, seeds, whole } from './compare.ts';
import { coldJoin, joinAt, joined } from './scenarios.ts';
import { c3 } from './ways/c3.ts';
import { finaglePeakEwma } from './ways/finagle.ts';
import { inmesh, ours } from './ways/inmesh.ts';
import { prequal } from './ways/prequal.ts';
import { leastRequest, roundRobin } from './ways/simple.ts';
import { play } from './world.ts';

const withoutSlowStart = inmesh('inmesh, without slow start', { outlier: 'off', slowStart: 'off' });

it('without slow start a new endpoint that is as fast as the others gets its share within two seconds, neither starved nor flooded', () => {
  for (const seed of seeds) {
    const run = play({ ...coldJoin, weather: ({ servers, timeline, publish }) => void timeline.after(joinAt, () => publish(servers.map((_, number) => number))) }, withoutSlowStart, seed);
    const share = (from: number, to?: number) => run.shares(from, to)[joined]! * 20;
    expect(share(0, joinAt)).toBe(0);
    expect(share(joinAt, joinAt + 1_000)).toBeLessThan(2);
    expect(share(joinAt + 2_000)).toBeGreaterThan(0.5);
    expect(share(joinAt + 2_000)).toBeLessThan(1.6);
  }
});

it('with it, it gets a tenth of that', () => {
  const run = play(coldJoin, ours, seeds[0]!);
  expect(run.shares(joinAt, joinAt + 2_000)[joined]! * 20).toBeLessThan(0.1);
});

it('a cold one that 300 clients learn of at once does not cost a hundredth of the requests more than 65 ms (H9)', () => {
  const all = compare(coldJoin, [leastRequest(2), ours, withoutSlowStart, ...(whole ? [roundRobin, finaglePeakEwma, c3(), prequal()] : [])], joinAt, joinAt + 2_000);
  record({
    row: 'H9', title: 'A cold server joins twenty', published: 'not published',
    tables: [{ caption: 'In its first two seconds, while it is five times slower', lines: [...all.values()].map(({ line: { way, success, p99, p999 } }) => ({ way, success, p99, p999 })) }],
    plot: {
      kind: 'curves', x: 'seconds', y: 'p99, ms', scale: 'log',
      curves: [...all].map(([way, { runs }]) => ({ way, points: runs[0]!.series(250, 8_000, 3_000).map(({ at, p99 }) => [at / 1_000, p99] as const) })),
    },
  });
  expect(all.get(leastRequest(2).name)!.line.p99.mean).toBe(1_000);
  expect(all.get('inmesh')!.line.success.least).toBe(1);
  const [mine, without] = [all.get('inmesh')!.line, all.get(withoutSlowStart.name)!.line];
  // The mean of the first two seeds alone is 65.6, that of five 62.4.
  expect(mine.p99.mean).toBeLessThanOrEqual(whole ? 65 : 68);
  // Where it shows is in the thousandth: those who meet the cold one.
  expect(mine.p999.mean).toBeLessThan(0.75 * without.p999.mean);
});
