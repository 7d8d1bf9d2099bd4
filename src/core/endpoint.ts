/**
 * Endpoint: a fact somebody told us, host, port and how much of the traffic it should have. What this process *knows* of it
 * is the balancer's Node.
 *
 * Resolver: finds endpoints. It passes on whole sets, never deltas, so nobody needs the history to understand an answer
 * (httplb's rule, resolver.go).
 */
import type { Millis } from './clock.ts';

export interface Endpoint {
  /** An IP address, without brackets. Names are resolved by the time an Endpoint exists. */
  readonly host: string;
  readonly port: number;
  /** The same instance's address of the other family, on the same port; absent where it has none, or where nobody said which belong together. */
  readonly alternate?: string;
  /** Relative among endpoints of one priority; 1 where nobody said. */
  readonly weight: number;
  /** Lower is used first (RFC 2782); 0 where nobody said. */
  readonly priority: number;
  /** Its number in its StatefulSet, where its name says that it has one (core/ordinal.ts): it stays when the address changes. */
  readonly ordinal?: number;
  /** Where it runs, as Kubernetes calls its zones; absent where nobody said. */
  readonly zone?: string;
  /** Who is at this address, where that is known: another one here than before is a new endpoint, whatever its address. */
  readonly generation?: string | undefined;
}

/** `ip:port`: the identity of an endpoint. Weights and record order change with every scaling and mean nothing here. */
export type EndpointKey = string;

export function endpointKey(endpoint: Pick<Endpoint, 'host' | 'port'>): EndpointKey {
  return endpoint.host.includes(':') ? `[${endpoint.host}]:${endpoint.port}` : `${endpoint.host}:${endpoint.port}`;
}

/** One full answer. */
export interface Resolution {
  readonly endpoints: readonly Endpoint[];
  /**
   * false: the answer was cut short (TC over TCP, a target that would not resolve). What is in it is true, what is missing
   * may exist all the same: merge it, remove nothing.
   */
  readonly complete: boolean;
  /** Parts of it have not answered yet; nothing was cut short by anybody. */
  readonly waiting?: boolean;
  /** Where it comes from, for people: `srv _http._tcp.reviews.default.svc.cluster.local`. */
  readonly source: string;
  /** Its one address stands for many instances (a Kubernetes ClusterIP): nothing can be said of any of them, only of all. */
  readonly virtual?: boolean;
}

/** Why somebody wants a fresh answer now; an explanation, not a command. */
export type RefreshReason = 'connect-error' | 'ejection' | 'none-available' | 'asked';

/** How the last answer came, for people who ask why it is what it is. */
export interface LookupFacts {
  /** `ip:port` of the nameserver. */
  readonly server: string;
  readonly transport: 'udp' | 'tcp';
  readonly duration: Millis;
  /** Size of the reply. */
  readonly bytes: number;
  /** `NOERROR`, `NXDOMAIN`. */
  readonly rcode: string;
  /** Seconds, the least of the records used; undefined where the server gave none. */
  readonly ttl: number | undefined;
  /** Records are missing, even over TCP. */
  readonly truncated: boolean;
  /** Datagrams that were no reply to the question: forged, or astray. */
  readonly discarded: number;
  /** Addresses in it that no server can have; they are not used. */
  readonly dropped: readonly string[];
}

/** What discovery knows of one name, as plain data for `inspect()`. */
export interface DiscoveryState {
  readonly source: string;
  /**
   * `never` answered · `fresh` · `stale` (the last attempt failed, the last good set is in use) · `unconfirmed-empty`
   * (an empty answer that is not yet believed) · `empty` (a believed one).
   */
  readonly state: 'never' | 'fresh' | 'stale' | 'unconfirmed-empty' | 'empty';
  /** Since the last good answer. */
  readonly age: Millis | undefined;
  readonly lastError: string | undefined;
  /** Of the last good answer; absent where it did not come from DNS. */
  readonly lookup?: LookupFacts;
  /** As `Resolution.virtual`; absent where it is not. */
  readonly virtual?: true;
  /** Endpoints that the last answer did not name, and that are kept until the next one: too many went at once. */
  readonly held?: readonly EndpointKey[];
}

export interface ResolutionListener {
  /** The set to use from now on. An empty one has been confirmed. */
  resolved(resolution: Resolution): void;
  /** There is no new answer; what was given before still stands. */
  failed(error: Error): void;
}

export interface Watch {
  /** Asks for a fresh answer soon; bounded by a floor, so it may be called as often as one likes. */
  refresh(reason: RefreshReason): void;
  state(): DiscoveryState;
  close(): void;
}

export interface Resolver {
  /** Resolves in the background from now until closed; the listener is never called synchronously. */
  watch(listener: ResolutionListener): Watch;
}
