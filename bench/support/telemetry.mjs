/**
 * The OpenTelemetry SDK as a service would start it, with exporters that throw away: what it costs to make spans and metrics, not to send them.
 * `share` of the traces is sampled. `undici`: the instrumentation of that name as well.
 */
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { metrics, NodeSDK, tracing } from '@opentelemetry/sdk-node';

const nowhere = {
  export: (_items, done) => done({ code: 0 }),
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
  selectAggregationTemporality: () => metrics.AggregationTemporality.CUMULATIVE,
};

export function startTelemetry({ share, undici = false, withMetrics = true }) {
  const sdk = new NodeSDK({
    serviceName: 'bench',
    autoDetectResources: false,
    sampler: new tracing.ParentBasedSampler({ root: new tracing.TraceIdRatioBasedSampler(share) }),
    spanProcessors: [new tracing.BatchSpanProcessor(nowhere)],
    metricReaders: withMetrics ? [new metrics.PeriodicExportingMetricReader({ exporter: nowhere, exportIntervalMillis: 5000, exportTimeoutMillis: 5000 })] : [],
    instrumentations: undici ? [new UndiciInstrumentation()] : [],
  });
  sdk.start();
  // As the first request to be served and the first export do, after which Node 20 keeps account of every promise: at once, and not five seconds on.
  context.with(ROOT_CONTEXT, () => {});
  return () => sdk.shutdown();
}
