/**
 * What is missing from one answer only is doubtful where it is much. Replicas of CoreDNS disagree for a while, and successive answers
 * alternate between old and new; a rollout that goes wrong in DNS alone must not take the fleet with it. So where more than half of the
 * endpoints are missing, they are kept until the next answer says the same (Finagle's StabilizingAddr, without its timers).
 */
import { endpointKey } from '../core/endpoint.ts';
import type { Endpoint, EndpointKey } from '../core/endpoint.ts';

const MAX_SHARE = 0.5;

export class RemovalGuard {
  #held: ReadonlySet<EndpointKey> = new Set();

  /** Kept although the last answer did not name them. */
  get held(): readonly EndpointKey[] {
    return [...this.#held];
  }

  /** What to use, where `before` is in use and this has been answered. */
  admit(before: readonly Endpoint[], answered: readonly Endpoint[]): readonly Endpoint[] {
    const named = new Set(answered.map(endpointKey));
    const missing = before.filter((endpoint) => !named.has(endpointKey(endpoint)));
    const missingNow = missing.filter((endpoint) => !this.#held.has(endpointKey(endpoint)));
    const inDoubt = before.length - (missing.length - missingNow.length);
    const held = missingNow.length > inDoubt * MAX_SHARE ? missingNow : [];
    this.#held = new Set(held.map(endpointKey));
    return held.length === 0 ? answered : [...answered, ...held];
  }

  forget(): void {
    this.#held = new Set();
  }
}
