/** What goes out with an attempt is what the registered propagator writes; which one that is, is said by OTEL_PROPAGATORS. */
import { context, propagation, ROOT_CONTEXT, trace, TraceFlags } from '@opentelemetry/api';
import { NodeSDK, tracing } from '@opentelemetry/sdk-node';
import { afterEach, describe, expect, it } from 'vitest';
import type { Attempt } from '../../src/core/call.ts';
import { traceAttempts, traceCalls } from '../../src/telemetry/tracing.ts';
import { fakeAttempt, fakeCall } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const environment = { ...process.env };
let sdk: NodeSDK | undefined;

afterEach(async () => {
  process.env = { ...environment };
  await sdk?.shutdown();
  for (const api of [trace, propagation, context]) api.disable();
});

const upper = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: TraceFlags.SAMPLED };

/** Headers that an attempt gets within a trace, with baggage. */
async function headersWith(propagators: string | undefined): Promise<Record<string, string>> {
  process.env = { ...environment, ...(propagators === undefined ? {} : { OTEL_PROPAGATORS: propagators }) };
  sdk = new NodeSDK({ autoDetectResources: false, metricReaders: [], logRecordProcessors: [], spanProcessors: [new tracing.SimpleSpanProcessor(new tracing.InMemorySpanExporter())] });
  sdk.start();
  const clock = new VirtualClock();
  let sent: Attempt | undefined;
  const send = traceCalls({ clock })((call) => traceAttempts({ clock })(async (attempt) => ((sent = attempt), new FakeReply()))(fakeAttempt(call)));
  const within = propagation.setBaggage(trace.setSpanContext(ROOT_CONTEXT, upper), propagation.createBaggage({ tenant: { value: 'blue' } }));
  await context.with(within, () => send(fakeCall()));
  const { headers } = sent!;
  return Object.fromEntries(headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1]!]] : [])));
}

const id = expect.stringMatching(/^[0-9a-f]{16}$/);

describe('propagation', () => {
  it('is W3C trace context and baggage where nobody says', async () => {
    expect(await headersWith(undefined)).toEqual({ traceparent: expect.stringMatching(new RegExp(`^00-${upper.traceId}-[0-9a-f]{16}-01$`)), baggage: 'tenant=blue' });
  });

  it('is B3 in one header', async () => {
    expect(await headersWith('b3')).toEqual({ b3: expect.stringMatching(new RegExp(`^${upper.traceId}-[0-9a-f]{16}-1$`)) });
  });

  it('is B3 in several', async () => {
    expect(await headersWith('b3multi')).toEqual({ 'x-b3-traceid': upper.traceId, 'x-b3-spanid': id, 'x-b3-sampled': '1' });
  });

  it('is all of them, where a fleet changes from one to another', async () => {
    expect(Object.keys(await headersWith('tracecontext,baggage,b3multi')).sort()).toEqual(['baggage', 'traceparent', 'x-b3-sampled', 'x-b3-spanid', 'x-b3-traceid']);
  });
});
