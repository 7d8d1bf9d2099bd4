/**
 * Attempt timeout: one attempt, to its response headers. It stands below the circuit, which therefore hears of it as of any
 * failure, and above the balancer, so that waiting for endpoints and connecting are within it.
 *
 * With a request body it runs from the last byte that was sent (as Envoy's): until then the server has nothing to answer, and
 * how long the caller takes to upload is bounded by the deadline alone.
 *
 * Where the deadline comes first there is no timeout: the deadline ends the attempt with the better explanation.
 */
import type { Attempt, Layer } from '../core/call.ts';
import type { Millis } from '../core/clock.ts';
import { endpointKey } from '../core/endpoint.ts';
import { MeshError } from '../core/errors.ts';
import { watchResult, type ResultObserver } from '../core/result-watch.ts';
import { stalled, Timeout, type Timeouts } from './timeouts.ts';

export function attemptTimeout(timeouts: Timeouts): Layer<Attempt> {
  return (next) =>
    function attemptTimeout(attempt) {
      const { call } = attempt;
      const limit = call.policy.attemptTimeout;
      if (limit === 'off') return next(attempt);
      const { startedAt } = attempt;
      if (startedAt + limit >= call.deadline) return next(attempt);
      const entry = new AttemptTimeout(attempt, limit, timeouts);
      timeouts.begin(entry, limit, startedAt);
      const result = next(attempt);
      watchResult(attempt, result, entry);
      return result;
    };
}

class AttemptTimeout extends Timeout implements ResultObserver<Attempt> {
  readonly #attempt: Attempt;
  readonly #limit: Millis;
  readonly #timeouts: Timeouts;

  constructor(attempt: Attempt, limit: Millis, timeouts: Timeouts) {
    super();
    this.#attempt = attempt;
    this.#limit = limit;
    this.#timeouts = timeouts;
  }

  replied(): void {
    this.#timeouts.end(this);
  }

  failed(): void {
    this.#timeouts.end(this);
  }

  override expired(late: Millis): void {
    const { call, endpoint, number, cancellation, uploadedAt } = this.#attempt;
    if (call.request.body !== undefined && endpoint !== undefined) {
      const now = this.#timeouts.clock.now();
      const since = uploadedAt ?? now;
      if (since + this.#limit > now) return this.#timeouts.begin(this, this.#limit, since);
    }
    const { service, attempts } = call;
    // Without an endpoint nothing was sent and nobody failed to answer: it waited for discovery.
    const key = endpoint === undefined ? undefined : endpointKey(endpoint);
    const ours = key === undefined || stalled(late, this.#limit);
    const message = `${service}: attempt ${number}${key === undefined ? '' : ` to ${key}`} got no response headers within ${this.#limit} ms`;
    cancellation.cancel(
      new MeshError('ATTEMPT_TIMEOUT', message, {
        service,
        endpoint: key,
        attempts,
        outcome: ours ? 'local' : 'failure',
        // A guess on the safe side, until the transport says what it knows.
        sent: key === undefined ? 'no' : 'maybe',
      }),
    );
  }
}
