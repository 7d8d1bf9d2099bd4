/**
 * Where calls may go that are for no service of the policy. Whoever gets a service to fetch a URL of his choosing (request forgery) chooses the
 * host, so this is about the hosts that nobody named; defaults are in policy.ts.
 */
export const addressKinds = ['link-local', 'loopback', 'private'] as const;
export type AddressKind = (typeof addressKinds)[number];

export interface EgressKnobs {
  readonly ports: 'any' | readonly number[];
  /** Kinds of addresses, or ranges of them as `10.0.0.0/8`; what a name is looked up to counts, not what it looks like. */
  readonly deny: readonly string[];
  /** Addresses and ranges that are fine all the same. */
  readonly allow: readonly string[];
}
