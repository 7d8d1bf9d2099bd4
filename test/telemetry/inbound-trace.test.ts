import { context, propagation, ROOT_CONTEXT, trace, TraceFlags } from '@opentelemetry/api';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { continueTrace } from '../../src/telemetry/inbound-trace.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const headers = { traceparent: `00-${TRACE}-b7ad6b7169203331-01`, tracestate: 'shop=1', baggage: 'user=jason' };
const sdk = new NodeSDK({ autoDetectResources: false, instrumentations: [], metricReaders: [], logRecordProcessors: [], spanProcessors: [] });

test('does nothing at all where no propagator is registered', () => {
  expect(continueTrace(headers, () => context.active())).toBe(ROOT_CONTEXT);
});

// What is registered is registered for the process, so the others come after.
describe('with an SDK', () => {
  beforeAll(() => sdk.start());
  afterAll(() => sdk.shutdown());

  test('what is called within carries the caller’s trace on, from headers of Node and of fetch', () => {
    for (const given of [headers, new Headers(headers)]) {
      const carried: Record<string, string> = {};
      continueTrace(given, () => propagation.inject(context.active(), carried));
      expect(carried).toMatchObject({ traceparent: headers.traceparent, tracestate: 'shop=1', baggage: 'user=jason' });
    }
  });

  test('leaves the span of OpenTelemetry’s own HTTP instrumentation active', () => {
    const own = trace.wrapSpanContext({ traceId: 'f'.repeat(32), spanId: '1'.repeat(16), traceFlags: TraceFlags.SAMPLED });
    const seen = context.with(trace.setSpan(ROOT_CONTEXT, own), () => continueTrace(headers, () => trace.getSpan(context.active())));
    expect(seen).toBe(own);
  });

  test('makes no trace of nonsense', () => {
    for (const traceparent of ['', 'x', `00-${TRACE}-0000000000000000-01`, `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, `ff-${TRACE}-b7ad6b7169203331-01`]) {
      expect(continueTrace({ traceparent }, () => trace.getSpan(context.active())), traceparent).toBeUndefined();
    }
  });
});
