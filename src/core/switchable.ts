/**
 * What every mechanism that acts can be told besides its knobs: not to act, and nothing at all.
 */
/** `observe`: decide and report, do not act. */
export type Mode = 'enforce' | 'observe';

/** `off` where a mechanism does nothing at all. */
export type Switchable<Knobs> = Knobs | 'off';
