/**
 * Events: every decision that a person may later ask about, typed, emitted where it is made and only there.
 * `docs/events.md` is checked against this list by a test.
 */
import type { EndpointKey, RefreshReason } from './endpoint.ts';
import type { Millis } from './clock.ts';
import type { Criticality } from './criticality.ts';
import type { ErrorCode, ShedBy, SuppressedReason } from './errors.ts';
import type { PanicMode } from './policy.ts';
import { TypedEvents } from './typed-events.ts';

export type { SuppressedReason } from './errors.ts';

export interface MeshEventMap {
  /** Discovery gave a set that differs from the one before. */
  'endpoints.changed': { service: string; added: readonly EndpointKey[]; removed: readonly EndpointKey[]; total: number; source: string };
  /** Other endpoints are talked to than before, of those that discovery knows. Not where they are all of them. */
  'subset.changed': { service: string; reason: SubsetReason; joined: readonly EndpointKey[]; left: readonly EndpointKey[]; size: number; total: number };
  /** Who counts as a replica of this process's own service; undefined where that is not known any more. */
  'peers.changed': { name: string; own: string | undefined; total: number; why: string | undefined };
  /** A look-up failed or was not believed; the last good set stays in use. */
  'discovery.failed': { service: string; source: string; error: Error; age: Millis | undefined };
  /** An answer was cut short by its server: endpoints may be missing, so none is removed. */
  'discovery.truncated': { service: string; source: string; endpoints: number };
  /** What was found is the virtual IP of a Kubernetes Service: who is behind it cannot be seen, balanced or ejected. Once per service. */
  'discovery.virtual': { service: string; source: string; endpoints: readonly EndpointKey[] };
  /** Somebody asked for a look-up ahead of its time. */
  'discovery.refresh': { service: string; reason: RefreshReason };
  /** An endpoint gets no traffic for `duration`, then one trial attempt; it would not, where it is not `enforced`. */
  'endpoint.ejected': { service: string; endpoint: EndpointKey; reason: EjectionReason; duration: Millis; ejections: number; successRate: number; fleetSuccessRate: number; enforced: boolean };
  /** An endpoint would have been ejected, but too few would have remained. */
  'endpoint.ejection.limited': { service: string; endpoint: EndpointKey; ejected: number; total: number };
  /** A trial attempt succeeded: the endpoint is back. */
  'endpoint.returned': { service: string; endpoint: EndpointKey; after: Millis };
  /** An endpoint joined others that serve already: its share grows to the whole of it within `window`; it would, where it is not `enforced`. */
  'endpoint.warming': { service: string; endpoint: EndpointKey; window: Millis; enforced: boolean };
  /** So many health checks failed in a row that the endpoint gets no traffic; it would not, where it is not `enforced`. */
  'endpoint.unhealthy': { service: string; endpoint: EndpointKey; why: string; enforced: boolean };
  /** So many passed that an unhealthy endpoint is back. */
  'endpoint.healthy': { service: string; endpoint: EndpointKey; after: Millis; enforced: boolean };
  /** So many requests in a row failed on one connection to a virtual IP that it is given up: the next one is probably to another instance; it would be, where it is not `enforced`. */
  'connection.recycled': { service: string; endpoint: EndpointKey; failures: number; enforced: boolean };
  /** No usable endpoint is in the zone of this process, so none is preferred; or one is again. Preferred only where it is `enforced`. */
  'locality.changed': { service: string; zone: string | undefined; active: boolean; local: number; remote: number; enforced: boolean };
  /** So few endpoints are usable that `mode` says what happens, or no longer; it would, where it is not `enforced`. */
  'balancer.panic': { service: string; active: boolean; mode: PanicMode; ejected: number; unhealthy: number; total: number; enforced: boolean };
  /** Another attempt begins, `delay` from now. `enforced: false`: it would, were `retry.mode` not `observe`. */
  'retry.scheduled': { service: string; attempt: number; delay: Millis; because: ErrorCode | number; enforced: boolean };
  /** Conditions for a retry were met, and it was not made. `enforced: false`: a mechanism in `observe` would not have made it. */
  'retry.suppressed': { service: string; attempt: number; reason: SuppressedReason; because: ErrorCode | number; enforced: boolean };
  /** An attempt had no response headers after `after`, and another one is sent beside it. `enforced: false`: it would be, were `hedge.mode` not `observe`. */
  'hedge.sent': { service: string; attempt: number; after: Millis; enforced: boolean };
  /** It was time for a hedge, and it was not sent. */
  'hedge.suppressed': { service: string; reason: HedgeSuppressedReason; after: Millis; enforced: boolean };
  /** A hedge was the first to answer; the attempts beside it are cancelled. */
  'hedge.won': { service: string; attempt: number };
  /** A limit of ours turned a call away; where it is not enforced, it would have. */
  'call.shed': { service: string; by: ShedBy; criticality: Criticality; enforced: boolean };
  /** In the place of a reply the caller got what he gave for that case; or nothing, where that failed as well. */
  'call.fallback': { service: string; because: ErrorCode; failed: boolean };
  /** `route`: where it is the circuit of a route that has its own. */
  'circuit.opened': { service: string; route: string | undefined; failureRate: number; requests: number; openFor: Millis; enforced: boolean };
  /** One call at a time may try whether the service is back. */
  'circuit.half-opened': { service: string; route: string | undefined; enforced: boolean };
  'circuit.closed': { service: string; route: string | undefined; enforced: boolean };
  /** The schedule of a route went on to this step, of so many; 0 before its start. */
  'schedule.stepped': { service: string; route: string; step: number; steps: number; weights: Readonly<Record<string, number>> };
  /** A version failed too much: the schedule stays at this step. */
  'schedule.held': { service: string; route: string; version: string; step: number; successRate: number; requests: number; enforced: boolean };
  /** A version failed too much: it gets nothing any more. */
  'schedule.rolled-back': { service: string; route: string; version: string; step: number; successRate: number; requests: number; enforced: boolean };
  /** A version that has a share of a route's calls has no endpoints, or has some again. */
  'version.empty': { service: string; route: string; version: string; active: boolean; fallback: boolean };
  /** An attempt was delayed by so many milliseconds, answered with this status or reset, on purpose. */
  'fault.injected': { service: string; route: string; attempt: number; delay: Millis | undefined; abort: number | 'reset' | undefined };
  /** A copy of a call had no answer, or a 5xx. */
  'mirror.failed': { service: string; route: string; to: string; because: ErrorCode | number };
  /** A call was to be copied, and was not. */
  'mirror.dropped': { service: string; route: string; to: string; reason: 'in-flight' | 'body' | 'deadline' };
  /** Files of certificates that were replaced hold good ones: new connections are made with them. `identity`: our own. */
  'tls.loaded': { ca: string; cert: string | undefined; identity: string | undefined; expires: Date | undefined; generation: number };
  /** They hold something that cannot be used; what was read before, good until `expires`, stays in use. Once for each such change. */
  'tls.rejected': { ca: string; cert: string | undefined; error: Error; expires: Date | undefined };
  'policy.loaded': { source: string; hash: string; generation: number };
  /** The policy's files hold something that is not valid; the last good one, `inForce`, stays. Once for each such change. */
  'policy.rejected': { source: string; error: Error; inForce: string; generation: number };
}

export type MeshEventName = keyof MeshEventMap;

/**
 * Why an endpoint is ejected: it fails more than the others · no connection could be made · it failed so many times in a row, or so
 * large a share of its attempts, as the policy says · it failed the trial after an ejection, whatever that was for.
 */
export type EjectionReason = 'outlier' | 'unreachable' | 'consecutive-failures' | 'success-rate' | 'trial-failed';

/**
 * Why the subset changed: what there is did · a member came out of use, or has been back for a while · what the policy wants did · who the peers are did · a member has more
 * connections than others.
 */
export type SubsetReason = 'discovery' | 'health' | 'policy' | 'position' | 'load';

/**
 * Why no hedge was sent: the service says that it is full · the request body is not whole in memory · every endpoint that could
 * take it was tried · `hedge.extraLoad` or `retry.budget` is used up.
 */
export type HedgeSuppressedReason = 'overload' | 'body-not-replayable' | 'no-other-endpoint' | 'extra-load' | 'budget';

/** What machines are given to report with. */
export type Emit = <Name extends MeshEventName>(name: Name, event: MeshEventMap[Name]) => void;

/** What a client emits; a listener that throws fails nobody (typed-events.ts). */
export class MeshEvents extends TypedEvents<MeshEventMap> {}
