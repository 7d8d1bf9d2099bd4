/** How many endpoints may be ejected: the balancer heeds it, and whoever reads a policy can tell what it allows. */
import type { OutlierKnobs } from './health-knobs.ts';

/**
 * How many of `total` endpoints may be ejected at one time. The share is rounded up (10 % of 4 is one, not none: rounding down
 * made the default of others inert, envoy#34666), and what must remain goes before it.
 */
export function mostEjected(total: number, knobs: OutlierKnobs['ejection']): number {
  // 0.07 × 100 is 7.000000000000001, and not 8 endpoints.
  const share = Math.ceil(knobs.maxShare * total - 1e-9);
  return Math.max(0, Math.min(share, total - knobs.minRemaining));
}
