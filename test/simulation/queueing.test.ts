/** The simulated servers are what queueing theory says they are; without this, no figure of theirs means anything. */
import { expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { ProcessorSharingServer } from './processor-sharing.ts';
import { ordinary } from './scenarios.ts';
import { FifoServer, InfiniteServer, type Server } from './server.ts';
import { Timeline } from './timeline.ts';
import { random } from './ways/simple.ts';
import { play } from './world.ts';

const one = { ...ordinary, clients: 1, duration: 400_000, warmUp: 10_000, timeout: 1e9 };

it('four workers wait as Erlang C says', () => {
  const { mean, p99 } = play({ ...one, servers: (timeline, chance) => [new FifoServer(timeline, chance, 4)], rate: 320 }, random, 1).summary();
  // At 80 %: somebody waits with probability 0.5964, and then 1 / (4·0.1 − 0.32) ms on average.
  expect(mean / (10 + 0.5964 / (0.4 - 0.32))).toBeCloseTo(1, 1);
  expect(p99).toBeGreaterThan(50);
});

it('processor sharing takes work / (1 − utilisation), as its mean does not depend on how work is distributed', () => {
  const servers = (timeline: Timeline, chance: () => number) => [new ProcessorSharingServer(timeline, chance, 1)];
  for (const work of [() => 10, ({ next }: { next(): number }) => -10 * Math.log(1 - next())]) {
    const { mean } = play({ ...one, servers, rate: 70, work }, random, 2).summary();
    expect(mean / (10 / (1 - 0.7))).toBeCloseTo(1, 1);
  }
});

it('a change of speed, a pause among them, delays exactly what is being served', () => {
  for (const make of [(timeline: Timeline) => new FifoServer(timeline, () => 0, 1), (timeline: Timeline) => new ProcessorSharingServer(timeline, () => 0, 1)]) {
    const timeline = new Timeline();
    const server: Server = make(timeline);
    const ended: number[] = [];
    const job = () => ({ work: 10, found: 0, arrivedAt: 0, startedAt: 0, answered: (_: boolean, now: number) => void ended.push(now) });
    server.arrive(job(), 0);
    timeline.after(4, () => server.setSpeed(0, timeline.now()));
    timeline.after(104, () => server.setSpeed(0.5, timeline.now()));
    timeline.run(1_000);
    // 4 ms of work are done, 100 ms of nothing pass, and 6 ms take 12.
    expect(ended).toEqual([116]);
  }
});

it('an infinite server takes what the work takes, however much there is', () => {
  const { p50, p99 } = play({ ...one, duration: 20_000, servers: (timeline, chance) => [new InfiniteServer(timeline, chance)], rate: 5_000, work: () => 10 }, random, 3).summary();
  expect([p50, p99]).toEqual([10, 10].map((value) => expect.closeTo(value, 6)));
});

it('what is arranged for the same moment happens in the order in which it was arranged', () => {
  const timeline = new Timeline();
  const chance = seededRandom(4);
  const happened: [number, number][] = [];
  for (let order = 0; order < 5_000; order += 1) {
    const time = Math.floor(chance.next() * 50);
    timeline.at(time, { happen: (now) => void happened.push([now, order]) });
  }
  timeline.run(100);
  expect(happened.length).toBe(5_000);
  expect(happened).toEqual([...happened].sort(([a, first], [b, second]) => a - b || first - second));
});
