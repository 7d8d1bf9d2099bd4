/**
 * Subset strategy: puts the endpoints of one priority into an order of this client's own. With the first of them it talks; those
 * behind take, in this order, the places of members that cannot be used (subset.ts).
 *
 * A strategy object belongs to one priority of one service, so it may remember; the file of each says what. What all of them owe
 * is asserted in test/contract/subset-strategies.test.ts: the size, no dependence on the order of the answer, few moves when the
 * set changes, the next in order for whoever leaves, and how evenly the subsets of many clients cover the endpoints.
 */
import type { Millis } from '../core/clock.ts';
import type { Entry } from './directory.ts';

export interface Order {
  /** With whom this process talks; all there are, where that is no more than was asked for. */
  readonly members: readonly Entry[];
  /** Who takes the place of a member that cannot be used, the first one first; at most as many as there are members. */
  readonly spares: readonly Entry[];
}

export interface SubsetStrategy {
  /** What of `entries`, which are all of one priority, is to be used; about `size` of them. */
  choose(entries: readonly Entry[], size: number, now: Millis): Order;
  /** When it wants to be asked again although nothing changed that it does not know of; never: Infinity. */
  readonly dueAt: Millis;
}

/** Everything, in whatever order: there is no choice. */
export function whole(entries: readonly Entry[]): Order {
  return { members: entries, spares: [] };
}

/** The first `size` of an order, and as many behind them. */
export function orderOf(ranked: readonly Entry[], size: number): Order {
  return { members: ranked.slice(0, size), spares: ranked.slice(size, 2 * size) };
}
