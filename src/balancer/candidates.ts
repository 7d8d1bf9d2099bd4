/**
 * Candidates: among which nodes a picker chooses. Chosen anew when something moved, not for each pick.
 *
 *     1. The group of the lowest priority of which enough is usable, at least the share `panic.below` (RFC 2782: a client tries
 *        the lowest it can reach; but what is left of it is not overrun while backups stand by). Of no group enough: the lowest of
 *        which anything is.
 *     2. Of it, the usable ones: neither ejected nor unhealthy. An ejected one that is not unhealthy gets its trials.
 *     3. Panic: where that is not enough. So many bad ones at a time mean that the others are about to be overrun, or that the
 *        measure is wrong.
 *            least-bad   the best of the others as well, up to `below` (httplb fills up like this): ejected before unhealthy ones,
 *                        then by record
 *            fail-open   all of the group, as Envoy does
 *            fail-fast   none, as Envoy does with fail_traffic_on_panic
 *
 * But for fail-fast, where there are nodes there are candidates: our own bookkeeping never leaves a service without any.
 */
import type { Millis } from '../core/clock.ts';
import { defaultServicePolicy, type HealthCheckKnobs, type OutlierKnobs, type PanicMode, type Switchable } from '../core/policy.ts';
import { trialDueAt, type Node } from './node.ts';
import { successRate, windowOf } from './outlier.ts';

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

/** What takes endpoints out. */
export interface Excluding {
  readonly outlier: Switchable<OutlierKnobs>;
  readonly healthCheck: Switchable<HealthCheckKnobs>;
}

/** Whether ordinary traffic goes there. */
export function isUsable(node: Node, { outlier, healthCheck }: Excluding): boolean {
  return !(acts(outlier) && node.ejection.kind !== 'available') && !(acts(healthCheck) && node.health.kind === 'unhealthy');
}

function acts(knobs: Switchable<OutlierKnobs | HealthCheckKnobs>): boolean {
  return knobs !== 'off' && knobs.mode === 'enforce';
}

export function chooseCandidates(nodes: readonly Node[], knobs: Excluding, now: Millis): Candidates {
  if (nodes.length === 0) return noCandidates;
  const rules = knobs.outlier === 'off' ? defaultServicePolicy.outlier : knobs.outlier;
  const { panic } = rules;
  const byPriority = groups(nodes);
  const usable = (node: Node) => isUsable(node, knobs);
  const group = groupInUse(byPriority, panic.below, usable);
  const inUse = group.filter(usable);
  const lacking = enough(group, panic.below) - inUse.length;
  const ejected = acts(knobs.outlier) ? nodes.filter((node) => node.endpoint.priority <= group[0]!.endpoint.priority && hasTrials(node, knobs)) : [];
  return {
    nodes: lacking <= 0 ? inUse : inPanic(panic.mode, group, inUse, leastBad(group, usable, windowOf(rules), now).slice(0, lacking)),
    panic: lacking > 0 ? panic.mode : wouldPanic(byPriority, panic.below) && 'observed',
    ejected,
    trialAt: ejected.reduce((first, node) => Math.min(first, trialDueAt(node.ejection)), Infinity),
  };
}

function groupInUse(byPriority: readonly (readonly Node[])[], below: number, usable: (node: Node) => boolean): readonly Node[] {
  return byPriority.find((group) => group.filter(usable).length >= enough(group, below)) ?? byPriority.find((group) => group.some(usable)) ?? byPriority[0]!;
}

/** Whether there would be a panic if all that is observed were enforced. */
function wouldPanic(byPriority: readonly (readonly Node[])[], below: number): boolean {
  const usable = (node: Node) => node.ejection.kind === 'available' && node.health.kind !== 'unhealthy';
  const group = groupInUse(byPriority, below, usable);
  return group.filter(usable).length < enough(group, below);
}

function hasTrials(node: Node, { healthCheck }: Excluding): boolean {
  return node.ejection.kind !== 'available' && !(acts(healthCheck) && node.health.kind === 'unhealthy');
}

function inPanic(mode: PanicMode, group: readonly Node[], inUse: readonly Node[], leastBad: readonly Node[]): readonly Node[] {
  switch (mode) {
    case 'least-bad':
      return [...inUse, ...leastBad];
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

/** Those out of use, the best first: ejected before unhealthy, then by success rate, that of the ejection where there is one, then by recent failures. */
function leastBad(group: readonly Node[], usable: (node: Node) => boolean, window: Millis, now: Millis): Node[] {
  const records = [];
  for (const node of group) {
    if (usable(node)) continue;
    const recent = node.record.recent(now, window);
    const { ejection } = node;
    const rate = ejection.kind === 'available' ? successRate(recent) : (ejection.kind === 'ejected' ? ejection : ejection.of).successRate;
    records.push({ node, unhealthy: Number(node.health.kind === 'unhealthy'), rate, failures: recent.failures });
  }
  records.sort((a, b) => a.unhealthy - b.unhealthy || b.rate - a.rate || a.failures - b.failures);
  return records.map((record) => record.node);
}
