/**
 * Split: whose turn it is, so that each of several has its share of the calls at every moment, not only in the long run.
 *
 * Drawing each call at random gives 10 of 100 calls on average, and 4 or 17 now and then. Here each version earns its weight with every call
 * and pays the sum of all weights for one; of those that are owed anything, the one whose next call is due first has it:
 *
 *     credit ← credit + weight          for each
 *     next   = the least (total − credit) / weight   of those with credit > 0
 *     credit ← credit − total           of that one
 *
 * A version's calls so far and its share of all calls then differ by less than one call (earliest eligible virtual deadline first: Stoica and
 * Abdel-Wahab 1995; that no deadline is missed with one call at a time: Baruah et al., "Proportionate progress", 1996). Weights are whole
 * numbers, so that nothing is rounded and no error grows.
 *
 * It begins anywhere in its cycle, at random: a fleet that restarts together would otherwise send every process' first calls to the same
 * version. Of two versions any stretch of calls is still exact to less than one; of more, to less than two.
 */
import type { Weights } from '../core/route.ts';
import { below, type Random } from '../core/random.ts';

/** Beginning further in the cycle than this takes longer than it is worth. */
const FURTHEST_START = 10_000;

interface Turn {
  readonly version: string;
  readonly weight: number;
  credit: number;
}

export class Split {
  readonly #turns: readonly Turn[];
  readonly #total: number;

  /** Weights are whole numbers from 0 on. */
  constructor(weights: Weights, random: Random) {
    const weighty = [...weights].filter(([, weight]) => weight > 0);
    const unit = weighty.reduce((divisor, [, weight]) => greatestCommonDivisor(divisor, weight), 0) || 1;
    this.#turns = weighty.map(([version, weight]) => ({ version, weight: weight / unit, credit: 0 }));
    this.#total = this.#turns.reduce((sum, { weight }) => sum + weight, 0);
    if (this.#turns.length < 2) return;
    for (let skip = below(random, Math.min(this.#total, FURTHEST_START)); skip > 0; skip -= 1) this.next();
  }

  /** Undefined where every weight is 0. */
  next(): string | undefined {
    const turns = this.#turns;
    if (turns.length < 2) return turns[0]?.version;
    let first: Turn | undefined;
    for (const turn of turns) {
      turn.credit += turn.weight;
      if (turn.credit > 0 && (first === undefined || this.#isDueBefore(turn, first))) first = turn;
    }
    // Together they are owed one call, so one of them is owed something.
    first!.credit -= this.#total;
    return first!.version;
  }

  #isDueBefore(one: Turn, other: Turn): boolean {
    return (this.#total - one.credit) * other.weight < (this.#total - other.credit) * one.weight;
  }
}

function greatestCommonDivisor(one: number, other: number): number {
  while (other !== 0) [one, other] = [other, one % other];
  return one;
}
