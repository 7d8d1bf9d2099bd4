/**
 * Figures: what is known of how busy the endpoints of a cluster are, as numbers side by side: a row for each.
 *
 * A pick reads those of ten endpoints, of which two are drawn from perhaps ten thousand, so what it costs is how many places in memory
 * it has to wait for, and how far away they are. In the fields of objects each fraction is a number object somewhere on the heap; an array for each
 * endpoint is three places, one after the other, before the first number is there. So there are five arrays in one block for all endpoints, with four numbers
 * of each in each of them, half a cache line, and what belongs together is read together. What every pick reads is the first, and of ten thousand
 * endpoints a third of a megabyte, which stays near; in one array with all the rest of them it is further away (two drawn of ten thousand took half as long again).
 *
 * A row belongs to one node, until the node is forgotten for good; then another gets it. What is in flight to the one that was forgotten still ends some
 * day, and is counted in the row of nobody, which nobody reads. The block grows with its cluster, and is never smaller than it was.
 */
import type { Millis } from '../core/clock.ts';

/** Where the four numbers of one endpoint begin, in each array: `numbers[row + LATENCY]`, `weights[row + COST]`. */
export type Row = number;

// `numbers`: what every pick reads.
/** Attempts in flight. */
export const IN_FLIGHT = 0;
/** When the oldest unanswered attempt began; Infinity where none waits. */
export const WAITING_SINCE = 1;
/** When the latency was last measured; −Infinity where it never was. */
export const SAMPLED_AT = 2;
/** The latency, as the kind of balancer has it: F of predictive.ts, the peak of peak-ewma.ts. */
export const LATENCY = 3;

// `predicted`: what predictive.ts reads besides.
/** S, with m, and (below) the number of samples it is made of. */
export const SLOW_LATENCY = 0;
export const QUEUE = 1;
/** p, and (below) when it was last changed. */
export const SUCCESS = 2;
/** Until when the endpoint asked to be left alone. */
export const RESTS_UNTIL = 3;

// `weights`: of use where they differ, or costs do.
/** Of shares.ts. */
export const WEIGHT = 0;
export const AHEAD = 1;
export const AHEAD_AT = 2;
/** Of locality.ts: what its load is multiplied by, at least 1. */
export const COST = 3;

// `reported`: what it last reported to be in flight there, when, what is usual of that, and attempts begun since.
export const REPORTED = 0;
export const REPORTED_AT = 1;
export const USUAL_REPORTED = 2;
export const SENT_SINCE = 3;

// `history`: what is read where somebody is new, and when an attempt ends.
/** Of slow-start.ts: its place on the ring, 0 where it is warm, and since when it counts as being there. */
export const PHASE = 0;
export const SINCE = 1;
export const SAMPLES = 2;
export const TRIED_AT = 3;

const unknown = { numbers: [0, Infinity, -Infinity, 0], predicted: [0, 0, 1, -Infinity], weights: [1, 0, 0, 1], reported: [0, -Infinity, 0, 0], history: [0, -Infinity, 0, 0] };
export type FigureArray = keyof typeof unknown;
const arrays = Object.keys(unknown) as FigureArray[];
const LENGTH = 4;

/** Where memory comes from malloc, a large block begins 16 bytes into a cache line: so no row is in two of them. */
const NOBODY: Row = 2;
/** Of numbers. */
const CACHE_LINE = 8;
/** Of what it is, where more is needed: each number is copied a few times in all. */
const GROWTH = 1.25;

const none = new Float64Array(0);

export class Figures {
  // Parts of one block; others when there are more of them, so nobody may keep them.
  numbers = none;
  predicted = none;
  weights = none;
  reported = none;
  history = none;
  /** Whether PHASE means anything now: somebody is held back in some picks. */
  warming = false;
  #end: Row = NOBODY + LENGTH;
  /** The first that is free; where it begins stands the next one. */
  #free: Row = NOBODY;

  /** There will be this many at least. */
  reserve(count: number): void {
    const needed = NOBODY + (count + 1) * LENGTH;
    if (needed <= this.numbers.length) return;
    const length = Math.ceil(Math.max(needed, GROWTH * this.numbers.length) / CACHE_LINE) * CACHE_LINE;
    const block = new ArrayBuffer(arrays.length * length * Float64Array.BYTES_PER_ELEMENT);
    arrays.forEach((name, place) => {
      const before = this[name];
      this[name] = new Float64Array(block, place * length * Float64Array.BYTES_PER_ELEMENT, length);
      this[name].set(before);
    });
  }

  /** A row for an endpoint of which nothing is known. */
  take(): Row {
    const row = this.#free === NOBODY ? this.#further() : this.#freed();
    for (const name of arrays) for (let column = 0; column < LENGTH; column += 1) this[name][row + column] = unknown[name][column]!;
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
    this.numbers[row + SAMPLED_AT] = -Infinity;
    this.predicted[row + SUCCESS] = 1;
    this.predicted[row + RESTS_UNTIL] = -Infinity;
    this.reported[row + REPORTED_AT] = -Infinity;
    this.history[row + SAMPLES] = 0;
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
