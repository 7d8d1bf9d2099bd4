/**
 * The trace of a request that is being served: what is called for it goes on with it.
 *
 * Where OpenTelemetry's own HTTP instrumentation has looked at the request, its span is active already, and is left alone: what it says is
 * more than the headers do. Where it has not, the caller's context is read off the headers with whatever propagator is registered, so that
 * the calls made within are children of the caller's span and not the roots of new traces. Without an SDK nothing is registered, and nothing is done.
 */
import type { TextMapGetter } from '@opentelemetry/api';
import type { InboundHeaders } from '../core/context-headers.ts';
import { api } from './api.ts';
import { isAnythingRegistered } from './registry.ts';

const fromHeaders: TextMapGetter<InboundHeaders> = {
  get(headers, name) {
    if (typeof headers.get === 'function') return (headers as Headers).get(name) ?? undefined;
    return (headers as NodeJS.Dict<string | string[]>)[name];
  },
  // Propagators ask for the names they know; none needs to be told which there are.
  keys: () => [],
};

export function continueTrace<Result>(headers: InboundHeaders, work: () => Result): Result {
  if (!isAnythingRegistered()) return work();
  const { context, propagation, trace } = api();
  const active = context.active();
  if (trace.getSpan(active) !== undefined || propagation.fields().length === 0) return work();
  return context.with(propagation.extract(active, headers, fromHeaders), work);
}
