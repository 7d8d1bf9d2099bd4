/** The yardstick in cockatiel's retry, circuit breaker, timeout and bulkhead: what a mesh does for one service, as one would write it by hand. */
import { bulkhead, circuitBreaker, ConsecutiveBreaker, ExponentialBackoff, handleAll, retry, timeout, TimeoutStrategy, wrap } from 'cockatiel';
import { roundRobin } from '../support/round-robin.mjs';

export function setup({ small }) {
  const { request, close } = roundRobin(small);
  const policy = wrap(
    retry(handleAll, { maxAttempts: 2, backoff: new ExponentialBackoff() }),
    circuitBreaker(handleAll, { halfOpenAfter: 5000, breaker: new ConsecutiveBreaker(5) }),
    timeout(10_000, TimeoutStrategy.Cooperative),
    bulkhead(1024, 1024),
  );
  return { request: () => policy.execute(request), close };
}
