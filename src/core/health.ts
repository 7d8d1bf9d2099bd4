/**
 * A health check, as a port: the balancer decides when an endpoint is asked and what the answers mean, the transport asks.
 */
import type { Cancellation } from './cancellation.ts';
import type { Endpoint } from './endpoint.ts';
import type { HealthCheckKnobs } from './policy.ts';

/**
 * What one check says of the endpoint. `nothing`: it was given up, or failed for a reason of ours (no descriptors left, our event
 * loop stood still).
 */
export type CheckResult = { readonly kind: 'passed' } | { readonly kind: 'failed'; readonly why: string } | { readonly kind: 'nothing' };

/** Asks the endpoint once. Never rejects; resolves soon after the cancellation, and within the timeout at the latest. */
export type Probe = (endpoint: Endpoint, knobs: HealthCheckKnobs, cancellation: Cancellation) => Promise<CheckResult>;
