/** What a whole client says on the span of a call, about each decision that changed what became of it. */
import { trace } from '@opentelemetry/api';
import { NodeSDK, tracing } from '@opentelemetry/sdk-node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createMeshClient, type MeshClient, type PolicyDocument } from '../../src/index.ts';
import type { Attempt, Reply } from '../../src/core/call.ts';
import { eventually } from '../support/eventually.ts';
import { answered, FakeTransport } from '../support/fake-transport.ts';

const exporter = new tracing.InMemorySpanExporter();
const sdk = new NodeSDK({ autoDetectResources: false, instrumentations: [], metricReaders: [], logRecordProcessors: [], spanProcessors: [new tracing.SimpleSpanProcessor(exporter)] });
let mesh: MeshClient | undefined;

beforeAll(() => sdk.start());
afterEach(async () => {
  await mesh?.close({ timeout: 0 });
  exporter.reset();
});
afterAll(() => sdk.shutdown());

type Service = NonNullable<PolicyDocument['services']>[string];

function client(knobs: Service, answer: (attempt: Attempt) => Promise<Reply>): MeshClient {
  mesh = createMeshClient({
    policy: { version: 1, services: { reviews: { discovery: { endpoints: ['10.0.0.1:80', '10.0.0.2:80'] }, ...knobs } } },
    transport: () => new FakeTransport(answer),
  });
  return mesh;
}

/** The events of the calls that a request became, each by name and attributes. */
async function eventsOf(url = 'http://reviews/'): Promise<[string, unknown][]> {
  exporter.reset();
  await mesh!.fetch(url).then((response) => response.text(), () => {});
  const spans = await eventually(() => exporter.getFinishedSpans(), (ended) => ended.some(({ name }) => name === 'call reviews'));
  return spans.find(({ name }) => name === 'call reviews')!.events.map(({ name, attributes }) => [name, attributes]);
}

const peer = { 'network.peer.address': '10.0.0.1', 'network.peer.port': 80 };

describe('the span of a call', () => {
  it('has nothing to say where nothing was decided', async () => {
    client({}, () => answered());
    expect(await eventsOf()).toEqual([]);
  });

  it('says that an attempt took its endpoint out, that a later one was its trial, and what came of it', async () => {
    let [bad, failures] = [true, 0];
    client({ retry: { on: ['5xx'], maxRetries: 1, backoff: { base: '1ms', max: '1ms' } }, outlier: { relative: 'off', consecutiveFailures: 1, ejection: { base: '1ms', jitter: '0%' } } }, ({ endpoint }) => {
      const fails = bad && endpoint!.host === '10.0.0.1';
      if (fails) failures += 1;
      return answered(fails ? 500 : 200);
    });
    let events: [string, unknown][] = [];
    while (failures === 0) events = await eventsOf();
    expect(events).toEqual([
      ['inmesh.ejection', { 'inmesh.attempt': 1, 'inmesh.reason': 'consecutive-failures', ...peer }],
      ['inmesh.retry', { 'inmesh.attempt': 2 }],
    ]);
    bad = false;
    events = [];
    await eventually(async () => (events = await eventsOf()), (seen) => seen.length > 0);
    expect(events).toEqual([['inmesh.ejection.hit', { 'inmesh.attempt': 1, 'inmesh.state': 'ejected', ...peer }]]);
  });

  it('says that it was a panic, and that the ejection is only observed where it is', async () => {
    client({ retry: 'off', outlier: { relative: 'off', consecutiveFailures: 1, mode: 'observe' } }, () => answered(500));
    expect(await eventsOf()).toEqual([['inmesh.ejection', { 'inmesh.attempt': 1, 'inmesh.reason': 'consecutive-failures', 'inmesh.enforced': false, ...(await peerOf()) }]]);
    await mesh!.close();

    client({ retry: 'off', outlier: { relative: 'off', consecutiveFailures: 1, panic: { below: '100%', mode: 'fail-fast' } } }, () => answered(500));
    await eventsOf();
    expect(await eventsOf()).toEqual([['inmesh.panic', { 'inmesh.attempt': 1, 'inmesh.panic.mode': 'fail-fast' }]]);
  });

  it('says which fault was put in, and which retry was not made', async () => {
    client({ routes: [{ name: 'all', fault: { delay: { percent: 100, duration: '1ms' }, abort: { percent: 100, status: 503 } } }], retry: { maxRetries: 0 } }, () => answered());
    expect(await eventsOf()).toEqual([
      ['inmesh.fault', { 'inmesh.attempt': 1, 'inmesh.fault.delay': 0.001, 'inmesh.fault.abort': '503' }],
      ['inmesh.retry.suppressed', { 'inmesh.reason': 'max-retries' }],
    ]);
    expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(['call reviews']);
  });

  it('has them where attempts have no spans, too', async () => {
    client({ telemetry: { spans: 'calls' }, retry: { maxRetries: 0 } }, () => answered(503));
    expect(await eventsOf()).toEqual([['inmesh.retry.suppressed', { 'inmesh.reason': 'max-retries' }]]);
    expect(trace.getActiveSpan()).toBeUndefined();
  });
});

/** Of the endpoint that is ejected now. */
async function peerOf(): Promise<object> {
  const [host, port] = mesh!.inspect().services[0]!.endpoints.find(({ state }) => state === 'ejected')!.endpoint.split(':');
  return { 'network.peer.address': host, 'network.peer.port': Number(port) };
}
