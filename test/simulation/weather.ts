/**
 * Weather: what happens to servers while they serve. Each is drawn from its own seed, so it is the same for every way of choosing.
 */
import type { Millis } from '../../src/core/clock.ts';
import { below, type Random } from '../../src/core/random.ts';
import type { Fault, Server } from './server.ts';
import type { Timeline } from './timeline.ts';

export const exponential = (mean: number, random: Random): number => -Math.log(1 - random.next()) * mean;

/** Box and Muller's. */
export const normal = (mean: number, deviation: number, random: Random): number =>
  mean + deviation * Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());

/**
 * Others on the same machine: again and again, about every `every`, each server's speed is drawn anew. The mean speed is what
 * utilisation refers to.
 */
export const antagonistSpeeds = [1, 1, 1, 1, 1, 1, 0.6, 0.6, 0.35, 0.35] as const;
export const meanAntagonistSpeed = antagonistSpeeds.reduce((sum, speed) => sum + speed, 0) / antagonistSpeeds.length;

export function antagonists(servers: readonly Server[], timeline: Timeline, random: Random, every: Millis = 1_500): void {
  for (const server of servers) {
    const change = () => {
      server.setSpeed(antagonistSpeeds[below(random, antagonistSpeeds.length)]!, timeline.now());
      timeline.after(exponential(every, random), change);
    };
    change();
  }
}

/** Stops for garbage collection: 150 to 400 ms long, each server about every `every`, on its own. */
export function pauses(servers: readonly Server[], timeline: Timeline, random: Random, every: Millis = 6_000): void {
  for (const server of servers) {
    const pause = () => {
      server.setSpeed(0, timeline.now());
      timeline.after(150 + 250 * random.next(), () => {
        server.setSpeed(1, timeline.now());
        timeline.after(exponential(every, random), pause);
      });
    };
    timeline.after(exponential(every, random), pause);
  }
}

export function faultBetween(server: Server, timeline: Timeline, fault: Fault, from: Millis, to: Millis): void {
  timeline.after(from, () => server.setFault(fault));
  timeline.after(to, () => server.setFault(undefined));
}

export function speedBetween(server: Server, timeline: Timeline, speed: number, from: Millis, to: Millis): void {
  timeline.after(from, () => server.setSpeed(speed, timeline.now()));
  timeline.after(to, () => server.setSpeed(1, timeline.now()));
}
