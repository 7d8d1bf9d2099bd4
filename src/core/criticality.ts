/**
 * Criticality: how much it matters that this call succeeds, next to other calls of the same process. It decides who is shed
 * first when there is not room for all.
 *
 *     critical-plus    users feel it at once, and there is nothing to put in its place
 *     critical         users feel it; what a call is unless somebody says otherwise
 *     sheddable-plus   partly missing is expected now and then: batch work that can be repeated within minutes
 *     sheddable        often partly missing, sometimes wholly
 *
 * The four levels and their names are Google's ("Handling Overload", Site Reliability Engineering, ch. 21): few enough to be
 * given rightly, and the same for a whole tree of calls, for a call passes its criticality on to the calls it makes.
 */
/** Most important first. */
export const criticalities = ['critical-plus', 'critical', 'sheddable-plus', 'sheddable'] as const;

export type Criticality = (typeof criticalities)[number];

export const DEFAULT_CRITICALITY: Criticality = 'critical';

/** 0 is shed last, 3 first. */
export function sheddability(criticality: Criticality): 0 | 1 | 2 | 3 {
  return criticalities.indexOf(criticality) as 0 | 1 | 2 | 3;
}

export function isCriticality(value: unknown): value is Criticality {
  return (criticalities as readonly unknown[]).includes(value);
}
