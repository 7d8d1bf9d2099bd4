/**
 * The kinds of balancer: what `balancer.type` says, as an estimate for each endpoint and a picker for the cluster.
 */
import type { BalancerKnobs, BalancerType } from '../core/policy.ts';
import type { Random } from '../core/random.ts';
import type { Fleet } from './fleet.ts';
import type { InFlight } from './in-flight.ts';
import type { Load } from './load.ts';
import { P2c } from './p2c.ts';
import { PeakEwma } from './peak-ewma.ts';
import type { Candidate, Picker } from './picker.ts';
import { Predictive } from './predictive.ts';
import type { Share } from './shares.ts';

/** Knobs are asked for when they are used, so a policy reload is felt at once and forgets nothing. */
export function loadFor(type: BalancerType, knobs: () => BalancerKnobs, fleet: Fleet, inFlight: InFlight, share: Share): Load {
  return type === 'peak-ewma' ? new PeakEwma(knobs, fleet, inFlight, share) : new Predictive(knobs, fleet, inFlight, share);
}

export function pickerFor<Some extends Candidate>(type: BalancerType, knobs: () => BalancerKnobs, random: Random): Picker<Some> {
  switch (type) {
    case 'predictive':
      return new P2c(random, { choices: () => 2, memory: () => knobs().memory });
    case 'peak-ewma':
      return new P2c(random, { choices: () => 2, memory: () => 0 });
  }
}
