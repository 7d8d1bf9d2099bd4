import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { context, createContextKey, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api';
import { NodeSDK, tracing } from '@opentelemetry/sdk-node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Attempt, Call, Reply, Service } from '../../src/core/call.ts';
import { MeshError } from '../../src/core/errors.ts';
import { defaultServicePolicy, type ServicePolicy } from '../../src/core/policy.ts';
import { traceAttempts, traceCalls } from '../../src/telemetry/tracing.ts';
import { fakeAttempt, fakeCall } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { settle, VirtualClock } from '../support/virtual-clock.ts';

const exporter = new tracing.InMemorySpanExporter();
const sdk = new NodeSDK({
  autoDetectResources: false,
  instrumentations: [],
  metricReaders: [],
  logRecordProcessors: [],
  spanProcessors: [new tracing.SimpleSpanProcessor(exporter)],
});

beforeAll(() => sdk.start());
afterEach(() => exporter.reset());
afterAll(() => sdk.shutdown());

const clock = new VirtualClock();
const UPPER = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };

function aCall(policy: Partial<ServicePolicy> = {}): Call {
  return fakeCall({ policy, request: { authority: 'reviews:9080', path: '/reviews/1' } });
}

/** The stack as the client builds it, with a retry that makes one attempt for each answer that the test has ready. */
function stackOver(answers: readonly ((attempt: Attempt) => Promise<Reply>)[]): Service<Call> {
  const attempts = traceAttempts({ clock })((attempt) => {
    attempt.endpoint = { host: '10.0.0.7', port: 9080, weight: 1, priority: 0 };
    return answers[attempt.number - 1]!(attempt);
  });
  return traceCalls({ clock })(async (call) => {
    for (;;) {
      const attempt = fakeAttempt(call);
      const last = call.attempts === answers.length;
      const reply = await attempts(attempt).catch((error: unknown) => {
        if (last) throw error;
      });
      if (reply !== undefined && last) return reply;
      reply?.discard();
    }
  });
}

const replies = (reply: FakeReply) => async (): Promise<Reply> => reply;
const throws = (error: Error) => async (): Promise<Reply> => {
  throw error;
};

/** Ended spans by kind, in the order in which they began. */
function spans(): { calls: tracing.ReadableSpan[]; attempts: tracing.ReadableSpan[] } {
  const ended = [...exporter.getFinishedSpans()].sort((one, other) => one.startTime[0] - other.startTime[0] || one.startTime[1] - other.startTime[1]);
  return { calls: ended.filter((span) => span.kind === SpanKind.INTERNAL), attempts: ended.filter((span) => span.kind === SpanKind.CLIENT) };
}

function within<T>(traceFlags: TraceFlags, run: () => T): T {
  return context.with(trace.setSpanContext(ROOT_CONTEXT, { ...UPPER, traceFlags }), run);
}

function headerOf(headers: readonly string[], name: string): string[] {
  return headers.filter((_, index) => index % 2 === 1 && headers[index - 1] === name);
}

describe('spans', () => {
  it('has one for the call, in the caller’s trace, and one for each attempt below it', async () => {
    const [first, second] = [new FakeReply(503), new FakeReply(200)];
    await within(TraceFlags.SAMPLED, () => stackOver([replies(first), replies(second)])(aCall()));
    second.end();

    const { calls, attempts } = spans();
    expect(calls.map((span) => span.name)).toEqual(['call reviews']);
    expect(calls[0]!.spanContext().traceId).toBe(UPPER.traceId);
    expect(calls[0]!.parentSpanContext?.spanId).toBe(UPPER.spanId);
    expect(attempts.map((span) => [span.name, span.parentSpanContext?.spanId])).toEqual([
      ['GET', calls[0]!.spanContext().spanId],
      ['GET', calls[0]!.spanContext().spanId],
    ]);
    expect(calls[0]!.attributes).toEqual({ 'inmesh.service': 'reviews', 'inmesh.attempts': 2, 'inmesh.outcome': 'success' });
  });

  it('says which version of HTTP it was, where that is known', async () => {
    for (const protocol of ['1.1', undefined, '2'] as const) {
      const reply = Object.assign(new FakeReply(200), { protocol });
      await within(TraceFlags.SAMPLED, () => stackOver([replies(reply)])(aCall()));
      reply.end();
    }
    expect(spans().attempts.map(({ attributes }) => attributes['network.protocol.version'])).toEqual(['1.1', undefined, '2']);
  });

  it('says of an attempt what the HTTP conventions ask, and nothing else', async () => {
    const reply = new FakeReply(200);
    reply.protocol = '1.1';
    await stackOver([throws(new MeshError('CONNECT_FAILED', 'refused')), replies(reply)])(aCall());
    reply.end();

    const { attempts } = spans();
    const common = {
      'http.request.method': 'GET',
      'server.address': 'reviews',
      'server.port': 9080,
      'url.full': 'http://reviews:9080/reviews/1',
      'network.peer.address': '10.0.0.7',
      'network.peer.port': 9080,
    };
    expect(attempts.map((span) => span.attributes)).toEqual([
      { ...common, 'error.type': 'connect_failed' },
      { ...common, 'http.request.resend_count': 1, 'http.response.status_code': 200, 'network.protocol.version': '1.1' },
    ]);
    expect(attempts.map((span) => span.status.code)).toEqual([SpanStatusCode.ERROR, SpanStatusCode.UNSET]);
  });

  it.each([
    [301, SpanStatusCode.UNSET, undefined, SpanStatusCode.UNSET, 'success'],
    [404, SpanStatusCode.ERROR, '404', SpanStatusCode.UNSET, 'success'],
    [429, SpanStatusCode.ERROR, '429', SpanStatusCode.ERROR, 'overload'],
    [500, SpanStatusCode.ERROR, '500', SpanStatusCode.ERROR, 'failure'],
  ])('a %i', async (status, attemptStatus, type, callStatus, outcome) => {
    const reply = new FakeReply(status);
    await stackOver([replies(reply)])(aCall());
    reply.end();

    const { calls, attempts } = spans();
    expect(attempts[0]!.status).toEqual({ code: attemptStatus });
    expect(attempts[0]!.attributes['error.type']).toBe(type);
    expect(attempts[0]!.attributes['http.response.status_code']).toBe(status);
    expect(calls[0]!.status).toEqual({ code: callStatus });
    expect(calls[0]!.attributes['inmesh.outcome']).toBe(outcome);
  });

  it('last to the end of the body', async () => {
    const reply = new FakeReply(200);
    await stackOver([replies(reply)])(aCall());
    reply.data();
    expect(exporter.getFinishedSpans()).toEqual([]);
    reply.end();
    expect(exporter.getFinishedSpans()).toHaveLength(2);
  });

  it('say how a body broke off', async () => {
    const reply = new FakeReply(200);
    await stackOver([replies(reply)])(aCall());
    reply.end(new MeshError('CONNECTION_RESET', 'half an answer'));

    const { calls, attempts } = spans();
    for (const span of [calls[0]!, attempts[0]!]) {
      expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: 'half an answer' });
      expect(span.attributes['error.type']).toBe('connection_reset');
    }
    expect(calls[0]!.attributes['inmesh.outcome']).toBe('failure');
  });

  it('do not call it an error that the caller left, before the answer or within it', async () => {
    const gone = new MeshError('CANCELLED', 'the caller left');
    await expect(stackOver([throws(gone)])(aCall())).rejects.toBe(gone);
    const reply = new FakeReply(200);
    await stackOver([replies(reply)])(aCall());
    reply.end(gone);

    const { calls, attempts } = spans();
    expect(calls).toHaveLength(2);
    for (const span of [...calls, ...attempts]) {
      expect(span.status).toEqual({ code: SpanStatusCode.UNSET });
      expect(span.attributes).not.toHaveProperty('error.type');
    }
    expect(calls.map((span) => span.attributes['inmesh.outcome'])).toEqual(['cancelled', 'cancelled']);
  });

  it('end, and tell the caller the same error, where no attempt was made', async () => {
    const open = new MeshError('CIRCUIT_OPEN', 'open');
    const call = aCall();
    await expect(traceCalls({ clock })(throws(open))(call)).rejects.toBe(open);

    const { calls, attempts } = spans();
    expect(attempts).toEqual([]);
    expect(calls[0]!.attributes).toEqual({ 'inmesh.service': 'reviews', 'inmesh.attempts': 0, 'inmesh.outcome': 'local', 'error.type': 'circuit_open' });
    expect(calls[0]!.status).toEqual({ code: SpanStatusCode.ERROR, message: 'open' });
  });

  it('tell which limit turned the call away', async () => {
    const shed = new MeshError('OVERLOADED', 'no place', { shedBy: 'concurrency.max' });
    await expect(traceCalls({ clock })(throws(shed))(aCall())).rejects.toBe(shed);
    expect(spans().calls[0]!.attributes).toMatchObject({ 'inmesh.shed.by': 'concurrency.max', 'error.type': 'overloaded' });
  });

  it('says that the caller got his fallback, and in the place of what; or that this failed as well', async () => {
    const open = new MeshError('CIRCUIT_OPEN', 'the circuit is open');
    const served = aCall();
    const reply = new FakeReply(200);
    await traceCalls({ clock })((call) => ((call.fellBack = open), Promise.resolve(reply)))(served);
    reply.end();
    const unserved = aCall();
    await expect(traceCalls({ clock })((call) => ((call.fellBack = open), Promise.reject(new RangeError('no cache'))))(unserved)).rejects.toThrow('no cache');

    const { calls } = spans();
    expect(calls.map((span) => [span.attributes['inmesh.fallback'], span.attributes['inmesh.outcome'], span.attributes['error.type'], span.status.code])).toEqual([
      ['circuit_open', 'local', undefined, SpanStatusCode.UNSET],
      ['circuit_open', 'local', '_OTHER', SpanStatusCode.ERROR],
    ]);
  });

  it('calls: per call alone', async () => {
    const reply = new FakeReply(200);
    await stackOver([replies(new FakeReply(503)), replies(reply)])(aCall({ telemetry: { spans: 'calls', metrics: true, explainHeader: false } }));
    reply.end();
    const { calls, attempts } = spans();
    expect([attempts.length, calls.length]).toEqual([0, 1]);
  });

  it('off: none', async () => {
    const reply = new FakeReply(200);
    await stackOver([replies(reply)])(aCall({ telemetry: { spans: 'off', metrics: true, explainHeader: false } }));
    reply.end();
    expect(exporter.getFinishedSpans()).toEqual([]);
  });
});

describe('trace context', () => {
  /** `traceparent` of each attempt. */
  async function sent(policy: Partial<ServicePolicy>, traceFlags: TraceFlags | undefined, attempts = 2): Promise<string[][]> {
    const seen: string[][] = [];
    const reply = new FakeReply(200);
    const answer = async (attempt: Attempt): Promise<Reply> => {
      seen.push(headerOf(attempt.headers, 'traceparent'));
      return reply;
    };
    const send = (): Promise<Reply> => stackOver(Array.from({ length: attempts }, () => answer))(aCall(policy));
    await (traceFlags === undefined ? send() : within(traceFlags, send));
    reply.end();
    return seen;
  }

  it('goes out with each attempt, once, and names that attempt', async () => {
    const seen = await sent({}, TraceFlags.SAMPLED);
    expect(seen).toEqual(spans().attempts.map((span) => [`00-${UPPER.traceId}-${span.spanContext().spanId}-01`]));
    expect(seen).toHaveLength(2);
  });

  it('names the call where attempts have no spans', async () => {
    const seen = await sent({ telemetry: { spans: 'calls', metrics: true, explainHeader: false } }, TraceFlags.SAMPLED);
    const id = spans().calls[0]!.spanContext().spanId;
    expect(seen).toEqual([[`00-${UPPER.traceId}-${id}-01`], [`00-${UPPER.traceId}-${id}-01`]]);
  });

  it('is the caller’s own where spans are off', async () => {
    expect(await sent({ telemetry: { spans: 'off', metrics: true, explainHeader: false } }, TraceFlags.SAMPLED, 1)).toEqual([[`00-${UPPER.traceId}-${UPPER.spanId}-01`]]);
    expect(await sent({ telemetry: { spans: 'off', metrics: true, explainHeader: false } }, undefined, 1)).toEqual([[]]);
  });

  it('stays here where the policy says so', async () => {
    expect(await sent({ propagate: { ...defaultServicePolicy.propagate, trace: false } }, TraceFlags.SAMPLED, 1)).toEqual([[]]);
    expect(spans().attempts).toHaveLength(1);
  });

  it('carries the decision that a trace is not recorded', async () => {
    const [[header]] = (await sent({}, TraceFlags.NONE, 1)) as [[string]];
    expect(header).toMatch(new RegExp(`^00-${UPPER.traceId}-[0-9a-f]{16}-00$`));
    // A span that nobody records is a span all the same; the caller's own is not the one that sent this.
    expect(header).not.toContain(UPPER.spanId);
    expect(exporter.getFinishedSpans()).toEqual([]);
  });

  it('carries baggage', async () => {
    const withBaggage = propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage({ tenant: { value: 'blue' } }));
    let headers: readonly string[] = [];
    const reply = new FakeReply(200);
    const answer = async (attempt: Attempt): Promise<Reply> => {
      headers = attempt.headers;
      return reply;
    };
    await context.with(withBaggage, () => stackOver([answer])(aCall()));
    expect(headerOf(headers, 'baggage')).toEqual(['tenant=blue']);
  });
});

describe('a call that is not recorded', () => {
  it('is not wrapped: its promise and its reply are those of the service below', async () => {
    const reply = new FakeReply(200);
    let watched = 0;
    reply.watch = () => void (watched += 1);
    const promise = Promise.resolve(reply);
    const call = aCall();
    within(TraceFlags.NONE, () => expect(traceCalls({ clock })(() => promise)(call)).toBe(promise));
    expect(traceAttempts({ clock })(() => promise)(fakeAttempt(call))).toBe(promise);
    await settle();
    expect(watched).toBe(0);
  });
});

describe('other instrumentation of undici', () => {
  const suppressed = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');
  const listener = (): void => {};
  const see = async (policy: Partial<ServicePolicy> = {}): Promise<boolean> => {
    let seen: unknown;
    const reply = new FakeReply(200);
    const answer = async (): Promise<Reply> => {
      seen = context.active().getValue(suppressed);
      return reply;
    };
    await stackOver([answer])(aCall(policy));
    expect(context.active().getValue(suppressed)).toBeUndefined();
    reply.end();
    return seen === true;
  };

  it('looks away while the attempt is sent, and only then', async () => {
    subscribe('undici:request:create', listener);
    try {
      expect(await see()).toBe(true);
      expect(await see({ telemetry: { spans: 'calls', metrics: true, explainHeader: false } })).toBe(true);
      expect(await see({ propagate: { ...defaultServicePolicy.propagate, trace: false } })).toBe(true);
    } finally {
      unsubscribe('undici:request:create', listener);
    }
  });

  it('looks away from within the attempt’s span', async () => {
    subscribe('undici:request:create', listener);
    try {
      let seen: string | undefined;
      const reply = new FakeReply(200);
      await stackOver([async () => ((seen = trace.getActiveSpan()?.spanContext().spanId), reply)])(aCall());
      reply.end();
      expect(seen).toBe(spans().attempts[0]!.spanContext().spanId);
    } finally {
      unsubscribe('undici:request:create', listener);
    }
  });

  it('is left to it where the mesh makes neither span nor header', async () => {
    subscribe('undici:request:create', listener);
    try {
      expect(await see({ telemetry: { spans: 'off', metrics: true, explainHeader: false }, propagate: { ...defaultServicePolicy.propagate, trace: false } })).toBe(false);
      expect(await see({ telemetry: { spans: 'off', metrics: true, explainHeader: false } })).toBe(false);
    } finally {
      unsubscribe('undici:request:create', listener);
    }
  });

  it('costs nothing where there is none', async () => {
    expect(await see()).toBe(false);
  });
});
