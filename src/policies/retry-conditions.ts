/**
 * Retry conditions: which results of an attempt the policy wants retried. The names are Envoy's (`retry_on` of its router
 * filter) and mean the same; `timeout` and `overload` are ours, for what Envoy hides in `5xx` and `envoy-ratelimited`.
 *
 * Whether such a retry is also safe is another question: idempotency.ts.
 */
import type { MeshError } from '../core/errors.ts';
import type { OutcomeKind } from '../core/outcome.ts';
import type { RetryCondition } from '../core/policy.ts';

export function replyAsksForRetry(conditions: readonly RetryCondition[], status: number, outcome: OutcomeKind): boolean {
  for (const condition of conditions) {
    if (replyMeets(condition, status, outcome)) return true;
  }
  return false;
}

export function errorAsksForRetry(conditions: readonly RetryCondition[], error: MeshError): boolean {
  for (const condition of conditions) {
    if (errorMeets(condition, error)) return true;
  }
  return false;
}

function replyMeets(condition: RetryCondition, status: number, outcome: OutcomeKind): boolean {
  switch (condition) {
    case '5xx':
      return status >= 500;
    case 'gateway-error':
      return status >= 502 && status <= 504;
    case 'retriable-4xx':
      return status === 409;
    case 'overload':
      return outcome === 'overload';
    case 'connect-failure':
    case 'refused-stream':
    case 'reset':
    case 'timeout':
      return false;
    default:
      return condition === status;
  }
}

function errorMeets(condition: RetryCondition, { code, sent }: MeshError): boolean {
  switch (condition) {
    case 'connect-failure':
      return code === 'CONNECT_FAILED';
    case 'refused-stream':
      return code === 'CONNECTION_RESET' && sent === 'no';
    case 'reset':
      return code === 'CONNECTION_RESET';
    case 'timeout':
      return code === 'ATTEMPT_TIMEOUT';
    case '5xx':
      // "Any 5xx, or no answer at all": to whoever stands behind Envoy these are 503 and 504.
      return code === 'CONNECT_FAILED' || code === 'CONNECTION_RESET' || code === 'ATTEMPT_TIMEOUT';
    default:
      return false;
  }
}
