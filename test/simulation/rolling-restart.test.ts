/** All servers of a service are replaced, one after the other, as in every deployment. */
import { expect, it } from 'vitest';
import { compare, lineOf, range, record, seeds, whole } from './compare.ts';
import { playLayered } from './layered.ts';
import { restartFrom, rollingRestart } from './scenarios.ts';
import { leastRequest, roundRobin } from './ways/simple.ts';

it('loses no call while every server is replaced, though names lag five seconds behind', async () => {
  const until = rollingRestart.duration;
  const all = compare(rollingRestart, [roundRobin, leastRequest(2)], restartFrom, until);
  const runs = [];
  for (const seed of seeds.slice(0, whole ? undefined : 1)) runs.push(await playLayered(rollingRestart, {}, seed));
  const ours = lineOf('inmesh, the whole of it', runs.map(({ figures }) => figures.summary(restartFrom, until)));
  const lines = [...[...all.values()].map(({ line }) => line), ours].map(({ way, success, p99, p999 }) => ({ way, success, p99, p999 }));
  record({
    row: 'rolling-restart', title: 'All of twenty servers are replaced within ten seconds', published: 'not published',
    tables: [{ caption: 'From the first replacement on', lines }], plot: { kind: 'bars', table: 0, figure: 'success', scale: 'linear' },
  });
  expect(all.get('round robin')!.line.success.mean).toBeLessThan(0.95);
  expect(ours.success.least).toBe(1);
  // It cost connections that were refused, and no more requests than calls.
  expect(range(runs.map(({ extra }) => extra)).most).toBeLessThan(0.001);
  expect(Math.min(...runs.map(({ events }) => events.get('retry.scheduled') ?? 0))).toBeGreaterThan(20);
});
