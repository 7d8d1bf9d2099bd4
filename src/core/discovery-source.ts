/**
 * Discovery source: where a policy says that endpoints are found, and how often they are looked for. `discovery/` has a resolver for each
 * kind.
 */
import type { Millis } from './clock.ts';

/** Where endpoints are found by one look-up after another. */
export type LookupSource =
  | { readonly kind: 'srv'; readonly name: string }
  | { readonly kind: 'dns'; readonly name: string; readonly port: number }
  | { readonly kind: 'endpoints'; readonly endpoints: readonly { readonly host: string; readonly port: number }[] }
  /** A JSON file; its form is in docs/discovery.md. */
  | { readonly kind: 'file'; readonly path: string }
  /** EndpointSlices of a Kubernetes Service, listed and watched. The port is its name, or its number in the pods. */
  | { readonly kind: 'kubernetes'; readonly service: string; readonly namespace?: string | undefined; readonly port: string | number }
  /** The first that answers. */
  | { readonly kind: 'chain'; readonly sources: readonly LookupSource[] };

/** Where endpoints are found. */
export type DiscoverySource =
  | LookupSource
  /** All of them, each looked up on its own: the versions of a service. */
  | { readonly kind: 'union'; readonly sources: readonly LookupSource[] };

export interface ConfirmEmptyKnobs {
  /** An empty answer is believed after this many in a row … */
  readonly answers: number;
  /** … over at least this time. */
  readonly over: Millis;
}

export interface DiscoveryKnobs {
  /** Longest time between two look-ups; jittered downwards. A smaller TTL wins. */
  readonly refresh: Millis;
  /** For how long failing look-ups never remove endpoints. */
  readonly maxStale: Millis;
  readonly confirmEmpty: ConfirmEmptyKnobs;
}
