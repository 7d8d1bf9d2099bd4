/**
 * What is known of one endpoint, as plain data for `mesh.inspect()` and whoever asks why traffic goes where it goes.
 */
import type { Clock, Millis } from '../core/clock.ts';
import type { EndpointKey } from '../core/endpoint.ts';
import type { EjectionReason } from '../core/events.ts';
import type { OutcomeKind } from '../core/outcome.ts';
import type { Excluding } from './candidates.ts';
import { COST } from './figures.ts';
import type { Health } from './health.ts';
import type { EjectionState, Node } from './node.ts';
import { windowOf, type Tally } from './outlier.ts';
import type { Picker } from './picker.ts';

export interface EndpointSnapshot {
  readonly endpoint: EndpointKey;
  /** As in `Endpoint`; each absent where there is none. */
  readonly alternate?: string;
  readonly zone?: string;
  /** What its load is multiplied by as it is in another zone; absent where it is not. */
  readonly cost?: number;
  readonly weight: number;
  readonly priority: number;
  readonly state: EjectionState['kind'];
  /** What the picker of this service compares: smaller is freer. */
  readonly load: number;
  /** Expected time to an answer. */
  readonly latency: Millis;
  /** false: the latency is what the others let presume. */
  readonly measured: boolean;
  /** Which part of its share it gets while it is new (slow start); absent where that is the whole. */
  readonly part?: number;
  /** Attempts in flight. */
  readonly pending: number;
  /** Attempts with each outcome, since this process knows the endpoint. */
  readonly totals: Readonly<Record<OutcomeKind, number>>;
  /** What counts for ejection: the outlier window; undefined where the mechanism is off. */
  readonly recent?: Tally;
  /** Present while it is ejected, or tried. */
  readonly ejection?: {
    /** Epoch milliseconds. */
    readonly until: number;
    /** In a row. */
    readonly ejections: number;
    readonly why: string;
  };
  /** What active checks say; absent where there are none. */
  readonly health?: {
    readonly state: Health['kind'];
    /** Present while it is unhealthy: epoch milliseconds, and what the last check found. */
    readonly since?: number;
    readonly why?: string;
  };
}

/** Of all endpoints of the subset; observed ones count. */
export interface Exclusions {
  readonly ejected: number;
  /** Of health checks. */
  readonly unhealthy: number;
  /** So many at a time, with as many endpoints as there are and as the policy is. */
  readonly mostEjected: number;
}

export function describe(node: Node, picker: Picker<Node>, { outlier, healthCheck }: Excluding, clock: Clock): EndpointSnapshot {
  const now = clock.now();
  const state = node.ejection;
  const { zone, endpoint: { alternate } } = node;
  const cost = node.figure('weights', COST);
  const part = node.part(now);
  const snapshot = {
    endpoint: node.key,
    ...(alternate === undefined ? {} : { alternate }),
    ...(zone === undefined ? {} : { zone }),
    ...(cost === 1 ? {} : { cost }),
    weight: node.endpoint.weight,
    priority: node.endpoint.priority,
    state: state.kind,
    load: picker.load(node, now),
    latency: node.latency(now),
    measured: node.measured,
    ...(part < 1 ? { part } : {}),
    pending: node.pending,
    totals: { ...node.totals },
    ...(healthCheck === 'off' ? {} : { health: healthOf(node.health, clock) }),
    ...(outlier === 'off' ? {} : { recent: node.record.recent(now, windowOf(outlier)) }),
  };
  if (state.kind === 'available') return snapshot;
  const { until, reason, ejections, successRate, fleetSuccessRate } = state.kind === 'ejected' ? state : state.of;
  const rates = `success rate ${percent(successRate)}, that of the others ${percent(fleetSuccessRate)}`;
  const why = reason === 'outlier' ? rates : `${explained[reason]}; ${rates}`;
  return { ...snapshot, ejection: { until: Math.round(clock.wall() + until - now), ejections, why } };
}

function healthOf(health: Health, clock: Clock): NonNullable<EndpointSnapshot['health']> {
  if (health.kind !== 'unhealthy') return { state: health.kind };
  return { state: health.kind, since: Math.round(clock.wall() + health.since - clock.now()), why: health.why };
}

const explained: { readonly [Reason in Exclude<EjectionReason, 'outlier'>]: string } = {
  unreachable: 'no connection could be made',
  'consecutive-failures': 'so many failures in a row',
  'success-rate': 'a success rate below the threshold',
  'trial-failed': 'a trial failed',
};

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
