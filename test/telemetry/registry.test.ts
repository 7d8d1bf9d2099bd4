import { metrics, trace } from '@opentelemetry/api';
import { tracing } from '@opentelemetry/sdk-node';
import { expect, it } from 'vitest';
import { instruments } from '../../src/telemetry/instruments.ts';
import { isAnythingRegistered } from '../../src/telemetry/registry.ts';
import { MetricSdk } from '../support/metric-sdk.ts';

it('knows of an SDK as soon as one of its parts is registered, and not before', async () => {
  // What the API does when it is merely used registers nothing.
  trace.getTracer('application').startSpan('nobody records').end();
  metrics.getMeter('application').createCounter('nothing').add(1);
  expect(isAnythingRegistered()).toBe(false);
  expect(instruments()).toBeUndefined();
  trace.setGlobalTracerProvider(new tracing.BasicTracerProvider());
  expect(isAnythingRegistered()).toBe(true);
  expect(instruments()).toBeUndefined();
  const sdk = new MetricSdk();
  expect(instruments()).toBeDefined();
  await sdk.close();
});
