/**
 * Position: where this process stands among its peers, the replicas of its own service. Who knows that can have an even share of the
 * endpoints; who does not can only choose by chance.
 */
import { ordinalOf } from '../core/ordinal.ts';
import type { PeerView } from '../core/peers.ts';
import type { SubsetKnobs, Switchable } from '../core/policy.ts';

export interface Position {
  /** Its number, from 0 on. `of`: how many there are, where somebody said; `set`: whom it is one of. */
  readonly ordinal: { readonly index: number; readonly of: number | undefined; readonly set: string } | undefined;
  /** All of them by name; `own` is this one's. */
  readonly peers: { readonly own: string; readonly all: readonly string[] } | undefined;
  /** What it lacks, where it lacks both. */
  readonly why: string;
}

/** Who this process is. */
export interface Self {
  /** Of all replicas alike. */
  readonly service: string;
  /** Of this one. */
  readonly instance: string;
}

export const nowhere: Position = { ordinal: undefined, peers: undefined, why: 'nobody said where this process stands' };

/** `peers`: undefined where nobody said where to find them. */
export function positionOf(knobs: Switchable<Pick<SubsetKnobs, 'ordinal'>>, self: Self, peers: PeerView | undefined): Position {
  if (knobs === 'off') return nowhere;
  const ordinal = ordinalFrom(knobs.ordinal, self);
  if (peers?.kind === 'known') return { ordinal, peers, why: '' };
  const noNumber = knobs.ordinal === 'off' ? 'subset.ordinal is off' : `the instance name ${self.instance} has no ordinal`;
  return { ordinal, peers: undefined, why: peers === undefined ? `${noNumber} and subset.peers is off` : `${noNumber} and ${peers.why}` };
}

function ordinalFrom(knob: SubsetKnobs['ordinal'], { service, instance }: Self): Position['ordinal'] {
  if (knob === 'off') return undefined;
  if (knob !== 'auto') return { index: knob.index, of: knob.of, set: service };
  const named = ordinalOf(instance);
  return named === undefined ? undefined : { index: named.index, of: undefined, set: named.set };
}
