/**
 * Ejection that cannot happen: a policy that asks for it and, as it is written, can never eject anybody. Envoy's users found
 * out in an outage (envoy#34666: 10 % of fewer than ten hosts ejects none); here it is told when the policy is loaded.
 *
 * Only where somebody wrote something about ejection: that the only endpoint of a service is never ejected needs no warning.
 */
import { mostEjected } from '../core/ejection-limit.ts';
import type { DiscoverySource, OutlierKnobs, ServicePolicy } from '../core/policy.ts';
import { formatDuration } from './duration.ts';
import type { Path } from './problem.ts';
import type { PolicySource } from './source.ts';

/** More attempts in a second than most processes make, of a service or of one of its endpoints. */
const PLENTY = 500;

/** `scope` is where these knobs were written: `defaults` or a service. What it inherited whole is told where that stands. */
export function lintEjection(policy: ServicePolicy, discovery: DiscoverySource | undefined, scope: Path, source: PolicySource, warn: (path: Path, expected: string) => void): void {
  const { outlier } = policy;
  if (outlier === 'off') return;
  const written = (...keys: string[]): Path | undefined => {
    const path = [...scope, 'outlier', ...keys];
    return source.at(path) === undefined ? undefined : path;
  };
  for (const [keys, expected] of inert(outlier)) {
    const path = written(...keys);
    if (path !== undefined) warn(path, expected);
  }

  const somebodyAsked = written() !== undefined || source.at(['defaults', 'outlier']) !== undefined;
  if (discovery?.kind !== 'endpoints' || !somebodyAsked) return;
  const total = discovery.endpoints.length;
  const { maxShare, minRemaining } = outlier.ejection;
  if (maxShare > 0 && mostEjected(total, outlier.ejection) === 0) {
    const nobody = total === 1 ? 'its only endpoint is never ejected' : `none of its ${total} endpoints is ever ejected`;
    warn(written('ejection', 'minRemaining') ?? [...scope, 'discovery', 'endpoints'], `more endpoints than ejection.minRemaining, ${minRemaining}: ${nobody}`);
  }
}

/** Keys below `outlier`, and what is expected there. */
type Reason = readonly [keys: readonly string[], expected: string];

function inert({ relative, consecutiveFailures, successRate, ejection, panic }: OutlierKnobs): Reason[] {
  const reasons: Reason[] = [];
  if (relative === 'off' && consecutiveFailures === 'off' && successRate === 'off') {
    reasons.push([[], 'one of relative, consecutiveFailures and successRate: with all of them off nobody is ever ejected']);
  }
  if (ejection.maxShare === 0) reasons.push([['ejection', 'maxShare'], 'more than 0%: nobody is ever ejected']);
  if (panic.below === 1 && panic.mode !== 'fail-fast') reasons.push([['panic', 'below'], 'less than 100%: whoever is ejected is used all the same']);
  if (successRate !== 'off' && successRate.threshold === 0) reasons.push([['successRate', 'threshold'], 'more than 0%: no success rate is below it']);
  if (relative !== 'off') {
    const { gap, fleetAbove, sigmas, minRequests, window } = relative;
    if (gap === 1) reasons.push([['relative', 'gap'], 'less than 100%: no endpoint is worse than the others by more']);
    if (fleetAbove === 1) reasons.push([['relative', 'fleetAbove'], 'less than 100%: the others are never better']);
    const within = `attempts within ${formatDuration(window)}`;
    const tooMany = (attempts: number) => attempts > (PLENTY * window) / 1_000;
    // One that only fails beside m others that never do differs by 1, with a standard deviation of √(1/(n + m)).
    if (tooMany(sigmas ** 2)) reasons.push([['relative', 'sigmas'], `less, or a longer window: to eject anybody takes more than ${sigmas ** 2} ${within}`]);
    if (tooMany(minRequests)) reasons.push([['relative', 'minRequests'], `less, or a longer window: to eject an endpoint takes ${minRequests} of its ${within}`]);
  }
  return reasons;
}
