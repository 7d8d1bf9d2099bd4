import { ROOT_CONTEXT, type Span } from '@opentelemetry/api';
import { tracing } from '@opentelemetry/sdk-node';
import { describe, expect, it } from 'vitest';
import type { MetricName } from '../../src/core/metrics.ts';
import { attemptTelemetry } from '../../src/telemetry/attempt-metrics.ts';
import { SpanEvents } from '../../src/telemetry/span-events.ts';
import { fakeCall } from '../support/fake-call.ts';
import { MetricSdk, points } from '../support/metric-sdk.ts';

describe('what is said of a call’s further attempts', () => {
  it('is counted by service and reason, also when the SDK starts after the first of them', async () => {
    const call = fakeCall();
    attemptTelemetry('retry').again(call, true);
    const sdk = new MetricSdk();
    const [retries, hedges] = [attemptTelemetry('retry'), attemptTelemetry('hedge')];
    retries.again(call, true);
    retries.again(call, true);
    retries.again(call, false);
    retries.suppressed(call, 'budget', true);
    retries.suppressed(call, 'deadline', true);
    hedges.again(call, true);
    hedges.suppressed(call, 'budget', false);
    const gathered = await sdk.gather();
    expect([...gathered.keys()].map((name) => [name, points(gathered, name as MetricName)])).toEqual([
      ['inmesh.retries', [[{ 'inmesh.service': 'reviews' }, 2], [{ 'inmesh.service': 'reviews', 'inmesh.enforced': false }, 1]]],
      ['inmesh.retries.suppressed', [[{ 'inmesh.service': 'reviews', 'inmesh.reason': 'budget' }, 1], [{ 'inmesh.service': 'reviews', 'inmesh.reason': 'deadline' }, 1]]],
      ['inmesh.hedges', [[{ 'inmesh.service': 'reviews' }, 1]]],
      ['inmesh.hedges.suppressed', [[{ 'inmesh.service': 'reviews', 'inmesh.enforced': false, 'inmesh.reason': 'budget' }, 1]]],
    ]);
    await sdk.close();
  });

  it('is an event of its span, where there is one', () => {
    const tracer = new tracing.BasicTracerProvider().getTracer('test');
    const span = tracer.startSpan('call reviews', {}, ROOT_CONTEXT) as Span & tracing.ReadableSpan;
    const call = fakeCall();
    call.attempts = 1;
    call.witness = new SpanEvents(span);
    attemptTelemetry('retry').again(call, true);
    attemptTelemetry('hedge').suppressed(call, 'budget', false);
    attemptTelemetry('retry').suppressed(fakeCall(), 'budget', true);
    expect(span.events.map(({ name, attributes }) => [name, attributes])).toEqual([
      ['inmesh.retry', { 'inmesh.attempt': 2 }],
      ['inmesh.hedge.suppressed', { 'inmesh.reason': 'budget', 'inmesh.enforced': false }],
    ]);
  });
});
