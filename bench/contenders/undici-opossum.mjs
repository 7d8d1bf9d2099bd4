/** The yardstick in opossum's circuit breaker, with its timeout. */
import CircuitBreaker from 'opossum';
import { roundRobin } from '../support/round-robin.mjs';

export function setup({ small }) {
  const { request, close } = roundRobin(small);
  const breaker = new CircuitBreaker(request, { timeout: 10_000 });
  return {
    request: () => breaker.fire(),
    close: async () => {
      breaker.shutdown();
      await close();
    },
  };
}
