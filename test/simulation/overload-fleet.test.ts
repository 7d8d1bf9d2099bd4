/**
 * Many clients of one server, each of which sees only its own calls. What they can do: dip at the same time of day, so that the queue of
 * all gets shorter. What they cannot: have less than `min` calls each in flight, or know how many they are.
 */
import { expect, it } from 'vitest';
import { seeds, whole } from './compare.ts';
import { gradientWithoutQueue } from './overload-limiters.ts';
import { overload, type OverloadRun } from './overload-world.ts';

const CLIENTS = 10;
const duration = whole ? 120_000 : 60_000;

const fleet = (skew: (client: number) => number): Promise<OverloadRun> =>
  overload({ workers: 20, clients: CLIENTS, work: 'exponential', load: 2, duration, warmUp: (2 * duration) / 3, skew, deadline: 1_000 }, gradientWithoutQueue, seeds[0]!);

it('clients that dip together keep their server’s queue short; with clocks ten seconds apart they take each other’s calls for its slowness', async () => {
  const together = await fleet(() => 0);
  const nearly = await fleet((client) => ((client * 7) % 40) - 20);
  const apart = await fleet((client) => (client * 10_000) / CLIENTS);
  const said = [together, nearly, apart].map(({ p50, p99, goodput }) => `p50 ${p50.toFixed(0)} p99 ${p99.toFixed(0)} goodput ${(100 * goodput).toFixed(1)} %`);
  if (whole) console.log(`fleet of ${CLIENTS}: together ${said[0]} · within 20 ms ${said[1]} · apart ${said[2]}`);
  expect(together.goodput).toBeGreaterThan(0.95);
  expect(together.p50, said.join(' · ')).toBeLessThan(50);
  expect(nearly.p50).toBeLessThan(1.5 * together.p50);
  expect(apart.p50).toBeGreaterThan(1.5 * together.p50);
});
