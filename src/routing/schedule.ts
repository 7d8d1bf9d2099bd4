/**
 * Schedule: which step it is, from the time of day alone. A process that restarts is at the same step, and all processes are at the same one,
 * as far as their clocks agree.
 */
import type { Millis } from '../core/clock.ts';
import type { Schedule } from '../core/route.ts';

export interface Position {
  /** −1 before the start. */
  readonly step: number;
  /** It holds from then on, … */
  readonly from: Millis;
  /** … and until then, both on the scale of `Clock.wall()`. */
  readonly until: Millis;
}

export function positionAt({ start, steps }: Schedule, wall: Millis): Position {
  if (wall < start) return { step: -1, from: -Infinity, until: start };
  let from = start;
  for (const [step, { for: duration }] of steps.entries()) {
    const isLast = step === steps.length - 1;
    // After its time the last step goes on.
    const until = isLast ? Infinity : from + (duration ?? Infinity);
    if (wall < until) return { step, from, until };
    from = until;
  }
  // Without steps there is nothing but the start.
  return { step: -1, from: start, until: Infinity };
}
