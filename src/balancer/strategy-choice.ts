/**
 * Which strategy chooses the subset, of those that the policy allows: the best that what is known allows.
 *
 *     deterministic   this process has a number, and all endpoints have one     lots.ts
 *                     this process knows its peers, or has one number of n      peer-share.ts
 *     load-aware      endpoints report their connections                        load-aware.ts
 *     rendezvous      nothing need be known                                     rendezvous.ts
 *
 * `auto` takes the first of these that can be had. One that was asked for and cannot be had is replaced by the next, and `inspect()`
 * says why: an uneven subset serves, an empty one does not. The last two need not be told apart here: load-aware is rendezvous until
 * the first report comes.
 */
import type { SubsetKnobs, SubsetStrategyName, Switchable } from '../core/policy.ts';
import type { Entry } from './directory.ts';
import type { Position } from './position.ts';

export type Choice =
  | { readonly kind: 'off'; readonly why: string }
  | { readonly kind: 'rendezvous' | 'load-aware'; readonly why: string }
  | { readonly kind: 'lots'; readonly index: number; readonly set: string; readonly why: string }
  | { readonly kind: 'peer-share'; readonly own: string; readonly peers: readonly string[]; readonly why: string };

export function choiceOf(knobs: Switchable<SubsetKnobs>, { ordinal, peers, why }: Position, entries: readonly Entry[]): Choice {
  if (knobs === 'off' || knobs.strategy === 'off') return { kind: 'off', why: 'as the policy says' };
  if (knobs.strategy === 'rendezvous') return { kind: 'rendezvous', why: 'as the policy says' };
  if (knobs.strategy === 'load-aware') return { kind: 'load-aware', why: 'as the policy says' };
  if (ordinal !== undefined) {
    const { index, set, of } = ordinal;
    if (areNumbered(entries)) return { kind: 'lots', index, set, why: `this is number ${index} of ${set}, and the endpoints are numbered` };
    if (of !== undefined) return { kind: 'peer-share', ...numbers(index, of, set), why: `this is number ${index} of ${of} in ${set}` };
  }
  if (peers !== undefined) return { kind: 'peer-share', own: peers.own, peers: peers.all, why: `this is ${peers.own} of ${peers.all.length} peers` };
  return { kind: 'load-aware', why: ordinal === undefined ? why : 'the endpoints are not numbered, and nobody said how many replicas there are' };
}

/** As policies call it. */
export function strategyName({ kind }: Choice): Exclude<SubsetStrategyName, 'auto'> {
  return kind === 'lots' || kind === 'peer-share' ? 'deterministic' : kind;
}

/** Numbered replicas need no other names. */
function numbers(index: number, of: number, set: string): { own: string; peers: readonly string[] } {
  const name = (number: number) => `${set}-${number}`;
  return { own: name(index), peers: Array.from({ length: of }, (_, number) => name(number)) };
}

/** Each has a number of its own, and no more numbers are missing than there are: of two sets together neither holds. */
function areNumbered(entries: readonly Entry[]): boolean {
  const seen = new Uint8Array(2 * entries.length);
  for (const { ordinal } of entries) {
    if (ordinal === undefined || ordinal >= seen.length || seen[ordinal] === 1) return false;
    seen[ordinal] = 1;
  }
  return true;
}
