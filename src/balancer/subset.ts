/**
 * Subset: the endpoints that this process talks to, of all that discovery knows.
 *
 * Each priority has its own, so that there are as many backups as there are endpoints to back up. In each, a strategy orders the
 * endpoints (subset-strategy.ts), and stand-ins take the places of members that cannot be used (standby.ts). The order is worked
 * out when the set changes; what becomes of the members' health moves along it and costs no more than the subset is large.
 *
 * Which strategy that is depends on what is known (strategy-choice.ts), and what is known comes and goes: peers are not found for a
 * while, or a source that knows no names stands in. Another strategy means another subset, so one that was in use is kept until
 * there has been reason for another one for a while.
 */
import type { Millis } from '../core/clock.ts';
import type { SubsetReason } from '../core/events.ts';
import type { SubsetKnobs, Switchable } from '../core/policy.ts';
import type { Random } from '../core/random.ts';
import type { Entry } from './directory.ts';
import { connectionsOf, LoadAware } from './load-aware.ts';
import { Lots } from './lots.ts';
import { withOwnZone } from './own-zone.ts';
import { PeerShare } from './peer-share.ts';
import type { Position } from './position.ts';
import { rendezvousStrategy } from './rendezvous.ts';
import { Standby } from './standby.ts';
import { choiceOf, strategyName, type Choice } from './strategy-choice.ts';
import { whole, type Order, type SubsetStrategy } from './subset-strategy.ts';

/** What `inspect()` tells of it. */
export interface SubsetSnapshot {
  /** How the endpoints of the most important priority are chosen … */
  readonly strategy: ReturnType<typeof strategyName>;
  /** … and why so. */
  readonly why: string;
  /** Endpoints that discovery knows. */
  readonly total: number;
  /** Those in use, stand-ins included. */
  readonly size: number;
  /** Of these, how many stand in for members that cannot be used, or did until just now. */
  readonly standIns: number;
}

export interface SubsetDeps {
  /** No traffic can go there now, for health or for an ejection. */
  readonly outOfUse: (entry: Entry) => boolean;
  readonly position: () => Position;
  /** Whether it is in the zone of this process; undefined where that does not matter. */
  readonly near?: () => ((entry: Entry) => boolean) | undefined;
  readonly random: Random;
}

/** A subset that is so young has few connections to lose, and what is known of peers may come a moment after the endpoints. */
export const YOUNG: Millis = 10_000;
/** There must be reason for another strategy for so long. Longer than a refresh of discovery or two. */
export const SETTLE: Millis = 30_000;

interface Group {
  entries: readonly Entry[];
  choice: Choice;
  strategy: SubsetStrategy;
  order: Order;
  readonly standby: Standby;
  /** Spares in use. */
  standIns: number;
  /** Since when there are endpoints of this priority. */
  readonly since: Millis;
  /** Since when there has been reason for another strategy. */
  doubtedSince: Millis | undefined;
}

export class Subset {
  readonly #deps: SubsetDeps;
  /** By priority, the most important first. */
  #groups = new Map<number, Group>();
  #knobs: Switchable<SubsetKnobs> = 'off';
  #dueAt: Millis = Infinity;

  constructor(deps: SubsetDeps) {
    this.#deps = deps;
  }

  /** When `review` may find something although nothing happened. */
  get dueAt(): Millis {
    return this.#dueAt;
  }

  /** What there is changed, or where this process stands, or what the policy wants. `groups` are of one priority each. */
  choose(groups: readonly (readonly Entry[])[], knobs: Switchable<SubsetKnobs>, now: Millis): readonly Entry[] {
    const before = this.#groups;
    const asked = knobs !== this.#knobs;
    this.#knobs = knobs;
    this.#groups = new Map();
    for (const entries of groups) {
      const { priority } = entries[0]!.endpoint;
      const group = before.get(priority) ?? newGroup(now);
      group.entries = entries;
      if (asked) group.doubtedSince = -Infinity;
      this.#order(group, now);
      this.#groups.set(priority, group);
    }
    return this.#inUse(now);
  }

  /** What `review` would find reason in. */
  reason(now: Millis): SubsetReason {
    const groups = [...this.#groups.values()];
    if (groups.some(({ strategy }) => now >= strategy.dueAt)) return 'load';
    return groups.some((group) => now >= dueAt(group)) ? 'position' : 'health';
  }

  /** Members came out of use or back, or time has passed: the subset, if that changes it. */
  review(now: Millis): readonly Entry[] | undefined {
    let changed = false;
    for (const group of this.#groups.values()) {
      if (now >= dueAt(group)) {
        this.#order(group, now);
        changed = true;
      }
      if (group.standby.fill(group.order, this.#deps.outOfUse, now) !== group.standIns) changed = true;
    }
    if (changed) return this.#inUse(now);
    this.#wait();
    return undefined;
  }

  snapshot(now: Millis): SubsetSnapshot {
    const groups = [...this.#groups.values()];
    const sum = (of: (group: Group) => number) => groups.reduce((total, group) => total + of(group), 0);
    const standIns = sum((group) => group.standIns);
    const { choice, order: { members } } = groups[0] ?? newGroup(now);
    const silent = choice.kind === 'load-aware' && !members.some((entry) => connectionsOf(entry, now) !== undefined);
    return {
      strategy: silent ? 'rendezvous' : strategyName(choice),
      why: silent ? `${choice.why}; no endpoint reports its connections` : choice.why,
      total: sum(({ entries }) => entries.length),
      size: sum(({ order }) => order.members.length) + standIns,
      standIns,
    };
  }

  #order(group: Group, now: Millis): void {
    const size = this.#knobs === 'off' ? Infinity : this.#knobs.size;
    this.#decide(group, group.order.members.length <= size && group.entries.length <= size, now);
    const order = group.strategy.choose(group.entries, size, now);
    const near = this.#deps.near?.();
    group.order = near === undefined ? order : withOwnZone(order, group.entries, near);
  }

  /** `free`: all endpoints are in use and will be, so another strategy moves nothing. */
  #decide(group: Group, free: boolean, now: Millis): void {
    const choice = choiceOf(this.#knobs, this.#deps.position(), group.entries);
    if (choice.kind !== group.choice.kind && !free && now >= group.since + YOUNG) {
      group.doubtedSince ??= now;
      if (now < group.doubtedSince + SETTLE) return;
    }
    group.doubtedSince = undefined;
    if (!sameChoice(choice, group.choice)) group.strategy = strategyFor(choice, group.strategy, group.order.members, this.#deps.random);
    group.choice = choice;
  }

  #inUse(now: Millis): readonly Entry[] {
    const inUse: Entry[] = [];
    for (const group of this.#groups.values()) {
      const { members, spares } = group.order;
      group.standIns = group.standby.fill(group.order, this.#deps.outOfUse, now);
      for (const entry of members) inUse.push(entry);
      for (const entry of spares.slice(0, group.standIns)) inUse.push(entry);
    }
    this.#wait();
    return inUse;
  }

  #wait(): void {
    this.#dueAt = Infinity;
    for (const group of this.#groups.values()) this.#dueAt = Math.min(this.#dueAt, dueAt(group), group.standby.dueAt);
  }
}

const undecided: Choice = { kind: 'off', why: 'there are no endpoints' };
const everything: SubsetStrategy = { choose: whole, dueAt: Infinity };

function newGroup(since: Millis): Group {
  return { entries: [], choice: undecided, strategy: everything, order: whole([]), standby: new Standby(), standIns: 0, since, doubtedSince: -Infinity };
}

/** When its order is to be worked out again. */
function dueAt({ strategy, doubtedSince }: Group): Millis {
  return Math.min(strategy.dueAt, doubtedSince === undefined ? Infinity : doubtedSince + SETTLE);
}

/** `before` goes on where it can; `members` are those of it. */
function strategyFor(choice: Choice, before: SubsetStrategy, members: readonly Entry[], random: Random): SubsetStrategy {
  switch (choice.kind) {
    case 'off':
      return everything;
    case 'load-aware':
      return new LoadAware(random, members);
    case 'rendezvous':
      return rendezvousStrategy;
    case 'lots':
      return new Lots(choice.index, choice.set);
    case 'peer-share': {
      const strategy = before instanceof PeerShare && before.own === choice.own ? before : new PeerShare(choice.own);
      strategy.know(choice.peers);
      return strategy;
    }
  }
}

function sameChoice(a: Choice, b: Choice): boolean {
  if (a.kind === 'lots' && b.kind === 'lots') return a.index === b.index && a.set === b.set;
  if (a.kind === 'peer-share' && b.kind === 'peer-share') return a.own === b.own && sameNames(a.peers, b.peers);
  return a.kind === b.kind;
}

function sameNames(some: readonly string[], others: readonly string[]): boolean {
  return some === others || (some.length === others.length && some.every((name, index) => name === others[index]));
}
