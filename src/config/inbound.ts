/**
 * `inbound`: what a service believes of the requests that it serves, and what it says of itself.
 */
import { defaultInbound } from '../core/inbound-policy.ts';
import { flag, knob, mapping } from './knob.ts';

const { honour } = defaultInbound;

export function inboundKnobs() {
  return mapping(
    {
      honour: mapping(
        {
          deadline: knob(flag(), honour.deadline, 'Believe `x-envoy-expected-rq-timeout-ms` and `grpc-timeout`. They never make it longer than `deadline`.'),
          criticality: knob(flag(), honour.criticality, 'Believe `x-inmesh-criticality`.'),
          attempt: knob(flag(), honour.attempt, 'Believe `x-envoy-attempt-count`: while a retry is served, what it needs is not retried in turn.'),
          trace: knob(flag(), honour.trace, 'Go on with the trace of the caller, with whatever propagator is registered.'),
        },
        'Which headers of a request are believed. At the edge of the mesh they come from strangers.',
      ).optional(),
      loadReport: knob(flag(), defaultInbound.loadReport, 'Say in every response how busy this process is, as `endpoint-load-metrics`.'),
    },
    'What the server half of this service (`inmesh/server`) believes of a request, and says of itself. Its callers read past it.',
  ).optional();
}
