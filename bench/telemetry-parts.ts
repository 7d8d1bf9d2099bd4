/** What bench/telemetry.mjs measures: a call through a whole client, with an SDK or without. */
import { metrics as api, trace } from '@opentelemetry/api';
import { metrics, tracing } from '@opentelemetry/sdk-node';
import { createMeshClient } from '../src/client.ts';
import { DURATION_BUCKETS } from '../src/core/metrics.ts';
import { instantly, type CallOnce } from './instant-transport.ts';

export async function callWith(contender: string): Promise<CallOnce> {
  if (contender === 'record') return recordAlone();
  if (contender === 'metrics') api.setGlobalMeterProvider(provider());
  if (contender === 'not sampled' || contender === 'spans') {
    const sampler = contender === 'spans' ? new tracing.AlwaysOnSampler() : new tracing.AlwaysOffSampler();
    trace.setGlobalTracerProvider(new tracing.BasicTracerProvider({ sampler, spanProcessors: [nobody] }));
  }
  const telemetry = contender === 'off' ? ({ spans: 'off', metrics: false } as const) : {};
  const mesh = createMeshClient({
    policy: { version: 1, services: { reviews: { discovery: { endpoints: ['10.0.0.1:80', '10.0.0.2:80'] }, telemetry, propagate: { trace: contender !== 'off' } } } },
    transport: () => instantly,
  });
  await mesh.ready();
  const options = { origin: 'http://reviews', path: '/reviews/1', method: 'GET' as const, headers: { accept: 'application/json' } };
  return () =>
    new Promise((resolve, reject) => {
      mesh.dispatcher.dispatch(options, { onConnect() {}, onHeaders: () => true, onData: () => true, onComplete: resolve, onError: reject });
    });
}

/** Spans are recorded, and go nowhere: exporting them is not what a call waits for. */
const nobody: tracing.SpanProcessor = { onStart() {}, onEnd() {}, async forceFlush() {}, async shutdown() {} };

function provider(): metrics.MeterProvider {
  return new metrics.MeterProvider({ readers: [new metrics.PeriodicExportingMetricReader({ exporter: new metrics.InMemoryMetricExporter(metrics.AggregationTemporality.CUMULATIVE), exportIntervalMillis: 3_600_000 })] });
}

/** The two points that a call adds to, with nothing of the mesh around them. */
function recordAlone(): CallOnce {
  const meter = provider().getMeter('inmesh');
  const advice = { explicitBucketBoundaries: [...DURATION_BUCKETS] };
  const [request, call] = ['http.client.request.duration', 'inmesh.call.duration'].map((name) => meter.createHistogram(name, { unit: 's', advice }));
  return async () => {
    request!.record(0.001, { 'http.request.method': 'GET', 'http.response.status_code': 200, 'server.address': 'reviews', 'server.port': 80 });
    call!.record(0.001, { 'inmesh.outcome': 'success', 'inmesh.service': 'reviews' });
  };
}
