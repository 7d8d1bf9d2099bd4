/**
 * The part of the policy that says which endpoint gets the next attempt: the knobs of each kind of balancer, with their meaning and,
 * once, their default.
 */
import type { Millis } from './clock.ts';
import type { Switchable } from './switchable.ts';

/** How the endpoint for an attempt is chosen; the file that explains each is named by it. */
export const balancerTypes = ['predictive', 'peak-ewma', 'least-request', 'round-robin', 'weighted', 'hash'] as const;
export type BalancerType = (typeof balancerTypes)[number];

export interface PredictiveKnobs {
  /** Endpoints that did well lately and are looked at for every attempt, beside two drawn at random. */
  readonly memory: number;
  /** Latency assumed of endpoints while none of the service was ever measured. */
  readonly initialLatency: Millis;
}

export interface PeakEwmaKnobs {
  /** Time constant of forgetting: a spike is mostly gone after three of these. */
  readonly decay: Millis;
  /** Latency assumed of endpoints while none of the service was ever measured. */
  readonly initialLatency: Millis;
  /** The least a failed attempt counts as, so that refusing quickly does not look fast. */
  readonly failurePenalty: Millis;
}

export interface LeastRequestKnobs {
  /** Endpoints drawn at random, of which the one with the fewest attempts in flight is taken. */
  readonly choices: number;
}

/** By what endpoints report of their load; the names are those of gRPC's service config (gRFC A58). */
export interface WeightedKnobs {
  /** What an endpoint reports counts when it has been reporting for this long; until then it gets an average share. */
  readonly blackoutPeriod: Millis;
  /** … and no longer than this after its last report. */
  readonly weightExpirationPeriod: Millis;
  /** Time between two looks at the reports. */
  readonly weightUpdatePeriod: Millis;
  /** What its share of failures adds to its utilisation, where 1 is all of them failing. */
  readonly errorUtilizationPenalty: number;
}

/** Requests with the same key go to the same endpoint. What the key is: `hashKey` of the call's options, else … */
export interface HashKnobs {
  /** … the value of this request header, else … */
  readonly header: Switchable<string>;
  /** … of this cookie. */
  readonly cookie: Switchable<string>;
  /** So many times its part of all that is in flight an endpoint may have; beyond, requests go to the next in the order of their key. `off`: to the first, however busy it is. */
  readonly boundedLoad: Switchable<number>;
}

/** Which endpoint gets the next attempt. The knobs of all types stand side by side, so that a service may change the type alone. */
export interface BalancerKnobs extends PredictiveKnobs, PeakEwmaKnobs, LeastRequestKnobs, WeightedKnobs, HashKnobs {
  readonly type: BalancerType;
}

/** The knobs that each type asks for. */
export const knobsOfBalancer: { readonly [Type in BalancerType]: readonly Exclude<keyof BalancerKnobs, 'type'>[] } = {
  predictive: ['memory', 'initialLatency'],
  'peak-ewma': ['decay', 'initialLatency', 'failurePenalty'],
  'least-request': ['choices'],
  'round-robin': [],
  weighted: ['blackoutPeriod', 'weightExpirationPeriod', 'weightUpdatePeriod', 'errorUtilizationPenalty'],
  hash: ['header', 'cookie', 'boundedLoad'],
};

const SECOND = 1000;

export const defaultBalancer = {
  type: 'predictive',
  memory: 8,
  decay: 10 * SECOND,
  initialLatency: 30,
  failurePenalty: 5 * SECOND,
  choices: 2,
  blackoutPeriod: 10 * SECOND,
  weightExpirationPeriod: 180 * SECOND,
  weightUpdatePeriod: SECOND,
  errorUtilizationPenalty: 1,
  header: 'off',
  cookie: 'off',
  boundedLoad: 1.5,
} as const satisfies BalancerKnobs;
