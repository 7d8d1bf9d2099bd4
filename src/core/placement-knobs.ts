/**
 * The knobs that say how much an endpoint gets for other reasons than its load: it has just come, or it is far away. Defaults are in
 * policy.ts.
 */
import type { Millis } from './clock.ts';
import type { Mode } from './switchable.ts';

export interface SlowStartKnobs {
  /** In this time the share of an endpoint that joins others which serve already grows to the whole of it … */
  readonly window: Millis;
  /** … from this part of it on. */
  readonly minWeight: number;
  /** `observe`: say who would be held back, and hold nobody back. */
  readonly mode: Mode;
}
