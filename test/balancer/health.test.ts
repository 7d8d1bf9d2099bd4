import { describe, expect, it } from 'vitest';
import { afterCheck, neverChecked, type Health } from '../../src/balancer/health.ts';

const knobs = { healthy: 2, unhealthy: 3 };

/** What becomes of an endpoint that was never checked: `+` passed, `-` failed, one second apart. */
function after(checks: string): Health {
  return [...checks].reduce<Health>((health, check, number) => afterCheck(health, check === '+' ? undefined : `reason ${number}`, number * 1_000, knobs), neverChecked);
}

describe('an endpoint', () => {
  it('is healthy after the first check that passes, unknown before', () => {
    expect([after(''), after('-'), after('--'), after('+'), after('--+')].map(({ kind }) => kind)).toEqual(['unknown', 'unknown', 'unknown', 'healthy', 'healthy']);
  });

  it('is unhealthy after so many failed in a row, checked before or not', () => {
    expect(after('---')).toEqual({ kind: 'unhealthy', since: 2_000, successes: 0, why: 'reason 2' });
    expect(after('+--').kind).toBe('healthy');
    expect(after('+---').kind).toBe('unhealthy');
    expect(after('--+--+--').kind).toBe('healthy');
  });

  it('is healthy again after so many passed in a row', () => {
    expect(after('---+').kind).toBe('unhealthy');
    expect(after('---+-+').kind).toBe('unhealthy');
    expect(after('---+-++').kind).toBe('healthy');
  });

  it('that stays unhealthy keeps since when, and the newest reason', () => {
    expect(after('---+-')).toEqual({ kind: 'unhealthy', since: 2_000, successes: 0, why: 'reason 4' });
  });

  it('follows thresholds that were changed', () => {
    expect(afterCheck({ kind: 'healthy', failures: 2 }, 'x', 0, { healthy: 1, unhealthy: 2 }).kind).toBe('unhealthy');
    expect(afterCheck(after('---'), undefined, 0, { healthy: 1, unhealthy: 3 }).kind).toBe('healthy');
  });
});
