/**
 * `inmesh.retries`, `inmesh.hedges`, and each with `.suppressed` and a reason: how much more is sent than was asked for, and how
 * much of it was held back; and the same as events of the call's span.
 *
 * Counted where a call gets another attempt, so one that needs none pays nothing.
 */
import type { Attributes } from '@opentelemetry/api';
import type { AttemptObserver } from '../core/attempt-observer.ts';
import type { Call } from '../core/call.ts';
import { instruments } from './instruments.ts';
import { serviceAttribute } from './service-attribute.ts';
import { spanOf } from './spans.ts';

export type AttemptKind = 'retry' | 'hedge';

const made = { retry: 'inmesh.retries', hedge: 'inmesh.hedges' } as const;
const suppressed = { retry: 'inmesh.retries.suppressed', hedge: 'inmesh.hedges.suppressed' } as const;

export function attemptTelemetry(kind: AttemptKind): AttemptObserver {
  return {
    again(call, enforced) {
      if (call.policy.telemetry.metrics) instruments()?.counter(made[kind]).add(1, attributes(call, enforced));
      spanOf(call)?.addEvent(`inmesh.${kind}`, { 'inmesh.attempt': call.attempts + 1, ...would(enforced) });
    },
    suppressed(call, reason, enforced) {
      if (call.policy.telemetry.metrics) instruments()?.counter(suppressed[kind]).add(1, { ...attributes(call, enforced), 'inmesh.reason': reason });
      spanOf(call)?.addEvent(`inmesh.${kind}.suppressed`, { 'inmesh.reason': reason, ...would(enforced) });
    },
  };
}

function attributes({ service }: Call, enforced: boolean): Attributes {
  return { 'inmesh.service': serviceAttribute(service), ...would(enforced) };
}

/** Said only of what did not happen so, because a mechanism is in `observe`. */
export function would(enforced: boolean): Attributes {
  return enforced ? {} : { 'inmesh.enforced': false };
}
