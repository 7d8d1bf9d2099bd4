/**
 * Which endpoint is an outlier. First of all the one that does worse than the others, so much worse that chance does not explain it.
 *
 *     n attempts of the endpoint, a share p of them well;  m attempts of the others, a share f well;  q the share of all n + m
 *     outlier  iff  n ≥ minRequests,  m ≥ minRequests,  f > fleetAbove,  f − p > gap,
 *                   f − p > sigmas · √( q(1 − q)(1/n + 1/m) )
 *
 * The last line is the two-proportion z-test: the standard deviation of f − p if both were drawn from one and the same source.
 * It compares with *the others* and not with all, because of 2 to 4 endpoints the one in question is itself a quarter to half
 * of the fleet, and would pull the mean towards itself until nothing stands out from it.
 *
 * The counts are of a window of time, and an outage may begin within it; matched.ts compares moment by moment, and both must agree.
 *
 * Relative, so a shared outage (the database behind all of them) ejects nobody: rules that count failures of each endpoint by
 * itself eject whole fleets then. The price is that one endpoint alone is never ejected, and two only on good evidence.
 *
 * Such rules are there for whoever asks for them: `consecutiveFailures` (Envoy's consecutive_5xx, Finagle's failure accrual) and
 * `successRate` (linkerd2-proxy's, of exact counts). An overload counts for none of the three. linkerd2-proxy counts it for the
 * rate; but an endpoint that is full is helped by fewer attempts, which the load estimate sees to, and where all are full each
 * ejection would leave the others the fuller.
 */
import type { Millis } from '../core/clock.ts';
import { defaultServicePolicy, type OutlierKnobs, type RelativeKnobs, type SuccessRateKnobs } from '../core/policy.ts';
import { jittered, type Random } from '../core/random.ts';

/** Attempts whose outcome says something about health: overload, local and cancelled ones are neither. */
export interface Tally {
  readonly successes: number;
  readonly failures: number;
}

/** 1 where nothing was counted: innocent. */
export function successRate(tally: Tally): number {
  const count = tally.successes + tally.failures;
  return count === 0 ? 1 : tally.successes / count;
}

export function isOutlier(own: Tally, others: Tally, knobs: RelativeKnobs): boolean {
  const n = own.successes + own.failures;
  const m = others.successes + others.failures;
  // A tail of one or two attempts on either side is no sample; m = 0 would divide by zero as well.
  if (n === 0 || m === 0 || n < knobs.minRequests || m < knobs.minRequests) return false;
  const fleet = successRate(others);
  if (fleet <= knobs.fleetAbove) return false;
  const difference = fleet - successRate(own);
  if (difference <= knobs.gap) return false;
  const pooled = (own.successes + others.successes) / (n + m);
  return difference > knobs.sigmas * Math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m));
}

/** Whether too small a share went well, by itself. */
export function isBelow(own: Tally, knobs: SuccessRateKnobs): boolean {
  return own.successes + own.failures >= knobs.minRequests && successRate(own) < knobs.threshold;
}

/** Over which time an endpoint's attempts are counted, for comparing, for the least bad and for people. */
export function windowOf({ relative, successRate }: OutlierKnobs): Millis {
  if (relative !== 'off') return relative.window;
  return successRate === 'off' ? defaultServicePolicy.outlier.relative.window : successRate.window;
}

/** base, 2·base, 4·base … for the first, second, third ejection in a row, up to max; spread, so that they do not return together. */
export function ejectionDuration(ejections: number, knobs: OutlierKnobs['ejection'], random: Random): Millis {
  return jittered(random, Math.min(knobs.base * 2 ** (ejections - 1), knobs.max), knobs.jitter);
}
