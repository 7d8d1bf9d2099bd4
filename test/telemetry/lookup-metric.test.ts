import { metrics as api } from '@opentelemetry/api';
import { metrics } from '@opentelemetry/sdk-node';
import { afterEach, expect, it } from 'vitest';
import { recordLookup } from '../../src/telemetry/lookup-metric.ts';

afterEach(() => api.disable());

it('look-ups are recorded in seconds, by name and kind of failure, also when the SDK starts after the first of them', async () => {
  recordLookup('reviews', 1, undefined);
  const exporter = new metrics.InMemoryMetricExporter(metrics.AggregationTemporality.CUMULATIVE);
  const reader = new metrics.PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 60_000 });
  const provider = new metrics.MeterProvider({ readers: [reader] });
  api.setGlobalMeterProvider(provider);
  recordLookup('reviews', 30, undefined);
  recordLookup('reviews', 4000, 'timeout');
  await reader.forceFlush();
  const [metric] = exporter.getMetrics()[0]!.scopeMetrics[0]!.metrics;
  expect(metric!.descriptor).toMatchObject({ name: 'dns.lookup.duration', unit: 's' });
  expect(metric!.dataPoints.map(({ attributes, value }) => [attributes, (value as { sum: number }).sum])).toEqual([
    [{ 'dns.question.name': 'reviews' }, 0.03],
    [{ 'dns.question.name': 'reviews', 'error.type': 'timeout' }, 4],
  ]);
  await provider.shutdown();
});
