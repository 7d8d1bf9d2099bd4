/**
 * A limit that measures its own queue as the service's slowness grows until nothing is answered in time. Behind a small server, where the
 * headroom √limit is large beside the limit, and over minutes.
 */
import { expect, it } from 'vitest';
import { seeds, whole } from './compare.ts';
import { driftingBase, gradientWithoutQueue, plainDips } from './overload-limiters.ts';
import { overload, type NamedLimiter, type OverloadRun } from './overload-world.ts';

/** The reference's 180 s; half of it shows it already. */
const duration = whole ? 180_000 : 90_000;

async function last(limiter: NamedLimiter, workers: number): Promise<OverloadRun> {
  // The last third: by then whatever runs away has.
  return overload({ workers, work: 'nearly constant', load: 2, duration, warmUp: (2 * duration) / 3, deadline: 1_000 }, limiter, seeds[0]!);
}

it('the gradient with our dips stays where it is, where one with other ideas of a base does not', async () => {
  const ours = await last(gradientWithoutQueue, 4);
  const dips = await last(plainDips, 4);
  const drift = await last(driftingBase, 4);
  const said = [ours, dips, drift].map(({ p50, p99, limits }) => `p50 ${p50.toFixed(0)} p99 ${p99.toFixed(0)} limit ${limits[0]}`);
  if (whole) console.log(`runaway, 4 workers of 10 ms, ${duration / 1_000} s: ours ${said[0]} · dips to 60 % ${said[1]} · drifting base ${said[2]}`);
  expect(ours.p50, said[0]).toBeLessThan(30);
  expect(ours.goodput).toBeGreaterThan(0.95);
  expect(dips.p50, said[1]).toBeGreaterThan(1.5 * ours.p50);
  expect(drift.p50, said[2]).toBeGreaterThan(2 * ours.p50);
});
