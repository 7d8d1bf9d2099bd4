/**
 * `inmesh.retries`, `inmesh.hedges`, and each with `.suppressed` and a reason: how much more is sent than was asked for, and how
 * much of it was held back; and the same as events of the call's span. By service alone: no endpoint is in a metric.
 *
 * Counted where a call gets another attempt, so one that needs none pays nothing; without an SDK it is one call of a no-op.
 */
import { metrics, type Attributes, type Counter, type MeterProvider } from '@opentelemetry/api';
import type { AttemptObserver } from '../core/attempt-observer.ts';
import { spanOf } from './tracing.ts';

export type AttemptKind = 'retry' | 'hedge';

interface Counters {
  readonly made: Counter;
  readonly suppressed: Counter;
}

const names: Readonly<Record<AttemptKind, { readonly plural: string; readonly what: string }>> = {
  retry: { plural: 'retries', what: 'Attempts made after another one failed' },
  hedge: { plural: 'hedges', what: 'Attempts made beside another one that took long' },
};

let provider: MeterProvider | undefined;
let counters: Partial<Record<AttemptKind, Counters>> = {};

export function attemptTelemetry(kind: AttemptKind): AttemptObserver {
  return {
    again(call, enforced) {
      countersOf(kind).made.add(1, attributes(call.service, enforced));
      spanOf(call)?.addEvent(`inmesh.${kind}`, { 'inmesh.attempt': call.attempts + 1, ...would(enforced) });
    },
    suppressed(call, reason, enforced) {
      countersOf(kind).suppressed.add(1, { ...attributes(call.service, enforced), 'inmesh.reason': reason });
      spanOf(call)?.addEvent(`inmesh.${kind}.suppressed`, { 'inmesh.reason': reason, ...would(enforced) });
    },
  };
}

function attributes(service: string, enforced: boolean): Attributes {
  return { 'inmesh.service': service, ...would(enforced) };
}

/** Said only of what did not happen so, because a mechanism is in `observe`. */
function would(enforced: boolean): Attributes {
  return enforced ? {} : { 'inmesh.enforced': false };
}

function countersOf(kind: AttemptKind): Counters {
  // The API gives out no proxies for meters: one that was made before the SDK started would record nothing for ever.
  const present = metrics.getMeterProvider();
  if (provider !== present) {
    provider = present;
    counters = {};
  }
  return (counters[kind] ??= make(kind, present));
}

function make(kind: AttemptKind, from: MeterProvider): Counters {
  const { plural, what } = names[kind];
  const meter = from.getMeter('inmesh');
  return {
    made: meter.createCounter(`inmesh.${plural}`, { description: `${what}.`, unit: `{${kind}}` }),
    suppressed: meter.createCounter(`inmesh.${plural}.suppressed`, { description: `${what}: those that were wanted and not made, by reason.`, unit: `{${kind}}` }),
  };
}
