/**
 * Slow start and locality that cannot do anything, as they are written. Told where somebody wrote it.
 */
import type { BalancerType } from '../core/balancer-policy.ts';
import type { ServicePolicy } from '../core/policy.ts';
import type { Path } from './problem.ts';
import type { PolicySource } from './source.ts';

/** Those that compare loads, which locality multiplies. */
const comparing: readonly BalancerType[] = ['predictive', 'peak-ewma', 'least-request'];

/** `scope` is where these knobs were written: `defaults` or a service. What it inherited whole is told where that stands. */
export function lintPlacement({ slowStart, locality, balancer }: ServicePolicy, scope: Path, source: PolicySource, warn: (path: Path, expected: string) => void): void {
  const written = (...keys: string[]): Path | undefined => {
    const path = [...scope, ...keys];
    return source.at(path) === undefined ? undefined : path;
  };
  const least = written('slowStart', 'minWeight');
  if (least !== undefined && slowStart !== 'off' && slowStart.minWeight === 1) warn(least, 'less than 100%: nobody starts slowly');
  const cost = written('locality', 'remoteCost');
  if (cost !== undefined && locality !== 'off' && locality.remoteCost === 1) warn(cost, 'more than 1: no endpoint costs more than another');
  const own = written('locality');
  if (own !== undefined && locality !== 'off' && !comparing.includes(balancer.type)) warn(own, `off with balancer.type ${balancer.type}, which compares no loads: only ${comparing.join(', ')} prefer a zone`);
}
