/**
 * `inmesh.retries`, `inmesh.hedges`, and each with `.suppressed` and a reason: how much more is sent than was asked for, and how
 * much of it was held back; and the call's witness hears the same.
 *
 * Counted where a call gets another attempt, so one that needs none pays nothing.
 */
import type { Attributes } from '@opentelemetry/api';
import type { AttemptObserver } from '../core/attempt-observer.ts';
import type { Call } from '../core/call.ts';
import type { Another } from '../core/witness.ts';
import { instruments } from './instruments.ts';
import { serviceAttribute } from './service-attribute.ts';

const made = { retry: 'inmesh.retries', hedge: 'inmesh.hedges' } as const;
const suppressed = { retry: 'inmesh.retries.suppressed', hedge: 'inmesh.hedges.suppressed' } as const;

export function attemptTelemetry(kind: Another): AttemptObserver {
  return {
    again(call, enforced) {
      if (call.policy.telemetry.metrics) instruments()?.counter(made[kind]).add(1, attributes(call, enforced));
      call.witness?.again(kind, call.attempts + 1, enforced);
    },
    suppressed(call, reason, enforced) {
      if (call.policy.telemetry.metrics) instruments()?.counter(suppressed[kind]).add(1, { ...attributes(call, enforced), 'inmesh.reason': reason });
      call.witness?.suppressed(kind, reason, enforced);
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
