/**
 * Endpoints of the own zone in the subset: half of it, or all that there are.
 *
 * Whatever strategy chose does not look at zones, and may by chance choose few of the own one, or none. Half is enough to share the work at
 * home, and leaves half for what does not fit there; a subset of the own zone alone would be the hard split that locality is not
 * (locality.ts). The last of the members that are elsewhere give their places to the first others that are here, in the order of rendezvous
 * hashing, so few move when the set does. Of the spares every second is of the own zone.
 *
 * The trade: where an even share was counted out for everybody (lots.ts, peer-share.ts), the places given away are by chance again.
 */
import type { Entry } from './directory.ts';
import { rendezvous } from './rendezvous.ts';
import type { Order } from './subset-strategy.ts';

/** `all`: those that there are to choose from. */
export function withOwnZone(order: Order, all: readonly Entry[], isNear: (entry: Entry) => boolean): Order {
  const size = order.members.length;
  if (size === all.length) return order;
  const ranked = [...order.members, ...order.spares];
  const known = new Set(ranked);
  const near = [...ranked.filter(isNear), ...rendezvous(all.filter((entry) => isNear(entry) && !known.has(entry)), size)];
  const far = ranked.filter((entry) => !isNear(entry));
  const here = Math.max(order.members.filter(isNear).length, Math.min(Math.ceil(size / 2), near.length));
  return { members: [...near.slice(0, here), ...far.slice(0, size - here)], spares: alternating(near.slice(here), far.slice(size - here)).slice(0, size) };
}

/** In turn, as long as there are some of both. */
function alternating(some: readonly Entry[], others: readonly Entry[]): Entry[] {
  const both: Entry[] = [];
  for (let place = 0; place < Math.max(some.length, others.length); place += 1) {
    if (place < some.length) both.push(some[place]!);
    if (place < others.length) both.push(others[place]!);
  }
  return both;
}
