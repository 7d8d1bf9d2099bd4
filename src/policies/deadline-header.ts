/**
 * Tells the server how long somebody waits for this attempt: `x-envoy-expected-rq-timeout-ms`, what remains of the deadline or
 * the attempt timeout, whichever ends first. A duration, not an instant, since clocks differ; worked out anew for each
 * attempt (Envoy sent the first attempt's value with every retry until #19002).
 */
import type { Layer, Attempt } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';

export const EXPECTED_TIMEOUT_HEADER = 'x-envoy-expected-rq-timeout-ms';

export function deadlineHeader(clock: Clock): Layer<Attempt> {
  return (next) =>
    function deadlineHeader(attempt) {
      const { deadline, policy } = attempt.call;
      if (policy.propagate.deadline) {
        const remaining = deadline - clock.now();
        const limit = policy.attemptTimeout === 'off' ? remaining : Math.min(remaining, policy.attemptTimeout);
        // At least 1: a server might read 0 as "no limit".
        attempt.headers.push(EXPECTED_TIMEOUT_HEADER, String(Math.max(1, Math.floor(limit))));
      }
      return next(attempt);
    };
}
