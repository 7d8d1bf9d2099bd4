/**
 * A retry that was wanted and not made has its reason in four places: the event, the error, the span of the call and the metric. Each reason, through the
 * whole client, over a network that the test plays in virtual time.
 */
import { NodeSDK, tracing } from '@opentelemetry/sdk-node';
import { SpanKind } from '@opentelemetry/api';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createMeshClient, MeshError, type CallContext, type CallOptions, type MeshEventMap, type PolicyDocument } from '../src/index.ts';
import type { Attempt, Reply } from '../src/core/call.ts';
import { FakeReply } from './support/fake-reply.ts';
import { FakeTransport } from './support/fake-transport.ts';
import { MetricSdk, points } from './support/metric-sdk.ts';
import { VirtualClock } from './support/virtual-clock.ts';

type Retry = NonNullable<NonNullable<PolicyDocument['defaults']>['retry']>;
type Reason = MeshEventMap['retry.suppressed']['reason'];

const exporter = new tracing.InMemorySpanExporter();
const spans = new NodeSDK({ autoDetectResources: false, instrumentations: [], metricReaders: [], logRecordProcessors: [], spanProcessors: [new tracing.SimpleSpanProcessor(exporter)] });
let metrics: MetricSdk;
beforeAll(() => {
  spans.start();
  metrics = new MetricSdk();
});
afterEach(() => exporter.reset());
afterAll(async () => {
  await metrics.close();
  await spans.shutdown();
});

interface Case {
  readonly retry?: Exclude<Retry, 'off'>;
  readonly deadline?: number;
  readonly method?: string;
  readonly body?: () => unknown;
  readonly options?: CallOptions;
  readonly context?: CallContext;
  /** A status with a Retry-After, in the place of a reset. */
  readonly retryAfter?: string;
}

const cases: readonly (readonly [Reason, Case])[] = [
  ['caller', { options: { retry: false } }],
  ['not-idempotent', { method: 'POST' }],
  ['body-not-replayable', { method: 'PUT', retry: { replayBodyUpTo: '0B' }, body: () => Readable.from(['one', 'two']) }],
  ['retry-of-retry', { context: { attempt: 2 } }],
  ['max-retries', { retry: { maxRetries: 1 } }],
  ['retry-after', { retryAfter: '3600' }],
  ['deadline', { deadline: 60, retry: { backoff: { base: '50ms', jitter: 'none' } } }],
  ['budget', { retry: { budget: { perSuccess: '10%', cap: 0 } } }],
];

describe('a retry that is not made', () => {
  it.each(cases)('says why, wherever somebody may look: %s', async (reason, { retry, deadline, method = 'GET', body, options, context, retryAfter }) => {
    const clock = new VirtualClock(1000);
    const network = new FakeTransport(async (attempt: Attempt): Promise<Reply> => {
      const opened = attempt.call.request.body?.open();
      if (typeof opened === 'object' && opened !== null && Symbol.asyncIterator in opened) for await (const _chunk of opened as AsyncIterable<unknown>);
      if (retryAfter !== undefined) {
        const reply = new FakeReply(503, { 'retry-after': retryAfter });
        queueMicrotask(() => reply.end());
        return reply;
      }
      throw new MeshError('CONNECTION_RESET', 'reset', { sent: 'maybe' });
    });
    // A service for each, as metrics are counted from the beginning of the process.
    const service = `service-${reason}`;
    const knobs = { deadline: deadline ?? 10_000, attemptTimeout: 'off', circuit: 'off', throttle: 'off', retry: { on: ['connect-failure', 'reset', 'gateway-error'], ...retry } } as const;
    const policy: PolicyDocument = { version: 1, services: { [service]: { discovery: { endpoints: ['10.0.0.1:80', '10.0.0.2:80'] }, ...(knobs as object) } } };
    const mesh = createMeshClient({ policy, clock, random: { next: () => 0.5 }, transport: () => network });
    const events: MeshEventMap['retry.suppressed'][] = [];
    mesh.events.on('retry.suppressed', (event) => void events.push(event));

    const result = mesh.run(context ?? {}, () => new Promise<number | Error>((resolve) => {
      const handler = { onConnect() {}, onHeaders: (status: number) => (resolve(status), true), onData: () => true, onComplete() {}, onError: resolve };
      mesh.dispatcher.dispatch({ origin: `http://${service}`, path: '/', method: method, ...(body === undefined ? {} : { body: body() as Readable }), ...(options === undefined ? {} : { mesh: options }) }, handler);
    }));
    // A stream is read in its own time, not in the clock's.
    await Promise.race([result, (async () => {
      for (let turn = 0; turn < 50; turn += 1) await clock.advance(20);
    })()]);
    const outcome = await result;

    expect(events).toMatchObject([{ service, reason, enforced: true, attempt: network.attempts.length, because: retryAfter === undefined ? 'CONNECTION_RESET' : 503 }]);
    if (retryAfter === undefined) expect(outcome).toMatchObject({ code: 'CONNECTION_RESET', retrySuppressed: reason, attempts: network.attempts.length });
    else expect(outcome).toBe(503);
    const closed = mesh.close({ timeout: 0 });
    await clock.advance(0);
    await closed;
    const span = exporter.getFinishedSpans().find(({ kind, name }) => kind === SpanKind.INTERNAL && name === `call ${service}`);
    expect(span?.events.filter(({ name }) => name === 'inmesh.retry.suppressed').map(({ attributes }) => attributes)).toEqual([{ 'inmesh.reason': reason }]);
    const counted = points(await metrics.gather(), 'inmesh.retries.suppressed').filter(([attributes]) => 'inmesh.service' in attributes && attributes['inmesh.service'] === service);
    expect(counted).toEqual([[{ 'inmesh.service': service, 'inmesh.reason': reason }, 1]]);
  });
});
