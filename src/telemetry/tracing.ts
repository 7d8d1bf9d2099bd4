/**
 * Tracing: one INTERNAL span for what the user asked, under it one CLIENT span for each try, as OpenTelemetry's HTTP conventions
 * want it (a resend is a span of its own, and nothing around them poses as another HTTP request). Both last to the end of the body
 * (recorded-span.ts), and what was decided in between is in the events of the call's (span-events.ts).
 *
 *     call reviews                      INTERNAL   inmesh.service, inmesh.attempts, inmesh.outcome
 *       ├─ GET   503                    CLIENT     network.peer.address = 10.0.0.1
 *       └─ GET   200                    CLIENT     http.request.resend_count = 1
 *
 * Only the API is used. Without an SDK, or for a call that its sampler leaves out, nothing is computed and nothing is wrapped;
 * attempts share the decision about their call, so a call that is left out costs one question to the sampler. Whether it is
 * recorded or not, its context goes out with each attempt, or the services behind would decide anew and start traces of their own.
 *
 * `instrumentation-undici` sees the same requests. It is told to look away for the moment in which undici makes the request,
 * with the SDK's own key; else there were two spans and two `traceparent` headers per attempt (origins.ts has its metrics).
 */
import { channel } from 'node:diagnostics_channel';
import type { Context, Span, SpanOptions, TextMapSetter, Tracer } from '@opentelemetry/api';
import { promised, type Attempt, type Call, type Layer, type Reply, type Service } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { lazily } from '../core/lazily.ts';
import { watchResult } from '../core/result-watch.ts';
import { api } from './api.ts';
import { requestAttributes, spanName, targetOf, type Target } from './http-attributes.ts';
import { RecordedAttempt, RecordedCall } from './recorded-span.ts';
import { isAnythingRegistered } from './registry.ts';
import { SpanEvents } from './span-events.ts';
import { traceOf, type CallTrace } from './spans.ts';

export { forgetOrigin, ignoreRequestHook, rememberOrigin } from './origins.ts';

/** The instrumentation scope. */
const SCOPE = 'inmesh';

/** `@opentelemetry/core`'s key, the same in its majors 1 to 3: `createContextKey` gives a `Symbol.for` of its description. */
const SUPPRESS_TRACING = Symbol.for('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

/** Where instrumentation learns of a request; nobody there means nothing to suppress. */
const requestCreated = channel('undici:request:create');

const intoHeaders: TextMapSetter<string[]> = {
  set(headers, name, value) {
    headers.push(name, value);
  },
};

/** Topmost: the time in our queues and backoffs is part of the call. */
export function traceCalls(deps: { readonly clock: Clock }): Layer<Call> {
  const tracer = lazily(() => api().trace.getTracer(SCOPE));
  return (next) => {
    // The same for every call of a service, and a layer is of one service.
    let name = '';
    let options: SpanOptions = {};
    return function traceCall(call) {
      const { telemetry, propagate } = call.policy;
      if (telemetry.spans === 'off' || !isAnythingRegistered()) return next(call);
      const { context, propagation, SpanKind, trace } = api();
      const parent = context.active();
      if (name === '') {
        name = `call ${call.service}`;
        options = { kind: SpanKind.INTERNAL, attributes: { 'inmesh.service': call.service } };
      }
      const span = tracer().startSpan(name, options, parent);
      if (span.isRecording()) return recordCall(call, span, parent, next, deps.clock);
      if (propagate.trace && propagation.fields().length > 0) call.trace = { span: undefined, context: trace.setSpan(parent, span) } satisfies CallTrace;
      return next(call);
    };
  };
}

/** Directly above the balancer: an attempt's span is one endpoint's work, without the circuit's refusals. */
export function traceAttempts({ clock }: { readonly clock: Clock }): Layer<Attempt> {
  const tracer = lazily(() => api().trace.getTracer(SCOPE));
  return (next) => {
    // Nearly always that of the request before it, for a layer is of one service.
    let last: Target | undefined;
    return function traceAttempt(attempt) {
      if (!isAnythingRegistered()) return next(attempt);
      const { call } = attempt;
      const callTrace = traceOf(call);
      const { telemetry, propagate } = call.policy;
      if (callTrace?.span !== undefined && telemetry.spans === 'attempts') {
        const { scheme, authority } = call.request;
        if (last === undefined || last.authority !== authority || last.scheme !== scheme) last = targetOf(call.request);
        return recordAttempt(attempt, last, callTrace, next, tracer(), clock);
      }
      return propagate.trace ? send(attempt, callTrace?.context ?? api().context.active(), false, next) : next(attempt);
    };
  };
}

/** Puts the context into the attempt's headers; lets no other instrumentation do so again, nor make a second span beside ours. */
function send(attempt: Attempt, within: Context, ownSpan: boolean, next: Service<Attempt>): Promise<Reply> {
  const { context, propagation } = api();
  const before = attempt.headers.length;
  // First: propagators say nothing where tracing is suppressed.
  if (attempt.call.policy.propagate.trace) propagation.inject(within, attempt.headers, intoHeaders);
  const suppress = requestCreated.hasSubscribers && (ownSpan || attempt.headers.length > before);
  return suppress ? context.with(within.setValue(SUPPRESS_TRACING, true), next, undefined, attempt) : next(attempt);
}

function recordCall(call: Call, span: Span, parent: Context, next: Service<Call>, clock: Clock): Promise<Reply> {
  call.trace = { span, context: api().trace.setSpan(parent, span) } satisfies CallTrace;
  call.witness = new SpanEvents(span);
  const recorded = new RecordedCall(call, span, clock);
  const result = promised(next, call);
  watchResult(call, result, recorded);
  return result;
}

function recordAttempt(attempt: Attempt, target: Target, callTrace: CallTrace, next: Service<Attempt>, tracer: Tracer, clock: Clock): Promise<Reply> {
  const { SpanKind, trace } = api();
  const { method } = attempt.call.request;
  // Given at the start, since samplers look at them.
  const options = { kind: SpanKind.CLIENT, attributes: requestAttributes(attempt, target) };
  const span = tracer.startSpan(spanName(method), options, callTrace.context);
  const recorded = new RecordedAttempt(attempt, span, clock);
  const within = trace.setSpan(callTrace.context, span);
  attempt.trace = within;
  let result: Promise<Reply>;
  try {
    result = send(attempt, within, true, next);
  } catch (error) {
    result = Promise.reject(error);
  }
  watchResult(attempt, result, recorded);
  return result;
}
