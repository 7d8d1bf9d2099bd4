/**
 * Policy: what the platform team decided, as data. Every knob's meaning stands here, and every default, once: the schema, the
 * docs and the messages cite these values.
 *
 * Machines keep memory, never knobs: they are given `() => knobs` and ask at the moment of use, so a reload changes
 * thresholds at once and forgets nothing. Durations are milliseconds, shares are fractions of 1, sizes are bytes.
 */
import { defaultBalancer, type BalancerKnobs } from './balancer-policy.ts';
import type { Millis } from './clock.ts';
import type { ConfirmEmptyKnobs, DiscoveryKnobs, DiscoverySource, LookupSource } from './discovery-source.ts';
import type { EgressKnobs } from './egress-knobs.ts';
import type { HealthCheckKnobs, OutlierKnobs } from './health-knobs.ts';
import { admissionOnceOn, defaultInbound, type AllowRule, type InboundKnobs } from './inbound-policy.ts';
import type { ConcurrencyKnobs, RateLimitKnobs, ThrottleKnobs } from './overload-knobs.ts';
import type { LocalityKnobs, SlowStartKnobs } from './placement-knobs.ts';
import type { Mode, Switchable } from './switchable.ts';
import type { TlsKnobs } from './tls-knobs.ts';
import type { ZoneTable } from './zones.ts';
import type { FaultKnobs, HeaderChanges, Mirror, Rewrite, RouteMatch, Targets } from './route.ts';

export type { ConfirmEmptyKnobs, DiscoveryKnobs, DiscoverySource, LookupSource };
export * from './health-knobs.ts';
export { localityPreferences, type LocalityKnobs, type SlowStartKnobs } from './placement-knobs.ts';
export type { AdaptiveKnobs, ConcurrencyKnobs, RateLimitKnobs, ThrottleKnobs } from './overload-knobs.ts';
export type { Mode, Switchable } from './switchable.ts';
export type { TlsKnobs, TlsVersion } from './tls-knobs.ts';

/** Condition under which an attempt may be retried; names as Envoy's `retry_on`, or a status code. */
export type RetryCondition =
  | 'connect-failure' | 'refused-stream' | 'reset' | 'gateway-error' | '5xx' | 'retriable-4xx' | 'timeout' | 'overload' | number;

export const retryConditionNames = ['connect-failure', 'refused-stream', 'reset', 'gateway-error', '5xx', 'retriable-4xx', 'timeout', 'overload'] as const;

export type JitterKind = 'full' | 'decorrelated' | 'half' | 'none';
export const jitterKinds = ['full', 'decorrelated', 'half', 'none'] as const;

export interface ConnectionKnobs {
  /** Time for TCP, and TLS where used, to connect. */
  readonly connectTimeout: Millis;
  /** How long an idle connection is kept; a shorter `Keep-Alive: timeout` of the server wins. */
  readonly keepAlive: Millis;
  /** A connection older than this, give or take a tenth, is replaced once its request is done: new pods behind one address get traffic. */
  readonly maxAge: Switchable<Millis>;
  /** Attempts in flight, and so connections, to one endpoint. What goes beyond waits in our own queue. */
  readonly maxPerEndpoint: number;
  /** Many requests on a connection, with servers that choose so when TLS is agreed upon; `h2c`: also in plain text, without asking. */
  readonly http2: boolean | 'h2c';
}

export const subsetStrategyNames = ['auto', 'deterministic', 'load-aware', 'rendezvous', 'off'] as const;
export type SubsetStrategyName = (typeof subsetStrategyNames)[number];

export interface OrdinalKnobs {
  /** From 0 on. */
  readonly index: number;
  /** How many replicas there are. */
  readonly of?: number | undefined;
}

export interface SubsetKnobs {
  /** Endpoints this process talks to, of however many there are. */
  readonly size: number;
  /**
   * `rendezvous`: by chance, the same for the same client · `deterministic`: an even share, where both sides have numbers or this process
   * knows its peers · `load-aware`: rendezvous that moves away from endpoints that report more connections than others · `auto`: the best of these that can be had · `off`: all.
   */
  readonly strategy: SubsetStrategyName;
  /** The number of this process among the replicas of its service. `auto`: as its instance name says, where a StatefulSet named it. */
  readonly ordinal: 'auto' | 'off' | OrdinalKnobs;
  /** Where the replicas of this process's own service are found: the name of its headless Service, or of an SRV record there. */
  readonly peers: Switchable<string>;
}


/** Retries and hedges are paid for by successes. */
export interface SuccessBudgetKnobs {
  /** What each success adds; a retry takes 1, unless nothing was sent. */
  readonly perSuccess: number;
  /** The most that is saved up, and what a client starts with. */
  readonly cap: number;
}

/** Retries and hedges are a share of the calls of the last while, or a rate that is always granted: GEP-3388, Finagle, Linkerd. */
export interface WindowBudgetKnobs {
  /** Retries per hundred calls … */
  readonly percent: number;
  /** … of this last while. */
  readonly interval: Millis;
  /** Where that share is less than this, so many are granted all the same. Each client of a fleet has them. */
  readonly minRetryRate: { readonly count: number; readonly interval: Millis };
}

export type BudgetKnobs = SuccessBudgetKnobs | WindowBudgetKnobs;

/** How long an attempt is waited for before a hedge: measured (hedge-delay.ts), a percentile of what is measured, or fixed. */
export type HedgeDelay = 'auto' | `p${number}` | Millis;

/** Another attempt, at another endpoint, beside one that takes long. For safe methods and calls with an idempotency key. */
export interface HedgeKnobs {
  readonly after: HedgeDelay;
  /** Of one call. */
  readonly max: number;
  /** Hedges per call that succeeds; a few are saved up. Each is paid for from `retry.budget` as well. */
  readonly extraLoad: number;
  readonly mode: Mode;
}

export interface RetryKnobs {
  /** Attempts beyond the first. */
  readonly maxRetries: number;
  readonly on: readonly RetryCondition[];
  /** Methods that may be sent twice. Others are retried only if provably not sent, or with an Idempotency-Key. */
  readonly methods: readonly string[];
  readonly backoff: { readonly base: Millis; readonly max: Millis; readonly jitter: JitterKind };
  /** A server's Retry-After is waited for up to this; where it asks for more, there is no retry. */
  readonly retryAfter: { readonly max: Millis };
  /** `observe`: what could not be paid for is reported, and made. */
  readonly budget: BudgetKnobs & { readonly mode: Mode };
  /** Request bodies up to this size are kept in memory until the call has its answer. */
  readonly replayBodyUpTo: number;
  /** Retry in turn while serving a retry. Else only what was provably not sent is: retries of retries multiply at every hop. */
  readonly retryOfRetry: boolean;
  /**
   * Believe an endpoint that says that it did not begin with a request (not-processed.ts): then any request is sent again, to another one.
   */
  readonly notProcessed: boolean;
  /** `observe`: decide and report, make one attempt. */
  readonly mode: Mode;
}

export interface CircuitKnobs {
  /** The circuit opens when more than this share of attempts failed … */
  readonly failureRate: number;
  /** … in this last while … */
  readonly window: Millis;
  /** … and there were at least this many. */
  readonly minRequests: number;
  /** How long it stays open the first time; a quarter longer each time in a row … */
  readonly openFor: Millis;
  /** … up to this. */
  readonly maxOpenFor: Millis;
  /** Trial attempts in a row, one at a time, that must succeed to close it. */
  readonly probes: number;
  readonly mode: Mode;
}

export interface PropagateKnobs {
  /** Send on what remains of the deadline, as `x-envoy-expected-rq-timeout-ms` and, with gRPC, as `grpc-timeout`. */
  readonly deadline: boolean;
  /** Send on how critical the call is, as `x-inmesh-criticality`, where it is not `critical`. */
  readonly criticality: boolean;
  /** Send on which attempt this is, as `x-envoy-attempt-count`, so that nobody below retries a retry. */
  readonly retryAttempt: boolean;
  /** Send on the trace context, with whatever propagator is registered. */
  readonly trace: boolean;
}

export interface TelemetryKnobs {
  /** `attempts`: one span per call and one per attempt · `calls`: per call alone · `off`. */
  readonly spans: 'attempts' | 'calls' | 'off';
  /** Whether its calls, attempts and state are measured. */
  readonly metrics: boolean;
  /** Whether the request header `x-inmesh-explain` has the response carry why the call went where it went. */
  readonly explainHeader: boolean;
}

/** All knobs of one service. */
export interface ServicePolicy {
  /** Whole call: all attempts, to the end of the body. */
  readonly deadline: Millis;
  /** One attempt, to its response headers; with a request body, from its last byte on. */
  readonly attemptTimeout: Switchable<Millis>;
  readonly connection: ConnectionKnobs;
  readonly discovery: DiscoveryKnobs;
  readonly subset: Switchable<SubsetKnobs>;
  readonly balancer: BalancerKnobs;
  readonly slowStart: Switchable<SlowStartKnobs>;
  readonly outlier: Switchable<OutlierKnobs>;
  readonly healthCheck: Switchable<HealthCheckKnobs>;
  readonly locality: Switchable<LocalityKnobs>;
  readonly retry: Switchable<RetryKnobs>;
  readonly hedge: Switchable<HedgeKnobs>;
  readonly circuit: Switchable<CircuitKnobs>;
  readonly concurrency: Switchable<ConcurrencyKnobs>;
  readonly throttle: Switchable<ThrottleKnobs>;
  readonly rateLimit: Switchable<RateLimitKnobs>;
  /** `off`: as the URL says. Else every request goes out over TLS, also where its URL says http. */
  readonly tls: Switchable<TlsKnobs>;
  readonly propagate: PropagateKnobs;
  readonly telemetry: TelemetryKnobs;
  /** Of the service's own side; its callers read past it. */
  readonly inbound: InboundKnobs;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

export const defaultServicePolicy = {
  deadline: 30 * SECOND,
  attemptTimeout: 10 * SECOND,
  connection: { connectTimeout: 1 * SECOND, keepAlive: 30 * SECOND, maxAge: 5 * MINUTE, maxPerEndpoint: 64, http2: false },
  discovery: { refresh: 5 * SECOND, maxStale: 24 * HOUR, confirmEmpty: { answers: 3, over: 10 * SECOND } },
  subset: { size: 20, strategy: 'auto', ordinal: 'auto', peers: 'off' },
  balancer: defaultBalancer,
  slowStart: { window: 30 * SECOND, minWeight: 0.1, mode: 'enforce' },
  outlier: {
    relative: { gap: 0.2, sigmas: 3, minRequests: 4, fleetAbove: 0.3, window: 10 * SECOND },
    consecutiveFailures: 'off',
    successRate: 'off',
    ejection: { base: 1 * SECOND, max: 30 * SECOND, jitter: 0.2, maxShare: 0.5, minRemaining: 1 },
    panic: { below: 0.5, mode: 'least-bad' },
    mode: 'enforce',
  },
  healthCheck: 'off',
  locality: { prefer: 'zone', remoteCost: 1.5, mode: 'enforce' },
  retry: {
    maxRetries: 2,
    on: ['connect-failure', 'refused-stream', 'reset', 'gateway-error'],
    methods: ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'],
    backoff: { base: 25, max: 250, jitter: 'full' },
    retryAfter: { max: 5 * SECOND },
    budget: { perSuccess: 0.1, cap: 10, mode: 'enforce' },
    replayBodyUpTo: 64 * 1024,
    retryOfRetry: false,
    notProcessed: true,
    mode: 'enforce',
  },
  hedge: 'off',
  circuit: { failureRate: 0.5, window: 10 * SECOND, minRequests: 20, openFor: 5 * SECOND, maxOpenFor: 1 * MINUTE, probes: 1, mode: 'enforce' },
  concurrency: { max: 1024, queue: 1024, adaptive: 'off', mode: 'enforce' },
  throttle: { k: 2, window: 2 * MINUTE, minRequests: 20, maxRejection: 0.8, mode: 'enforce' },
  rateLimit: 'off',
  tls: 'off',
  propagate: { deadline: true, criticality: true, retryAttempt: true, trace: true },
  telemetry: { spans: 'attempts', metrics: true, explainHeader: false },
  inbound: defaultInbound,
} as const satisfies ServicePolicy;

/**
 * What a mechanism that is off by default begins with once it is switched on. The shape is that of a service's policy, and
 * holds no more than these.
 */
export const onceSwitchedOn = {
  outlier: { successRate: { threshold: 0.8, window: 10 * SECOND, minRequests: 5 } },
  hedge: { after: 'auto', max: 1, extraLoad: 0.01, mode: 'enforce' },
  concurrency: { adaptive: { type: 'gradient', min: 2, initial: 20, tolerance: 1.5 } },
  healthCheck: {
    path: '/healthz', method: 'GET', scheme: 'http', expect: ['200-299'],
    interval: 10 * SECOND, timeout: 1 * SECOND, healthy: 2, unhealthy: 3, mode: 'enforce',
  },
  rateLimit: { rate: 100, burst: 20, mode: 'enforce' },
  inbound: { admission: admissionOnceOn },
  tls: { mode: 'tls', ca: 'system', cert: 'off', key: 'off', serverName: 'auto', spiffeIds: 'off', minVersion: '1.2' },
} as const;

/** What a budget of the other shape leaves unsaid: GEP-3388's own defaults. */
export const defaultWindowBudget: WindowBudgetKnobs = { percent: 20, interval: 10 * SECOND, minRetryRate: { count: 10, interval: 1 * SECOND } };

/** `reviews`, or `reviews:9080`: a port given here must be the request's. */
export interface HostPattern {
  /** Lower case, no trailing dot. */
  readonly host: string;
  readonly port: number | undefined;
}

/** What calls to hosts that no service names do: get the defaults, go out untouched by any mechanism, or fail. */
export type UnknownHosts = 'defaults' | 'passthrough' | 'deny';

/** What some of a service's calls do otherwise; its parts are in route.ts. */
export interface Route {
  /** Unique in its service. */
  readonly name: string;
  /** One of them must hold; none: it holds for every call. */
  readonly matches: readonly RouteMatch[];
  /** Undefined: the service as a whole. */
  readonly targets: Targets | undefined;
  readonly mirrors: readonly Mirror[];
  readonly fault: FaultKnobs | undefined;
  readonly rewrite: Rewrite | undefined;
  readonly requestHeaders: HeaderChanges | undefined;
  readonly responseHeaders: HeaderChanges | undefined;
  /** The service's, with what the route says; the very same object where it says nothing. */
  readonly policy: ServicePolicy;
  /** Which knobs it says. */
  readonly overrides: readonly string[];
}

export interface ServiceEntry {
  readonly name: string;
  readonly hosts: readonly HostPattern[];
  /** Undefined: the host of each request is looked up in DNS. With versions and nothing else said, their union. */
  readonly source: DiscoverySource | undefined;
  /** Where each version's endpoints are found, by its name; empty where the service has none. */
  readonly versions: ReadonlyMap<string, LookupSource>;
  /** Who may call it, as its server half sees to; undefined: everybody. */
  readonly allow?: readonly AllowRule[] | undefined;
  /** In the order of the policy. */
  readonly routes: readonly Route[];
  readonly policy: ServicePolicy;
}

/** One policy file, checked and with every default filled in. */
export interface Policy {
  readonly unknownHosts: UnknownHosts;
  /** Of calls to hosts that no service names. */
  readonly egress: EgressKnobs;
  /** Where addresses are, for endpoints of which nobody else says it. */
  readonly zones: ZoneTable;
  /** For hosts that no service names. */
  readonly defaults: ServicePolicy;
  readonly services: ReadonlyMap<string, ServiceEntry>;
}

export const defaultPolicy: Policy = { unknownHosts: 'defaults', egress: { ports: 'any', deny: ['link-local', 'loopback'], allow: [] }, zones: new Map(), defaults: defaultServicePolicy, services: new Map() };
