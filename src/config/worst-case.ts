/**
 * What a service's knobs mean when everything goes wrong: how many attempts become of one call, how much more load that makes, and how long
 * a caller waits.
 *
 *     attempts of one call     1 + maxRetries + hedges
 *     load while all fails     1 + percent / 100, by GEP-3388's budget · 1, once the savings (`cap`) are spent, by a success-funded one
 *     longest wait             min(deadline, attempts · attemptTimeout + waits in between)
 *
 * Through a chain of n such services that each retry what the one below retried, attempts are multiplied n times (Google's SRE book,
 * "Addressing Cascading Failures": 4 attempts at 3 levels are 64). Unless `retryOfRetry` says so, only the lowest one retries.
 */
import type { Millis } from '../core/clock.ts';
import type { ServicePolicy } from '../core/policy.ts';

export interface WorstCase {
  /** That one call may become. */
  readonly attempts: number;
  /** Attempts per call, over a while in which all of them fail. */
  readonly load: number;
  readonly wait: Millis;
}

export function worstCase({ deadline, attemptTimeout, retry, hedge }: ServicePolicy): WorstCase {
  const retries = retry === 'off' || retry.mode === 'observe' ? 0 : retry.maxRetries;
  const hedges = hedge === 'off' || hedge.mode === 'observe' ? 0 : hedge.max;
  // Hedges run beside an attempt, so they make no wait longer.
  const attempts = 1 + retries + hedges;
  const patience = attemptTimeout === 'off' ? deadline : attemptTimeout;
  let wait = (1 + retries) * patience;
  if (retry !== 'off') for (let number = 1; number <= retries; number += 1) wait += Math.min(retry.backoff.max, retry.backoff.base * 2 ** (number - 1));
  const share = retry === 'off' || retry.budget.mode === 'observe' ? retries : 'percent' in retry.budget ? retry.budget.percent / 100 : 0;
  return { attempts, load: 1 + Math.min(retries, share), wait: Math.min(deadline, wait) };
}
