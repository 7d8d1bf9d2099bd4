import { metrics as api } from '@opentelemetry/api';
import { metrics } from '@opentelemetry/sdk-node';
import { afterEach, expect, it } from 'vitest';
import { PolicyMetrics } from '../../src/telemetry/policy-metrics.ts';

afterEach(() => api.disable());

function sdk() {
  const exporter = new metrics.InMemoryMetricExporter(metrics.AggregationTemporality.CUMULATIVE);
  const reader = new metrics.PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 60_000 });
  const provider = new metrics.MeterProvider({ readers: [reader] });
  api.setGlobalMeterProvider(provider);
  return {
    async values() {
      exporter.reset();
      await reader.forceFlush();
      const found = exporter.getMetrics()[0]?.scopeMetrics[0]?.metrics ?? [];
      return Object.fromEntries(found.map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints[0]?.value]));
    },
    close: () => provider.shutdown(),
  };
}

it('says which policy is in force, since when, and whether its files hold it', async () => {
  const { values, close } = sdk();
  const state = { generation: 1, valid: true, age: 1500 };
  let asked = 0;
  const policy = new PolicyMetrics(() => (asked++, state));
  expect(await values()).toEqual({ 'inmesh.policy.generation': 1, 'inmesh.policy.valid': 1, 'inmesh.policy.age': 1.5 });
  Object.assign(state, { generation: 2, valid: false, age: 0 });
  expect(await values()).toEqual({ 'inmesh.policy.generation': 2, 'inmesh.policy.valid': 0, 'inmesh.policy.age': 0 });
  policy.close();
  const before = asked;
  await values();
  expect(asked).toBe(before);
  expect(asked).toBe(2);
  await close();
});

it('finds an SDK that started after it', async () => {
  const policy = new PolicyMetrics(() => ({ generation: 3, valid: true, age: 0 }));
  const { values, close } = sdk();
  expect(await values()).toEqual({});
  policy.renew();
  policy.renew();
  expect(await values()).toMatchObject({ 'inmesh.policy.generation': 3 });
  await close();
});
