/**
 * The kinds of balancer: what `balancer.type` says, as an estimate for each endpoint and a picker for the cluster.
 */
import type { BalancerKnobs } from '../core/policy.ts';
import type { Random } from '../core/random.ts';
import type { FleetLatency } from './fleet-latency.ts';
import type { InFlight } from './in-flight.ts';
import type { Load } from './load.ts';
import { P2c } from './p2c.ts';
import { PeakEwma } from './peak-ewma.ts';
import type { Candidate, Picker } from './picker.ts';

export type BalancerType = BalancerKnobs['type'];

/** Knobs are asked for when they are used, so a policy reload is felt at once and forgets nothing. */
export function loadFor(_type: BalancerType, knobs: () => BalancerKnobs, fleet: FleetLatency, inFlight: InFlight): Load {
  return new PeakEwma(knobs, fleet, inFlight);
}

export function pickerFor<Some extends Candidate>(_type: BalancerType, random: Random): Picker<Some> {
  return new P2c(random);
}
