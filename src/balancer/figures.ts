/**
 * Figures: what is known of how busy the endpoints of a cluster are, as numbers side by side: a row for each, all in one block.
 *
 * A pick reads those of ten endpoints, of which two are drawn from perhaps ten thousand, so what it costs is how many places in memory
 * it has to wait for. In the fields of objects each fraction is a number object somewhere on the heap; an array for each endpoint is three places,
 * one after the other, before the first number is there. In a block it is one: the eight numbers that every pick reads are the first of a row, and
 * as long as a cache line.
 *
 * A row belongs to one node, until the node is forgotten for good; then another gets it. What is in flight to the one that was forgotten still ends some
 * day, and is counted in the row of nobody, which nobody reads. The block grows with its cluster, and is never smaller than it was.
 */
import type { Millis } from '../core/clock.ts';

/** Where the numbers of one endpoint begin: `numbers[row + LATENCY]`. */
export type Row = number;

// First what every pick reads.
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
// … then what is read where somebody is new, costs more, or has another weight, and when an attempt begins or ends.
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

const unknown = Float64Array.of(0, Infinity, -Infinity, 0, 0, 0, 1, -Infinity, 0, 1, 0, 0, -Infinity, 1, 0, 0, 0, -Infinity, 0, 0);

/** Three cache lines. */
const LENGTH = 24;
/** Where memory comes from malloc, a large block begins 16 bytes into a cache line: so rows begin where a line does. */
const NOBODY: Row = 6;
/** Of what it is, where more is needed: each number is copied a few times in all. */
const GROWTH = 1.25;

const none = new Float64Array(0);

export class Figures {
  /** Of all; another array when there are more of them, so nobody may keep it. */
  numbers = none;
  /** Whether PHASE means anything now: somebody is held back in some picks. */
  warming = false;
  #end: Row = NOBODY + LENGTH;
  /** The first that is free; where it begins stands the next one. */
  #free: Row = NOBODY;

  /** There will be this many at least. */
  reserve(count: number): void {
    const needed = NOBODY + (count + 1) * LENGTH;
    if (needed <= this.numbers.length) return;
    const rows = Math.ceil((GROWTH * this.numbers.length) / LENGTH);
    const before = this.numbers;
    this.numbers = new Float64Array(Math.max(needed, NOBODY + rows * LENGTH));
    this.numbers.set(before);
  }

  /** A row for an endpoint of which nothing is known. */
  take(): Row {
    const row = this.#free === NOBODY ? this.#further() : this.#freed();
    this.numbers.set(unknown, row);
    return row;
  }

  /** Its endpoint is forgotten. Returns the row for what was not heard yet. */
  give(row: Row): Row {
    if (row !== NOBODY) {
      this.numbers[row] = this.#free;
      this.#free = row;
    }
    return NOBODY;
  }

  isMeasured(row: Row): boolean {
    return this.numbers[row + SAMPLED_AT]! !== -Infinity;
  }

  /** How long the oldest unanswered attempt has waited; −Infinity where none waits. */
  oldestAge(row: Row, now: Millis): Millis {
    return now - this.numbers[row + WAITING_SINCE]!;
  }

  /** Of latency and success nothing is known any more; attempts in flight and shares are what they are. */
  forget(row: Row): void {
    const { numbers } = this;
    numbers[row + SAMPLED_AT] = -Infinity;
    numbers[row + SAMPLES] = 0;
    numbers[row + SUCCESS] = 1;
    numbers[row + RESTS_UNTIL] = -Infinity;
    numbers[row + REPORTED_AT] = -Infinity;
  }

  #further(): Row {
    const row = this.#end;
    this.#end += LENGTH;
    this.reserve((row - NOBODY) / LENGTH);
    return row;
  }

  #freed(): Row {
    const row = this.#free;
    this.#free = this.numbers[row]!;
    return row;
  }
}
