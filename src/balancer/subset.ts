/**
 * Subset: the endpoints that this process talks to, of all that discovery knows.
 *
 * Each priority has its own, so that there are as many backups as there are endpoints to back up. In each, a strategy orders the
 * endpoints (subset-strategy.ts), and stand-ins take the places of members that cannot be used (standby.ts). The order is worked
 * out when the set changes; what becomes of the members' health moves along it and costs no more than the subset is large.
 */
import type { Millis } from '../core/clock.ts';
import type { SubsetKnobs, Switchable } from '../core/policy.ts';
import type { Entry } from './directory.ts';
import { rendezvousStrategy } from './rendezvous.ts';
import { Standby } from './standby.ts';
import { whole, type Order, type SubsetStrategy } from './subset-strategy.ts';

/** What `inspect()` tells of it. */
export interface SubsetSnapshot {
  /** Endpoints that discovery knows. */
  readonly total: number;
  /** Those in use, stand-ins included. */
  readonly size: number;
  /** Of these, how many stand in for members that cannot be used, or did until just now. */
  readonly standIns: number;
}

interface Group {
  readonly strategy: SubsetStrategy;
  readonly standby: Standby;
  entries: readonly Entry[];
  order: Order;
  /** Spares in use. */
  standIns: number;
}

const everything: SubsetStrategy = { choose: whole, dueAt: Infinity };

export class Subset {
  readonly #outOfUse: (entry: Entry) => boolean;
  /** By priority, the most important first. */
  #groups = new Map<number, Group>();
  #knobs: Switchable<SubsetKnobs> = 'off';
  #dueAt: Millis = Infinity;

  /** `outOfUse`: no traffic can go there now, for health or for an ejection. */
  constructor(outOfUse: (entry: Entry) => boolean) {
    this.#outOfUse = outOfUse;
  }

  /** When `review` may find something although nothing happened. */
  get dueAt(): Millis {
    return this.#dueAt;
  }

  /** What there is changed, or what the policy wants of it. `groups` are of one priority each. */
  choose(groups: readonly (readonly Entry[])[], knobs: Switchable<SubsetKnobs>, now: Millis): readonly Entry[] {
    const before = this.#groups;
    const strategy = strategyOf(knobs);
    this.#knobs = knobs;
    this.#groups = new Map();
    for (const entries of groups) {
      const { priority } = entries[0]!.endpoint;
      const known = before.get(priority);
      const group = known?.strategy === strategy ? known : { strategy, standby: known?.standby ?? new Standby(), entries, order: whole(entries), standIns: 0 };
      group.entries = entries;
      this.#order(group, now);
      this.#groups.set(priority, group);
    }
    return this.#inUse(now);
  }

  /** Members came out of use or back, or time has passed: the subset, if that changes it. */
  review(now: Millis): readonly Entry[] | undefined {
    let changed = false;
    for (const group of this.#groups.values()) {
      if (now >= group.strategy.dueAt) {
        this.#order(group, now);
        changed = true;
      }
      const standIns = group.standby.fill(group.order, this.#outOfUse, now);
      if (standIns !== group.standIns) changed = true;
    }
    if (changed) return this.#inUse(now);
    this.#wait();
    return undefined;
  }

  snapshot(): SubsetSnapshot {
    const groups = [...this.#groups.values()];
    const sum = (of: (group: Group) => number) => groups.reduce((total, group) => total + of(group), 0);
    const standIns = sum((group) => group.standIns);
    return { total: sum(({ entries }) => entries.length), size: sum(({ order }) => order.members.length) + standIns, standIns };
  }

  #order(group: Group, now: Millis): void {
    group.order = group.strategy.choose(group.entries, this.#knobs === 'off' ? Infinity : this.#knobs.size, now);
  }

  #inUse(now: Millis): readonly Entry[] {
    const inUse: Entry[] = [];
    for (const group of this.#groups.values()) {
      const { members, spares } = group.order;
      group.standIns = group.standby.fill(group.order, this.#outOfUse, now);
      for (const entry of members) inUse.push(entry);
      for (const entry of spares.slice(0, group.standIns)) inUse.push(entry);
    }
    this.#wait();
    return inUse;
  }

  #wait(): void {
    this.#dueAt = Infinity;
    for (const { strategy, standby } of this.#groups.values()) this.#dueAt = Math.min(this.#dueAt, strategy.dueAt, standby.dueAt);
  }
}

function strategyOf(knobs: Switchable<SubsetKnobs>): SubsetStrategy {
  return knobs === 'off' || knobs.strategy === 'off' ? everything : rendezvousStrategy;
}
