/** Who measures latency needs not be told of zones. */
import { expect, it } from 'vitest';
import { compare, record, whole } from './compare.ts';
import { twoZones } from './scenarios.ts';
import { finaglePeakEwma } from './ways/finagle.ts';
import { ours } from './ways/inmesh.ts';
import { prequal } from './ways/prequal.ts';
import { leastRequest, roundRobin } from './ways/simple.ts';

it('where half of the servers are 3 ms away, the mean is 3 ms or less without anybody having said so (H17)', () => {
  const all = compare(twoZones, [leastRequest(2), ours, ...(whole ? [roundRobin, finaglePeakEwma, prequal()] : [])]);
  record({
    row: 'H17', title: 'Two zones, 3 ms apart', published: 'not published',
    tables: [{ caption: '', lines: [...all.values()].map(({ line: { way, mean, p50, p99 } }) => ({ way, mean, p50, p99 })) }],
    plot: { kind: 'bars', table: 0, figure: 'mean', scale: 'linear' },
  });
  expect(all.get(leastRequest(2).name)!.line.mean.mean).toBeGreaterThan(4);
  expect(all.get('inmesh')!.line.mean.mean).toBeLessThan(3);
});
