import { expect, it } from 'vitest';
import { recordLookup } from '../../src/telemetry/lookup-metric.ts';
import { MetricSdk, points, sum } from '../support/metric-sdk.ts';

it('look-ups are recorded in seconds, by name and kind of failure, also when the SDK starts after the first of them', async () => {
  recordLookup('reviews', 1, undefined);
  const sdk = new MetricSdk();
  recordLookup('reviews', 30, undefined);
  recordLookup('reviews', 4000, 'timeout');
  const gathered = await sdk.gather();
  expect(gathered.get('dns.lookup.duration')?.descriptor.unit).toBe('s');
  expect(points(gathered, 'dns.lookup.duration')).toEqual([[{ 'dns.question.name': 'reviews' }, 1], [{ 'dns.question.name': 'reviews', 'error.type': 'timeout' }, 1]]);
  expect(sum(gathered, 'dns.lookup.duration')).toBeCloseTo(4.03);
  await sdk.close();
});
