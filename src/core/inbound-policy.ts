/**
 * The knobs of a service's own side: what its server half (server/) believes of a request, and says of itself. A caller's mesh reads
 * past them.
 */

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

export interface InboundKnobs {
  readonly honour: HonourKnobs;
  /** Say in every response how busy this process is, as `endpoint-load-metrics`. */
  readonly loadReport: boolean;
}

export const defaultInbound = {
  honour: { deadline: true, criticality: true, attempt: true, trace: true },
  loadReport: true,
} as const satisfies InboundKnobs;
