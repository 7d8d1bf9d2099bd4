/**
 * Health: what the active checks say of an endpoint.
 *
 *     unknown ──passed──▶ healthy ──`unhealthy` failed in a row──▶ unhealthy ──`healthy` passed in a row──▶ healthy
 *        └──────────────`unhealthy` failed in a row───────────────────▲
 *
 * One that was never checked is used. Envoy waits for the first check; but whoever named this endpoint (Kubernetes, which asked its
 * readiness probe) said that it is ready, a process that has just started would have nobody to send to, and a fleet that scales up
 * because it is overrun would get its new pods an interval later.
 */
import type { Millis } from '../core/clock.ts';
import type { HealthCheckKnobs } from '../core/policy.ts';

export type Health =
  | { readonly kind: 'unknown' | 'healthy'; /** In a row. */ readonly failures: number }
  | { readonly kind: 'unhealthy'; readonly since: Millis; /** In a row. */ readonly successes: number; readonly why: string };

export const neverChecked: Health = { kind: 'unknown', failures: 0 };

/** `why` it failed, undefined where it passed. */
export function afterCheck(health: Health, why: string | undefined, now: Millis, knobs: Pick<HealthCheckKnobs, 'healthy' | 'unhealthy'>): Health {
  if (health.kind === 'unhealthy') {
    if (why !== undefined) return { ...health, successes: 0, why };
    const successes = health.successes + 1;
    return successes >= knobs.healthy ? { kind: 'healthy', failures: 0 } : { ...health, successes };
  }
  if (why === undefined) return { kind: 'healthy', failures: 0 };
  const failures = health.failures + 1;
  return failures >= knobs.unhealthy ? { kind: 'unhealthy', since: now, successes: 0, why } : { kind: health.kind, failures };
}
