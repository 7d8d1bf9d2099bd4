/**
 * The kinds of balancer: what `balancer.type` says, as a way of judging load and a picker, of which a cluster has one each.
 */
import type { BalancerKnobs, BalancerType } from '../core/balancer-policy.ts';
import type { Random } from '../core/random.ts';
import { Affinity } from './affinity.ts';
import { LeastRequest } from './least-request.ts';
import type { Knowledge, Load } from './load.ts';
import { P2c } from './p2c.ts';
import { PeakEwma } from './peak-ewma.ts';
import type { Candidate, Picker } from './picker.ts';
import { Predictive } from './predictive.ts';
import { RoundRobin } from './round-robin.ts';
import { Weighted } from './weighted.ts';

/** Knobs are asked for when they are used, so a policy reload is felt at once and forgets nothing. */
export function loadFor(type: BalancerType, knobs: () => BalancerKnobs, known: Knowledge): Load {
  switch (type) {
    case 'peak-ewma':
      return new PeakEwma(knobs, known);
    case 'least-request':
      return new LeastRequest(knobs, known);
    case 'predictive':
    case 'round-robin':
    case 'weighted':
    case 'hash':
      return new Predictive(knobs, known);
  }
}

const two = () => 2;
const none = () => 0;

export function pickerFor<Some extends Candidate>(type: BalancerType, knobs: () => BalancerKnobs, load: Load, known: Knowledge, random: Random): Picker<Some> {
  switch (type) {
    case 'predictive':
      return new P2c(load, known.figures, random, { choices: two, memory: () => knobs().memory });
    case 'peak-ewma':
      return new P2c(load, known.figures, random, { choices: two, memory: none });
    case 'least-request':
      return new P2c(load, known.figures, random, { choices: () => knobs().choices, memory: none });
    case 'round-robin':
      return new RoundRobin(known.figures, random);
    case 'weighted':
      return new Weighted(knobs, known.figures, random);
    case 'hash':
      return new Affinity(knobs, known, pickerFor('predictive', knobs, load, known, random));
  }
}
