/** An endpoint that has just come. */
import { expect, it } from 'vitest';
import { seeds } from './compare.ts';
import { coldJoin, joinAt, joined } from './scenarios.ts';
import { inmesh } from './ways/inmesh.ts';
import { play } from './world.ts';

it('a new endpoint that is as fast as the others gets its share within two seconds, neither starved nor flooded', () => {
  for (const seed of seeds) {
    const run = play({ ...coldJoin, weather: ({ servers, timeline, publish }) => void timeline.after(joinAt, () => publish(servers.map((_, number) => number))) }, inmesh('inmesh'), seed);
    const share = (from: number, to?: number) => run.shares(from, to)[joined]! * 20;
    expect(share(0, joinAt)).toBe(0);
    expect(share(joinAt, joinAt + 1_000)).toBeLessThan(2);
    expect(share(joinAt + 2_000)).toBeGreaterThan(0.5);
    expect(share(joinAt + 2_000)).toBeLessThan(1.6);
  }
});
