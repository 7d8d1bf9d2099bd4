/**
 * How much an endpoint gets for other reasons than its load: `slowStart`.
 */
import type { Millis } from '../core/clock.ts';
import { defaultServicePolicy } from '../core/policy.ts';
import { knob, oneOf, share, switchable, type Kind } from './knob.ts';

const HOUR = 3_600_000;
const core = defaultServicePolicy;

/** `time`: the kind of a duration between two bounds. */
export function slowStart(time: (least: Millis, most: Millis) => Kind<Millis, string | number>) {
  return switchable(
    {
      window: knob(time(100, HOUR), core.slowStart.window, 'In this time the share of an endpoint that joins others which serve already grows to the whole of it …'),
      minWeight: knob(share(), core.slowStart.minWeight, '… from this part of it on.'),
      mode: knob(oneOf('enforce', 'observe'), core.slowStart.mode, '`observe`: report, do not act.'),
    },
    'Endpoints that have just come get little at first.',
  );
}
