/**
 * What the admin pages are given to look at. The client gives it; these are the parts of its snapshot that are read here, so that the pages
 * know nothing of who else there is.
 */
import type { Clock, Millis } from '../core/clock.ts';
import type { DiscoveryState } from '../core/endpoint.ts';
import type { Onlooking } from '../core/onlooker.ts';
import type { OutcomeKind } from '../core/outcome-kind.ts';

export interface AdminPort {
  readonly clock: Clock;
  readonly onlooking: Onlooking;
  /** `mesh.inspect()`. */
  readonly inspect: () => ObservedMesh;
  /** The policy in force, with the lines that it comes from, without secrets. */
  readonly policyText: () => string;
  /** `closing`: no new calls are taken · `starting`: somebody waits for `mesh.ready()`. */
  readonly phase: () => 'starting' | 'open' | 'closing';
}

export interface ObservedMesh {
  readonly service: string;
  readonly instance: string;
  readonly policy: { readonly source: string; readonly hash: string; readonly generation: number; readonly age: Millis; readonly valid: boolean; readonly error?: string };
  /** In flight. */
  readonly calls: number;
  readonly services: readonly ObservedService[];
}

export interface ObservedCalls {
  readonly inFlight: number;
  readonly queued: number;
  readonly limit: number;
}

export interface ObservedThrottle {
  /** By criticality. */
  readonly rejection: Readonly<Record<string, number>>;
}

export interface ObservedCircuit {
  readonly state: 'closed' | 'open' | 'half-open';
  readonly requests: number;
  readonly failures: number;
  readonly retryAt: number | undefined;
  readonly enforced: boolean;
}

export interface ObservedService extends ObservedGroup {
  readonly name: string;
  readonly budget: number;
  /** `observe`: what the mechanism finds is reported, and nothing is done about it. */
  readonly modes: { readonly outlier: string; readonly healthCheck: string; readonly metrics: boolean };
  readonly calls: ObservedCalls;
  readonly throttle: ObservedThrottle;
  readonly ofRoutes: { readonly calls: Readonly<Record<string, ObservedCalls>>; readonly throttle: Readonly<Record<string, ObservedThrottle>> };
  readonly versions: readonly (ObservedGroup & { readonly name: string })[];
  readonly routes: readonly { readonly name: string; readonly weights: Readonly<Record<string, number>> | undefined }[];
}

/** Endpoints that are compared with each other: a service as a whole, or a version of it. */
export interface ObservedGroup {
  readonly discovery: DiscoveryState;
  readonly endpoints: readonly ObservedEndpoint[];
  readonly subset: { readonly strategy: string; readonly total: number; readonly size: number; readonly standIns: number };
  readonly panic: boolean | string;
  readonly circuit: ObservedCircuit;
  readonly circuits: Readonly<Record<string, ObservedCircuit>>;
}

export interface ObservedEndpoint {
  readonly endpoint: string;
  readonly zone?: string;
  readonly weight: number;
  readonly priority: number;
  readonly state: 'available' | 'ejected' | 'trial';
  readonly load: number;
  readonly latency: Millis;
  readonly measured: boolean;
  readonly pending: number;
  readonly totals: Readonly<Record<OutcomeKind, number>>;
  readonly ejection?: { readonly until: number; readonly ejections: number; readonly why: string };
  readonly health?: { readonly state: string; readonly why?: string };
}
