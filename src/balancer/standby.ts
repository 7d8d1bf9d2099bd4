/**
 * Standby: while members of the subset cannot be used, others stand in for them, the next in the client's order.
 *
 *     in use = members + as many spares as it takes for `members` usable ones, at most as many as there are members
 *
 * The member that cannot be used stays a member: it gets its trials, and its connections are there when it is back. So the subset
 * grows by no more than is out of use, and the balance over all clients comes back by itself.
 *
 * Stepping in is at once, for capacity is missing now. Stepping back waits until fewer have been needed for a while: an endpoint
 * that is ejected, returns and is ejected again finds the same stand-in, with its connections open. Finagle narrows its aperture
 * as slowly; Ribbon (ServerListSubsetFilter) replaces the worst for good, and so drifts away from its order.
 */
import type { Millis } from '../core/clock.ts';
import type { Entry } from './directory.ts';
import type { Order } from './subset-strategy.ts';

/** The longest ejection of the default policy: one that comes back within it was not healthy in between. */
export const STEP_BACK_AFTER: Millis = 30_000;

export class Standby {
  #used = 0;
  /** Since when fewer than `#used` are needed. */
  #fewerSince: Millis | undefined = undefined;

  /** Spares in use. */
  get used(): number {
    return this.#used;
  }

  /** When somebody may step back. */
  get dueAt(): Millis {
    return this.#fewerSince === undefined ? Infinity : this.#fewerSince + STEP_BACK_AFTER;
  }

  /** How many of the spares are to be used now. */
  fill({ members, spares }: Order, outOfUse: (entry: Entry) => boolean, now: Millis): number {
    let lacking = 0;
    for (const member of members) if (outOfUse(member)) lacking += 1;
    let needed = 0;
    for (; lacking > 0 && needed < spares.length; needed += 1) if (!outOfUse(spares[needed]!)) lacking -= 1;

    if (needed >= this.#used) this.#fewerSince = undefined;
    else this.#fewerSince ??= now;
    if (needed > this.#used || now >= this.dueAt) {
      this.#used = needed;
      this.#fewerSince = undefined;
    }
    return Math.min(this.#used, spares.length);
  }
}
