/**
 * What telemetry keeps with a call and with its attempts: their spans, for whoever has something to say about them. Nobody else looks.
 */
import type { Context, Span } from '@opentelemetry/api';
import type { Attempt, Call } from '../core/call.ts';
import { api } from './api.ts';
import { isAnythingRegistered } from './registry.ts';

export interface CallTrace {
  /** Undefined: not recorded. */
  readonly span: Span | undefined;
  /** With the call's span in it. */
  readonly context: Context;
}

/** Whether there is an SDK that could record. */
export function isTracing(): boolean {
  if (!isAnythingRegistered()) return false;
  const { ProxyTracerProvider, trace } = api();
  const provider = trace.getTracerProvider();
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer('inmesh') !== undefined;
}

export function traceOf(call: Call): CallTrace | undefined {
  return call.trace as CallTrace | undefined;
}

/** The span of a call that is recorded. */
export function spanOf(call: Call): Span | undefined {
  return traceOf(call)?.span;
}

export function callContext(call: Call): Context | undefined {
  return traceOf(call)?.context;
}

/** With the attempt's span in it; that of the call, where attempts have none. */
export function attemptContext(attempt: Attempt): Context | undefined {
  return (attempt.trace as Context | undefined) ?? callContext(attempt.call);
}
