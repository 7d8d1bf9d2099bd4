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

/** What is preferred: for now, one thing. */
export const localityPreferences = ['zone'] as const;

export interface LocalityKnobs {
  /** Endpoints in the zone of this process. */
  readonly prefer: (typeof localityPreferences)[number];
  /** What the load of an endpoint in another zone is multiplied by before it is compared; at least 1. */
  readonly remoteCost: number;
  /** `observe`: say where endpoints are, and prefer none. */
  readonly mode: Mode;
}
