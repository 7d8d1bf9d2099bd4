/**
 * Candidates: among which nodes a picker chooses. Chosen anew when something moved, not for each pick.
 *
 *     1. The group of the lowest priority of which enough is available, at least the share `panic.below` (RFC 2782: a client tries
 *        the lowest it can reach; but what is left of it is not overrun while backups stand by). Of no group enough: the lowest of
 *        which anything is.
 *     2. Of it, the available ones; an ejected one gets its trials and nothing else.
 *     3. Panic: where that is not enough. So many bad ones at a time mean that the others are about to be overrun, or that the
 *        measure is wrong.
 *            least-bad   the ejected ones with the best record as well, up to `below` (httplb fills up like this)
 *            fail-open   all of the group, as Envoy does
 *            fail-fast   none, as Envoy does with fail_traffic_on_panic
 *
 * But for fail-fast, where there are nodes there are candidates: our own bookkeeping never leaves a service without any.
 */
import type { Millis } from '../core/clock.ts';
import type { OutlierKnobs, PanicMode, Switchable } from '../core/policy.ts';
import { trialDueAt, type Node } from './node.ts';
import { windowOf } from './outlier.ts';

/** What is done because too few endpoints are usable; `observed`: nothing, but something would be. */
export type Panic = false | 'observed' | PanicMode;

export interface Candidates {
  readonly nodes: readonly Node[];
  readonly panic: Panic;
  /** Ejected nodes that get trials: backups do not while they are not in use. */
  readonly ejected: readonly Node[];
  /** The first instant at which one of them is due. */
  readonly trialAt: Millis;
}

export const noCandidates: Candidates = { nodes: [], panic: false, ejected: [], trialAt: Infinity };

export function chooseCandidates(nodes: readonly Node[], knobs: Switchable<OutlierKnobs>, now: Millis): Candidates {
  if (nodes.length === 0) return noCandidates;
  if (knobs === 'off') return { ...noCandidates, nodes: lowest(groups(nodes)) };
  const decided = decide(nodes, knobs, now);
  if (knobs.mode === 'enforce') return decided;
  return { ...noCandidates, nodes: lowest(groups(nodes)), panic: decided.panic === false ? false : 'observed' };
}

function decide(nodes: readonly Node[], knobs: OutlierKnobs, now: Millis): Candidates {
  const { below, mode } = knobs.panic;
  const byPriority = groups(nodes);
  const group = byPriority.find((each) => each.filter(isAvailable).length >= enough(each, below)) ?? byPriority.find((each) => each.some(isAvailable)) ?? lowest(byPriority);
  const available = group.filter(isAvailable);
  const lacking = enough(group, below) - available.length;
  const ejected = nodes.filter((node) => !isAvailable(node) && node.endpoint.priority <= group[0]!.endpoint.priority);
  return {
    nodes: lacking <= 0 ? available : inPanic(mode, group, available, lacking, windowOf(knobs), now),
    panic: lacking > 0 && mode,
    ejected,
    trialAt: ejected.reduce((first, node) => Math.min(first, trialDueAt(node.ejection)), Infinity),
  };
}

function inPanic(mode: PanicMode, group: readonly Node[], available: readonly Node[], lacking: number, window: Millis, now: Millis): readonly Node[] {
  switch (mode) {
    case 'least-bad':
      return [...available, ...leastBad(group, window, now).slice(0, lacking)];
    case 'fail-open':
      return group;
    case 'fail-fast':
      return [];
  }
}

/** At least one, however small the share. */
function enough(group: readonly Node[], below: number): number {
  return Math.max(1, Math.ceil(below * group.length - 1e-9));
}

/** By priority, lowest first; none is empty. */
function groups(nodes: readonly Node[]): readonly (readonly Node[])[] {
  const byPriority = new Map<number, Node[]>();
  for (const node of nodes) {
    const group = byPriority.get(node.endpoint.priority);
    if (group === undefined) byPriority.set(node.endpoint.priority, [node]);
    else group.push(node);
  }
  return [...byPriority].sort(([a], [b]) => a - b).map(([, group]) => group);
}

function lowest(byPriority: readonly (readonly Node[])[]): readonly Node[] {
  return byPriority[0]!;
}

function isAvailable(node: Node): boolean {
  return node.ejection.kind === 'available';
}

/** The ejected ones, best record first: by the success rate they were ejected for, then by recent failures. */
function leastBad(group: readonly Node[], window: Millis, now: Millis): Node[] {
  const records = [];
  for (const node of group) {
    if (node.ejection.kind === 'available') continue;
    const { successRate } = node.ejection.kind === 'ejected' ? node.ejection : node.ejection.of;
    records.push({ node, successRate, failures: node.record.recent(now, window).failures });
  }
  records.sort((a, b) => b.successRate - a.successRate || a.failures - b.failures);
  return records.map((record) => record.node);
}
