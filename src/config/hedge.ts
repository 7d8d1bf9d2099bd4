/**
 * `hedge`: off, or when another attempt is sent beside one that takes long.
 */
import type * as z from 'zod';
import type { Millis } from '../core/clock.ts';
import { onceSwitchedOn } from '../core/policy.ts';
import type { HedgeDelay } from '../core/policy.ts';
import { integer, knob, oneOf, share, switchable } from './knob.ts';
import type { Kind } from './knob.ts';
import { zod } from './zod.ts';

const { hedge } = onceSwitchedOn;

/** p50 to p99.9: below the median every other call would have one. */
const percentile = /^p(?:[5-9]\d(?:\.\d)?)$/;

/** `time` makes a kind of duration, from the least to the most. */
export function hedging(time: (least: Millis, most: Millis) => Kind<Millis, string | number>) {
  return switchable(
    {
      after: knob(hedgeDelay(time(1, 3_600_000)), hedge.after, 'How long an attempt is waited for: `auto` is the lesser of 1.1 × p99 and 3 × p50 of the last half minute.'),
      max: knob(integer(1, 4), hedge.max, 'Hedges of one call.'),
      extraLoad: knob(share(), hedge.extraLoad, 'Hedges per call that succeeds; up to 40 are saved up. Each is paid for from `retry.budget` as well.'),
      mode: knob(oneOf('enforce', 'observe'), hedge.mode, '`observe`: decide and report, send none.'),
    },
    'Another attempt, at another endpoint, beside one that takes long; the first answer counts. Only of safe methods, and of calls with an Idempotency-Key.',
  );
}

function hedgeDelay(duration: Kind<Millis, string | number>): Kind<HedgeDelay, string | number> {
  const expected = `auto, a percentile p50–p99.9, or ${duration.expected}`;
  const error = { error: () => expected };
  const measured = zod().union([zod().literal('auto', error), zod().string(error).regex(percentile, error)], error);
  const schema = zod().union([measured, duration.schema], error) as z.ZodType<HedgeDelay, string | number>;
  return { schema, expected, write: (value) => (typeof value === 'number' ? duration.write(value) : value) };
}
