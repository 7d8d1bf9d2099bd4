/**
 * Every metric of core/metrics.ts, as an SDK sees it while a whole client goes through what they measure.
 */
import { once } from 'node:events';
import { metrics } from '@opentelemetry/sdk-node';
import { afterEach, describe, expect, it } from 'vitest';
import { createMeshClient, type MeshClient, type PolicyDocument } from '../../src/index.ts';
import type { Attempt, Reply } from '../../src/core/call.ts';
import { MeshError } from '../../src/core/errors.ts';
import { DURATION_BUCKETS, metricTable, type MetricEntry, type MetricName } from '../../src/core/metrics.ts';
import { recordLookup } from '../../src/telemetry/lookup-metric.ts';
import { eventually } from '../support/eventually.ts';
import { silence } from '../support/fake-call.ts';
import { answered, FakeTransport } from '../support/fake-transport.ts';
import { MetricSdk, points } from '../support/metric-sdk.ts';

const { DataPointType } = metrics;
const cleanup: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

type Service = NonNullable<PolicyDocument['services']>[string];

function client(answer: (attempt: Attempt) => Promise<Reply>, knobs: Service = {}, others: Record<string, Service> = {}): MeshClient {
  const discovery = { endpoints: ['10.0.0.1:80', '10.0.0.2:80'] };
  const mesh = createMeshClient({ policy: { version: 1, services: { reviews: { discovery, ...knobs }, ...others } }, transport: () => new FakeTransport(answer) });
  cleanup.push(() => mesh.close({ timeout: 0 }));
  return mesh;
}

function sdk(): MetricSdk {
  const started = new MetricSdk();
  cleanup.push(() => started.close());
  return started;
}

async function call(mesh: MeshClient, url = 'http://reviews/', init: Parameters<MeshClient['fetch']>[1] = {}): Promise<unknown> {
  try {
    const response = await mesh.fetch(url, init);
    await response.text();
    return response.status;
  } catch (error) {
    return error;
  }
}

const instrumentOf: Record<MetricEntry['instrument'], metrics.DataPointType> = { counter: DataPointType.SUM, gauge: DataPointType.GAUGE, histogram: DataPointType.HISTOGRAM };

describe('metrics', () => {
  it('are those of the table, every one of them, with its unit, its instrument and no attribute besides', async () => {
    const started = sdk();
    let status = 200;
    const mesh = client((attempt) => {
      const { request } = attempt.call;
      if (request.path === '/slow' && attempt.number === 1) return silence(attempt);
      if (request.path === '/v1/a') return silence(attempt);
      if (request.path === '/down') return Promise.reject(new MeshError('CONNECT_FAILED', 'refused', { sent: 'no' }));
      return answered(request.path === '/bad' ? 503 : status);
    }, {
      versions: { v1: { discovery: { endpoints: ['10.0.1.1:80', '10.0.1.2:80'] } } },
      hedge: { after: '1ms', extraLoad: '100%' },
      outlier: { consecutiveFailures: 1 },
      routes: [
        { name: 'one', match: [{ path: { prefix: '/v1' } }], to: { v1: 1 }, circuit: { minRequests: 1 }, concurrency: { max: 1, queue: 0 } },
        { name: 'broken', match: [{ path: { prefix: '/broken' } }], fault: { abort: { percent: 100, status: 503 } }, retry: 'off' },
      ],
    });
    expect(await call(mesh)).toBe(200);
    await call(mesh, 'http://reviews/slow');
    expect(await call(mesh, 'http://reviews/v1')).toBe(200);
    expect(await call(mesh, 'http://reviews/broken')).toBe(503);
    expect(await call(mesh, 'http://reviews/bad')).toBe(503);
    status = 429;
    expect(await call(mesh, 'http://reviews/', { method: 'POST' })).toBe(429);
    // The service says that it is full, and gets no hedge.
    await call(mesh, 'http://reviews/slow', { mesh: { deadline: 500 } });
    await Promise.all([call(mesh, 'http://reviews/v1/a', { mesh: { deadline: 50 } }), call(mesh, 'http://reviews/v1/b')]);
    status = 200;
    await call(mesh, 'http://reviews/down');
    recordLookup('reviews', 3, undefined);

    const gathered = await started.gather();
    const missing = Object.keys(metricTable).filter((name) => points(gathered, name as MetricName).length === 0);
    expect(missing).toEqual([]);
    expect([...gathered.keys()].filter((name) => !(name in metricTable))).toEqual([]);
    for (const [name, { descriptor, dataPointType, dataPoints }] of gathered) {
      const { instrument, unit, attributes, meaning }: MetricEntry = metricTable[name as MetricName];
      expect([name, descriptor.unit, dataPointType, descriptor.description]).toEqual([name, unit, instrumentOf[instrument], meaning]);
      for (const point of dataPoints) {
        expect(Object.keys(point.attributes).filter((key) => !(attributes as string[]).includes(key)), name).toEqual([]);
        for (const value of Object.values(point.attributes)) expect(String(value)).not.toMatch(/^10\.0\./);
        if (instrument === 'histogram') expect((point.value as metrics.Histogram).buckets.boundaries).toEqual(DURATION_BUCKETS);
      }
    }
  });

  it('of requests and of calls tell what retries add, by what was asked for and not by whom it went to', async () => {
    const started = sdk();
    const statuses = [503, 200, 404];
    const mesh = client(() => answered(statuses.shift()));
    await call(mesh);
    await call(mesh, 'http://reviews:80/', { method: 'FROB' });
    await call(mesh, 'http://10.0.0.9/');
    const gathered = await started.gather();
    const server = { 'server.address': 'reviews', 'server.port': 80 };
    expect(points(gathered, 'http.client.request.duration')).toEqual([
      [{ 'http.request.method': 'GET', 'http.response.status_code': 503, 'error.type': '503', ...server }, 1],
      [{ 'http.request.method': 'GET', 'http.response.status_code': 200, ...server }, 1],
      [{ 'http.request.method': '_OTHER', 'http.response.status_code': 404, 'error.type': '404', ...server }, 1],
      [{ 'http.request.method': 'GET', 'http.response.status_code': 200, 'server.address': '_OTHER', 'server.port': 80 }, 1],
    ]);
    expect(points(gathered, 'inmesh.call.duration')).toEqual([
      [{ 'inmesh.service': 'reviews', 'inmesh.outcome': 'success' }, 2],
      [{ 'inmesh.service': '_OTHER', 'inmesh.outcome': 'success' }, 1],
    ]);
    expect(points(gathered, 'inmesh.retries')).toEqual([[{ 'inmesh.service': 'reviews' }, 1]]);
  });

  it('are found in an SDK that starts after the client, and after another SDK', async () => {
    const mesh = client(() => answered());
    await call(mesh);
    for (let round = 0; round < 2; round += 1) {
      const started = sdk();
      await call(mesh);
      const gathered = await started.gather();
      expect(points(gathered, 'inmesh.call.duration')).toEqual([[{ 'inmesh.service': 'reviews', 'inmesh.outcome': 'success' }, 1]]);
      expect(points(gathered, 'inmesh.endpoints')).toEqual([[{ 'inmesh.service': 'reviews', 'inmesh.state': 'available' }, 2]]);
    }
  });

  it('say of an endpoint that is back that it is not ejected', async () => {
    const started = sdk();
    let status = 503;
    const mesh = client(() => answered(status), { retry: 'off', outlier: { relative: 'off', consecutiveFailures: 1, ejection: { base: '1ms', jitter: '0%' } } });
    const ejected = once(mesh.events, 'endpoint.ejected');
    await call(mesh);
    await ejected;
    const of = async (state: string) => points(await started.gather(), 'inmesh.endpoints').find(([attributes]) => Object.values(attributes).includes(state))?.[1];
    expect([await of('available'), await of('ejected')]).toEqual([1, 1]);
    status = 200;
    await eventually(() => call(mesh).then(() => mesh.inspect().services[0]!.endpoints), (endpoints) => endpoints.every(({ state }) => state === 'available'));
    expect([await of('available'), await of('ejected')]).toEqual([2, 0]);
  });

  it('are none where the policy wants none, but for those of the policy itself', async () => {
    const started = sdk();
    const mesh = client(() => answered(503), { telemetry: { metrics: false } });
    await call(mesh);
    expect([...(await started.gather()).keys()]).toEqual(['inmesh.policy.generation', 'inmesh.policy.valid', 'inmesh.policy.age']);
  });
});
