/**
 * Who hears, with the call in hand, that it gets another attempt or does not: telemetry, which keeps the call's span with it.
 * Events tell the same to everybody else.
 */
import type { Call } from './call.ts';

export interface AttemptObserver {
  /** Another attempt begins, or is scheduled. `enforced: false`: it would, were it not for a mechanism in `observe`. */
  again(call: Call, enforced: boolean): void;
  /** Another attempt was wanted and is not made; `enforced: false`: it is made, and would not be. */
  suppressed(call: Call, reason: string, enforced: boolean): void;
}
