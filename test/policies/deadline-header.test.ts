import { describe, expect, it } from 'vitest';
import type { Attempt } from '../../src/core/call.ts';
import { defaultServicePolicy, type ServicePolicy } from '../../src/core/policy.ts';
import { deadlineHeader, EXPECTED_TIMEOUT_HEADER } from '../../src/policies/deadline-header.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

function headersAt(now: number, policy: Partial<ServicePolicy>, deadline: number): string[] {
  const clock = new VirtualClock(now);
  const attempt = { call: { deadline, policy: { ...defaultServicePolicy, ...policy } }, headers: [] } as unknown as Attempt;
  void deadlineHeader(clock)(() => new Promise(() => {}))(attempt);
  return attempt.headers;
}

describe('the server is told how long somebody waits', () => {
  it('what remains of the deadline, at this attempt', () => {
    expect(headersAt(250.4, {}, 1000)).toEqual([EXPECTED_TIMEOUT_HEADER, '749']);
  });

  it('or the attempt timeout, where that ends first', () => {
    expect(headersAt(0, { attemptTimeout: 300 }, 1000)).toEqual([EXPECTED_TIMEOUT_HEADER, '300']);
    expect(headersAt(0, { attemptTimeout: 'off' }, 1000)).toEqual([EXPECTED_TIMEOUT_HEADER, '1000']);
  });

  it('never nothing, which could mean for ever', () => {
    expect(headersAt(999.9, {}, 1000)).toEqual([EXPECTED_TIMEOUT_HEADER, '1']);
  });

  it('only where the policy wants it', () => {
    expect(headersAt(0, { propagate: { deadline: false, trace: true } }, 1000)).toEqual([]);
  });
});
