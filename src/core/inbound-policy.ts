/**
 * The knobs of a service's own side: what its server half (server/) believes of a request, how many it lets in, and what it says of itself. A
 * caller's mesh reads past them.
 */
import type { AdaptiveKnobs } from './overload-knobs.ts';
import type { Mode, Switchable } from './switchable.ts';

/** Which of the headers that say something of a request are believed. At the edge of the mesh they come from strangers. */
export interface HonourKnobs {
  /** `x-envoy-expected-rq-timeout-ms` and `grpc-timeout`. Never longer than the service's own `deadline`. */
  readonly deadline: boolean;
  /** `x-inmesh-criticality`. */
  readonly criticality: boolean;
  /** `x-envoy-attempt-count`. */
  readonly attempt: boolean;
  /** `traceparent`, `tracestate`, `baggage`, or whatever the registered propagator reads. */
  readonly trace: boolean;
}

/** A limit of the requests that are served at one time, which finds itself (policies/adaptive-limit.ts). */
export interface AdmissionKnobs extends AdaptiveKnobs {
  /** It never rises above this. */
  readonly max: number;
  readonly mode: Mode;
}

export interface InboundKnobs {
  readonly honour: HonourKnobs;
  readonly admission: Switchable<AdmissionKnobs>;
  /** Say in every response how busy this process is, as `endpoint-load-metrics`. */
  readonly loadReport: boolean;
  /** What `allow` does to whom it does not name. */
  readonly authorization: Mode;
  /** Addresses and CIDR blocks of proxies that end TLS in front of this process, and whose `x-forwarded-client-cert` says who the caller is. */
  readonly forwardedFrom: readonly string[];
}

/** Who may call a service, for what. */
export interface AllowRule {
  /** A SPIFFE ID, or a pattern of them; `*`: anybody, also who has no certificate. */
  readonly id: string;
  /** Undefined: all. */
  readonly methods: readonly string[] | undefined;
  /** A path, or with `/*` at its end all that is below it. Undefined: all. */
  readonly paths: readonly string[] | undefined;
}

export const defaultInbound = {
  honour: { deadline: true, criticality: true, attempt: true, trace: true },
  admission: 'off',
  loadReport: true,
  authorization: 'enforce',
  forwardedFrom: [],
} as const satisfies InboundKnobs;

/** What `admission` begins with once it is switched on. Its limit begins high: whom a server turns away at its start, it turns away for nothing. */
export const admissionOnceOn: AdmissionKnobs = { type: 'gradient', min: 4, initial: 100, tolerance: 1.5, max: 1000, mode: 'enforce' };
