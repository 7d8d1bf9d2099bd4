import { createContextKey, metrics as api, ROOT_CONTEXT, type Attributes, type Context } from '@opentelemetry/api';
import { metrics } from '@opentelemetry/sdk-node';
import { afterEach, describe, expect, it } from 'vitest';
import { BatchedHistogram } from '../../src/telemetry/batched-histogram.ts';
import { instruments } from '../../src/telemetry/instruments.ts';
import { MetricSdk, points, sum } from '../support/metric-sdk.ts';

const around = (number: number): Context => ROOT_CONTEXT.setValue(createContextKey('number'), number);

describe('a batched histogram', () => {
  it('hands on what it was told, all of it and in order, and nothing twice', () => {
    const heard: [number, Attributes | undefined, Context | undefined][] = [];
    const histogram = new BatchedHistogram({ record: (...said: [number, Attributes?, Context?]) => heard.push([said[0], said[1], said[2]]) });
    const told = Array.from({ length: 100 }, (_, number): [number, Attributes, Context] => [number, { number }, around(number)]);
    for (const each of told) {
      histogram.record(...each);
      if (each[0] % 7 === 0) histogram.flush();
    }
    histogram.flush();
    histogram.flush();
    expect(heard).toHaveLength(100);
    heard.forEach((said, index) => said.forEach((part, which) => expect(part).toBe(told[index]![which])));
  });

  it('keeps nothing back for long', () => {
    let heard = 0;
    const histogram = new BatchedHistogram({ record: () => (heard += 1) });
    for (let number = 1; number <= 1000; number += 1) {
      histogram.record(number, {}, ROOT_CONTEXT);
      expect(number - heard).toBeLessThan(16);
    }
  });
});

describe('what an SDK collects', () => {
  let sdk: MetricSdk | undefined;
  afterEach(() => sdk?.close());

  it('is all that was recorded until then, however little', async () => {
    sdk = new MetricSdk();
    for (const calls of [1, 2, 20]) {
      for (let call = 0; call < calls; call += 1) instruments()!.callDuration.record(0.5, { 'inmesh.service': 'reviews' }, ROOT_CONTEXT);
      instruments()!.requestDuration.record(0.25, { 'server.address': 'reviews' }, ROOT_CONTEXT);
      const gathered = await sdk.gather();
      const before = calls === 1 ? [0, 0] : calls === 2 ? [1, 1] : [3, 2];
      expect(points(gathered, 'inmesh.call.duration')).toEqual([[{ 'inmesh.service': 'reviews' }, before[0]! + calls]]);
      expect(points(gathered, 'http.client.request.duration')).toEqual([[{ 'server.address': 'reviews' }, before[1]! + 1]]);
      expect(sum(gathered, 'inmesh.call.duration')).toBe((before[0]! + calls) * 0.5);
    }
  });

  it('is its own: what was recorded before another took its place is not the other’s', async () => {
    const first = new MetricSdk();
    instruments()!.callDuration.record(0.5, {}, ROOT_CONTEXT);
    sdk = new MetricSdk();
    instruments()!.callDuration.record(0.25, {}, ROOT_CONTEXT);
    expect(sum(await first.gather(), 'inmesh.call.duration')).toBe(0.5);
    expect(sum(await sdk.gather(), 'inmesh.call.duration')).toBe(0.25);
    await first.close();
  });

  it('is what its views make of it', async () => {
    api.disable();
    const exporter = new metrics.InMemoryMetricExporter(metrics.AggregationTemporality.DELTA);
    const reader = new metrics.PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    const provider = new metrics.MeterProvider({
      readers: [reader],
      views: [{ instrumentName: 'inmesh.call.duration', attributesProcessors: [metrics.createAllowListAttributesProcessor(['inmesh.outcome'])], aggregation: { type: metrics.AggregationType.EXPLICIT_BUCKET_HISTOGRAM, options: { boundaries: [1, 2] } } }],
    });
    api.setGlobalMeterProvider(provider);
    for (const [seconds, service] of [[0.5, 'reviews'], [1.5, 'ratings'], [3, 'reviews']] as const) {
      instruments()!.callDuration.record(seconds, { 'inmesh.outcome': 'success', 'inmesh.service': service }, ROOT_CONTEXT);
    }
    await provider.forceFlush();
    const point = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics).flatMap((scope) => scope.metrics).find(({ descriptor }) => descriptor.name === 'inmesh.call.duration')!.dataPoints;
    expect(point).toHaveLength(1);
    expect(point[0]!.attributes).toEqual({ 'inmesh.outcome': 'success' });
    expect((point[0]!.value as metrics.Histogram).buckets.counts).toEqual([1, 1, 1]);
    await provider.shutdown();
    api.disable();
  });
});
