/**
 * Source: one way to find endpoints, asked again and again by a poller.
 */
import { endpointKey } from '../core/endpoint.ts';
import type { Endpoint, EndpointKey, LookupFacts } from '../core/endpoint.ts';

export interface SourceAnswer {
  /** None: the source says that there are none. A source that does not know throws. */
  readonly endpoints: readonly Endpoint[];
  /** false: there may be more than these. */
  readonly complete: boolean;
  /** For how many seconds it holds; Infinity for ever; undefined where nobody said. */
  readonly ttl: number | undefined;
  /** An empty answer that needs no confirmation, because somebody wrote down that the service is not there. */
  readonly emptyForSure?: boolean;
  /** As `Resolution.virtual`. */
  readonly virtual?: boolean;
  /** Absent where it did not come from DNS. */
  readonly lookup?: LookupFacts | undefined;
  /** Received for it, all look-ups together. */
  readonly bytes?: number;
}

export interface Source {
  /** For people: `srv _http._tcp.reviews.default.svc.cluster.local`. */
  readonly description: string;
  resolve(): Promise<SourceAnswer>;
  /** Calls back when there is something new, ahead of the next time anybody would ask. Absent where only asking tells. */
  subscribe?(changed: () => void): void;
  close?(): void;
}

/** No DNS message holds more; a source that names more is wrong, or means harm. */
const MAX_ENDPOINTS = 4096;

/** Each `ip:port` once, where it has several priorities with the first; what goes beyond the limit is left out, and said. */
export function distinct(endpoints: readonly Endpoint[]): { endpoints: readonly Endpoint[]; cut: boolean } {
  const byKey = new Map<EndpointKey, Endpoint>();
  for (const endpoint of endpoints) {
    const key = endpointKey(endpoint);
    const known = byKey.get(key);
    if (known !== undefined ? endpoint.priority < known.priority : byKey.size < MAX_ENDPOINTS) byKey.set(key, endpoint);
    else if (known === undefined) return { endpoints: [...byKey.values()], cut: true };
  }
  return { endpoints: [...byKey.values()], cut: false };
}
