import { expect, it } from 'vitest';
import { Gauges } from '../../src/telemetry/gauges.ts';
import { MetricSdk, points } from '../support/metric-sdk.ts';

it('gauges are read when somebody collects, and by nobody once they are closed', async () => {
  const sdk = new MetricSdk();
  const state = { generation: 1, valid: true, age: 1500 };
  let read = 0;
  const gauges = new Gauges({ policy: () => (read++, state), services: () => [] });
  expect(read).toBe(0);
  const seen = async () => {
    const gathered = await sdk.gather();
    return (['inmesh.policy.generation', 'inmesh.policy.valid', 'inmesh.policy.age'] as const).map((name) => points(gathered, name)[0]?.[1]);
  };
  expect(await seen()).toEqual([1, 1, 1.5]);
  Object.assign(state, { generation: 2, valid: false, age: 0 });
  expect(await seen()).toEqual([2, 0, 0]);
  expect(read).toBe(2);
  gauges.close();
  await sdk.gather();
  expect(read).toBe(2);
  await sdk.close();
});
