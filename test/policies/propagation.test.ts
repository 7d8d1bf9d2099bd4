import { describe, expect, it } from 'vitest';
import { defaultServicePolicy, type PropagateKnobs } from '../../src/core/policy.ts';
import { propagation } from '../../src/policies/propagation.ts';
import { fakeAttempt, fakeCall, type FakeCallParts } from '../support/fake-call.ts';

const EXPECTED_TIMEOUT = 'x-envoy-expected-rq-timeout-ms';
const only = (knobs: Partial<PropagateKnobs>): PropagateKnobs => ({ deadline: false, criticality: false, retryAttempt: false, trace: false, ...knobs });
const deadlineOnly = { propagate: only({ deadline: true }) };

/** What the layer adds to the headers of attempt `number` at this instant, of a call that began at 0. */
function headersAt(now: number, parts: FakeCallParts, number = 1): string[] {
  const call = fakeCall(parts);
  call.attempts = number - 1;
  const attempt = fakeAttempt(call, now);
  void propagation()(() => new Promise(() => {}))(attempt);
  return attempt.headers;
}

describe('the server is told how long somebody waits', () => {
  it('what remains of the deadline, at this attempt', () => {
    expect(headersAt(250.4, { policy: deadlineOnly, deadline: 1000 })).toEqual([EXPECTED_TIMEOUT, '749']);
    expect(headersAt(600, { policy: deadlineOnly, deadline: 1000 }, 2)).toEqual([EXPECTED_TIMEOUT, '400']);
  });

  it('or the attempt timeout, where that ends first', () => {
    expect(headersAt(0, { policy: { ...deadlineOnly, attemptTimeout: 300 }, deadline: 1000 })).toEqual([EXPECTED_TIMEOUT, '300']);
    expect(headersAt(0, { policy: { ...deadlineOnly, attemptTimeout: 'off' }, deadline: 1000 })).toEqual([EXPECTED_TIMEOUT, '1000']);
  });

  it('never nothing, which could mean for ever', () => {
    expect(headersAt(999.9, { policy: deadlineOnly, deadline: 1000 })).toEqual([EXPECTED_TIMEOUT, '1']);
    expect(headersAt(1001, { policy: deadlineOnly, deadline: 1000 })).toEqual([EXPECTED_TIMEOUT, '1']);
  });

  it('only where the policy wants it', () => {
    expect(headersAt(0, { policy: { propagate: only({}) }, request: { headers: ['content-type', 'application/grpc'] } })).toEqual([]);
  });

  it('with gRPC in its own header as well', () => {
    const grpc = (type: string): string[] => headersAt(250.4, { policy: deadlineOnly, deadline: 1000, request: { headers: ['a', 'b', 'Content-Type', type] } });
    expect(grpc('application/grpc')).toEqual([EXPECTED_TIMEOUT, '749', 'grpc-timeout', '749m']);
    expect(grpc('application/grpc+proto')).toEqual([EXPECTED_TIMEOUT, '749', 'grpc-timeout', '749m']);
    expect(grpc('application/json')).toEqual([EXPECTED_TIMEOUT, '749']);
  });

  it('never longer than the caller wrote himself', () => {
    const own = (...headers: string[]): string[] => headersAt(250.4, { policy: deadlineOnly, deadline: 1000, request: { headers } });
    expect(own(EXPECTED_TIMEOUT, '500')).toEqual([EXPECTED_TIMEOUT, '500']);
    expect(own('X-Envoy-Expected-Rq-Timeout-Ms', '5000')).toEqual([EXPECTED_TIMEOUT, '749']);
    expect(own(EXPECTED_TIMEOUT, 'soon')).toEqual([EXPECTED_TIMEOUT, '749']);
    expect(own('grpc-timeout', '1500u')).toEqual([EXPECTED_TIMEOUT, '749', 'grpc-timeout', '1500u']);
    expect(own('Grpc-Timeout', '2S')).toEqual([EXPECTED_TIMEOUT, '749', 'grpc-timeout', '749m']);
    expect(own('grpc-timeout', 'soon')).toEqual([EXPECTED_TIMEOUT, '749', 'grpc-timeout', '749m']);
  });
});

describe('the server is told which attempt it is', () => {
  const policy = { propagate: only({ retryAttempt: true }) };

  it('from 1', () => {
    expect(headersAt(0, { policy })).toEqual(['x-envoy-attempt-count', '1']);
    expect(headersAt(0, { policy }, 3)).toEqual(['x-envoy-attempt-count', '3']);
  });

  it('from 2 where this process serves a retry itself', () => {
    expect(headersAt(0, { policy, servingRetry: true })).toEqual(['x-envoy-attempt-count', '2']);
  });
});

describe('the server is told how critical it is', () => {
  const policy = { propagate: only({ criticality: true }) };

  it('where it is not critical, which is what everything is', () => {
    expect(headersAt(0, { policy })).toEqual([]);
    expect(headersAt(0, { policy, criticality: 'sheddable' })).toEqual(['x-inmesh-criticality', 'sheddable']);
  });

  it('as the caller says: in an option, in a header of his own, or by inheritance, in this order', () => {
    const headers = ['X-Inmesh-Criticality', 'critical-plus'];
    expect(headersAt(0, { policy, options: { criticality: 'critical' }, request: { headers } })).toEqual(['x-inmesh-criticality', 'critical']);
    expect(headersAt(0, { policy, criticality: 'sheddable', request: { headers } })).toEqual([]);
  });
});

it('all of it is said by default', () => {
  expect(headersAt(0, { deadline: 1000, criticality: 'sheddable', policy: { propagate: defaultServicePolicy.propagate } })).toEqual([
    EXPECTED_TIMEOUT, '1000', 'x-envoy-attempt-count', '1', 'x-inmesh-criticality', 'sheddable',
  ]);
});
