/**
 * Retry conditions: which results of an attempt the policy wants retried. The names are Envoy's (`retry_on` of its router
 * filter), and what each covers is what it covers there:
 *
 *                       a reply of            no connection    broken before a reply    no headers in time
 *     connect-failure                              ×
 *     refused-stream                                               provably unsent
 *     reset                                        ×                     ×                     Envoy
 *     gateway-error     502 503 504                ×                     ×                     Envoy
 *     5xx               500 to 599                 ×                     ×                       ×
 *     timeout                                                                                   ×
 *     retriable-4xx     409
 *     overload          429, 503 with Retry-After
 *     a number          that status
 *
 * No connection: also one to a server that is not who it should be. To a caller behind Envoy no connection and a broken one are 503s, which is why `gateway-error` has them. `timeout` and
 * `overload` are ours. Envoy's per-try timeout falls under `reset` and `gateway-error` as well; here only `timeout` and `5xx` ask
 * for a retry of what took too long. A slow service is one that has too much to do, and these are the retries that add most.
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
      return code === 'CONNECT_FAILED' || code === 'IDENTITY_MISMATCH';
    case 'refused-stream':
      return code === 'CONNECTION_RESET' && sent === 'no';
    case 'reset':
    case 'gateway-error':
      // A fault poses as a reset, or it would test nothing.
      return code === 'CONNECT_FAILED' || code === 'IDENTITY_MISMATCH' || code === 'CONNECTION_RESET' || code === 'FAULT_INJECTED';
    case 'timeout':
      return code === 'ATTEMPT_TIMEOUT';
    case '5xx':
      return code === 'CONNECT_FAILED' || code === 'IDENTITY_MISMATCH' || code === 'CONNECTION_RESET' || code === 'FAULT_INJECTED' || code === 'ATTEMPT_TIMEOUT';
    default:
      return false;
  }
}
