/**
 * Candidates: among which nodes a picker chooses. Chosen anew when something moved, not for each pick.
 *
 *     1. The group of the lowest priority that has an available node (RFC 2782: a client tries the lowest it can reach).
 *     2. Of it, the available ones; an ejected one gets its trials and nothing else.
 *     3. Panic: where those are less than a share `panic.below` of the group, the least bad of the ejected ones as well, up to that
 *        share. So many bad ones at a time mean that the others are about to be overrun, or that the measure is wrong. Envoy uses
 *        all hosts then, and sends the worst their full share; here the best record goes first.
 *
 * Where there are nodes, there are candidates: our own bookkeeping never leaves a service without any.
 */
import type { Millis } from '../core/clock.ts';
import type { OutlierKnobs, Switchable } from '../core/policy.ts';
import { trialDueAt, type Node } from './node.ts';

export interface Candidates {
  readonly nodes: readonly Node[];
  /** The least bad of the ejected ones are among them. */
  readonly panic: boolean;
  /** Ejected nodes that get trials: backups do not while they are not in use. */
  readonly ejected: readonly Node[];
  /** The first instant at which one of them is due. */
  readonly trialAt: Millis;
}

export const noCandidates: Candidates = { nodes: [], panic: false, ejected: [], trialAt: Infinity };

export function chooseCandidates(nodes: readonly Node[], knobs: Switchable<OutlierKnobs>, now: Millis): Candidates {
  if (nodes.length === 0) return noCandidates;
  const lowest = nodes.reduce((least, node) => Math.min(least, node.endpoint.priority), Infinity);
  if (knobs === 'off') return { ...noCandidates, nodes: ofPriority(nodes, lowest) };

  const inUse = nodes.reduce((least, node) => (isAvailable(node) ? Math.min(least, node.endpoint.priority) : least), Infinity);
  const priority = inUse === Infinity ? lowest : inUse;
  const group = ofPriority(nodes, priority);
  const available = group.filter(isAvailable);
  const enough = Math.max(1, Math.ceil(knobs.panic.below * group.length - 1e-9));
  const panic = available.length < enough;
  if (knobs.mode === 'observe') return { ...noCandidates, nodes: ofPriority(nodes, lowest), panic };

  const ejected = nodes.filter((node) => !isAvailable(node) && node.endpoint.priority <= priority);
  return {
    nodes: panic ? [...available, ...leastBad(group, knobs.relative.window, now).slice(0, enough - available.length)] : available,
    panic,
    ejected,
    trialAt: ejected.reduce((first, node) => Math.min(first, trialDueAt(node.ejection)), Infinity),
  };
}

function ofPriority(nodes: readonly Node[], priority: number): readonly Node[] {
  return nodes.filter((node) => node.endpoint.priority === priority);
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
    records.push({ node, successRate, failures: node.recent(now, window).failures });
  }
  records.sort((a, b) => b.successRate - a.successRate || a.failures - b.failures);
  return records.map((record) => record.node);
}
