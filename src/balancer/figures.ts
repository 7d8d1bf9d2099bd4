/**
 * Figures: what is known of how busy one endpoint is, as numbers side by side.
 *
 * A pick reads those of ten endpoints, of which two are drawn from perhaps ten thousand, so what it costs is how many places in memory
 * it has to wait for. In the fields of objects each fraction is a number object somewhere on the heap; in an array of numbers all are in three
 * cache lines. Drawing from 10,000 takes half the time it took with objects, and an endpoint half the memory.
 */
import type { Millis } from '../core/clock.ts';

export type Figures = number[];

// First, and so in two cache lines, what every pick reads.
/** Attempts in flight. */
export const IN_FLIGHT = 0;
/** When the oldest unanswered attempt began; Infinity where none waits. */
export const WAITING_SINCE = 1;
/** When the latency was last measured; −Infinity where it never was. */
export const SAMPLED_AT = 2;
/** The latency, as the kind of balancer has it: F of predictive.ts, the peak of peak-ewma.ts. */
export const LATENCY = 3;
/** S of predictive.ts, with m, and (below) the number of samples it is made of. */
export const SLOW_LATENCY = 4;
export const QUEUE = 5;
/** p of predictive.ts, and (below) when it was last changed. */
export const SUCCESS = 6;
/** Until when the endpoint asked to be left alone. */
export const RESTS_UNTIL = 7;
/** Of slow-start.ts: its place on the ring, 0 where it is warm, and (below) since when it counts as being there. */
export const PHASE = 8;
/** Of locality.ts: what its load is multiplied by, at least 1. */
export const COST = 9;
export const SAMPLES = 10;
export const TRIED_AT = 11;
export const SINCE = 12;
/** Of shares.ts. */
export const WEIGHT = 13;
export const AHEAD = 14;
export const AHEAD_AT = 15;
/** What it last reported to be in flight there, when, what is usual of that, and attempts begun since. */
export const REPORTED = 16;
export const REPORTED_AT = 17;
export const USUAL_REPORTED = 18;
export const SENT_SINCE = 19;

export function noFigures(): Figures {
  return [0, Infinity, -Infinity, 0, 0, 0, 1, -Infinity, 0, 1, 0, 0, -Infinity, 1, 0, 0, 0, -Infinity, 0, 0];
}

export function isMeasured(figures: Figures): boolean {
  return figures[SAMPLED_AT]! !== -Infinity;
}

/** How long the oldest unanswered attempt has waited; −Infinity where none waits. */
export function oldestAge(figures: Figures, now: Millis): Millis {
  return now - figures[WAITING_SINCE]!;
}

/** Of latency and success nothing is known any more; attempts in flight and shares are what they are. */
export function forget(figures: Figures): void {
  figures[SAMPLED_AT] = -Infinity;
  figures[SAMPLES] = 0;
  figures[SUCCESS] = 1;
  figures[RESTS_UNTIL] = -Infinity;
  figures[REPORTED_AT] = -Infinity;
}
