/**
 * Load-aware rendezvous: begins with rendezvous, and moves where servers say that they have more connections than others.
 *
 *     a new endpoint     is taken where rendezvous takes it, in the place of the member with the most connections
 *     a member that goes is replaced by the next of the rendezvous order
 *     every minute or so the member with the most is let go, for one drawn from the others, with probability
 *                        (connections − mean) / connections, where it has 15 % more than the mean of the members, and 2 more
 *
 * Nobody but its clients can relieve a server, and all of them see the same figure: each leaves with just the probability at which, of
 * so many clients, as many stay as it should have. So there is no herd, and nobody has to look at endpoints that it does not talk to.
 * Where nobody reports connections it is rendezvous, move for move.
 *
 * 100 clients, 100 endpoints, 20 each (test/simulation/subset-evenness.test.ts): rendezvous begins with 1.58 times the mean connections at
 * the worst endpoint; after an hour it is 1.14. An endpoint more moves 1 % of the connections, a rolling restart makes each 2.1 times. In
 * a sketch, swapping with the better of two others whose figures are known was no better, and needs figures that nobody has.
 *
 * The trade: connections of other services' clients count as well, which is meant, and so do those of clients that keep more than one.
 */
import type { Millis } from '../core/clock.ts';
import { below, jittered, type Random } from '../core/random.ts';
import type { Entry } from './directory.ts';
import { rendezvous } from './rendezvous.ts';
import { whole, type Order, type SubsetStrategy } from './subset-strategy.ts';

const MOVE_EVERY: Millis = 60_000;
/** Of it, either way, so that clients do not look at one moment. */
const SPREAD = 0.5;
/** Of the mean. */
const TOO_MANY = 1.15;
/** Where an endpoint has a handful of clients, one more or less means nothing. */
const AT_LEAST_MORE = 2;
/** As long as a weight holds (gRFC A58): what was said before that may be of another time. */
export const REPORT_HOLDS: Millis = 180_000;

/** Remembers who its members are. */
export class LoadAware implements SubsetStrategy {
  readonly #random: Random;
  #members: readonly Entry[];
  /** What is younger than this is new. */
  #newest: number;
  /** Undefined where there is no choice, or was none until now. */
  #dueAt: Millis | undefined = undefined;

  /** `members`: those that are in use already, for a start. */
  constructor(random: Random, members: readonly Entry[]) {
    this.#random = random;
    this.#members = members;
    this.#newest = newestOf(members);
  }

  get dueAt(): Millis {
    return this.#dueAt ?? Infinity;
  }

  choose(entries: readonly Entry[], size: number, now: Millis): Order {
    if (entries.length <= size) {
      this.#members = entries;
      this.#newest = newestOf(entries);
      this.#dueAt = undefined;
      return whole(entries);
    }
    const ranked = rendezvous(entries, 2 * size);
    const present = new Set(entries);
    const members = new Set(this.#members.filter((member) => present.has(member)));
    const first = members.size === 0;
    for (const entry of ranked.slice(0, size)) if (first || entry.born > this.#newest) members.add(entry);
    while (members.size > size) members.delete(busiest(members, now));
    for (const entry of ranked) if (members.size < size) members.add(entry);
    this.#newest = newestOf(entries);
    // Not in the moment in which it begins: nothing has been reported yet.
    if (now >= this.dueAt) this.#relieve(members, entries, now);
    if (this.#dueAt === undefined || now >= this.#dueAt) this.#dueAt = now + jittered(this.#random, MOVE_EVERY, SPREAD);
    this.#members = [...members];
    return { members: this.#members, spares: ranked.filter((entry) => !members.has(entry)).slice(0, size) };
  }

  #relieve(members: Set<Entry>, entries: readonly Entry[], now: Millis): void {
    const mean = meanOf(members, now);
    const worst = busiest(members, now);
    const connections = connectionsOf(worst, now);
    if (mean === undefined || connections === undefined) return;
    if (connections <= TOO_MANY * mean || connections < mean + AT_LEAST_MORE) return;
    if (this.#random.next() >= (connections - mean) / connections) return;
    let other: Entry;
    do other = entries[below(this.#random, entries.length)]!; while (members.has(other));
    members.delete(worst);
    members.add(other);
  }
}

/** As the endpoint itself said it, if it did lately. */
export function connectionsOf({ node }: Entry, now: Millis): number | undefined {
  const report = node?.report;
  return report === undefined || now - report.at > REPORT_HOLDS ? undefined : report.connections;
}

/** Of those that report; undefined where that is less than half of them. */
function meanOf(members: ReadonlySet<Entry>, now: Millis): number | undefined {
  let [sum, reporting] = [0, 0];
  for (const member of members) {
    const connections = connectionsOf(member, now);
    if (connections === undefined) continue;
    sum += connections;
    reporting += 1;
  }
  return reporting === 0 || reporting < members.size / 2 ? undefined : sum / reporting;
}

/** The one with the most connections; who says nothing counts as the mean, and of equals the last in the rendezvous order goes first. */
function busiest(members: ReadonlySet<Entry>, now: Millis): Entry {
  const mean = meanOf(members, now) ?? 0;
  let [worst, most]: [Entry | undefined, number] = [undefined, -Infinity];
  for (const member of members) {
    const connections = connectionsOf(member, now) ?? mean;
    if (connections < most || (connections === most && worst !== undefined && member.score > worst.score)) continue;
    [worst, most] = [member, connections];
  }
  return worst!;
}

function newestOf(entries: readonly Entry[]): number {
  return entries.reduce((newest, { born }) => Math.max(newest, born), 0);
}
