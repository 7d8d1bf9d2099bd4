/**
 * Deadline: the time for the whole call, to the last byte of the body. It stands outside all other layers, so that waiting
 * for a turn, backing off and reading the reply are within it.
 *
 * The layer does not race the call: it cancels it, and everything below ends promptly and with this reason, down to the
 * socket. So nothing goes on behind a caller's back after his time is over.
 */
import type { Call, Layer, Reply, ReplyObserver } from '../core/call.ts';
import type { Millis } from '../core/clock.ts';
import { MeshError } from '../core/errors.ts';
import type { OutcomeKind } from '../core/outcome.ts';
import { watchResult, type ResultObserver } from '../core/result-watch.ts';
import { stalled, Timeout, type Timeouts } from './timeouts.ts';

export function deadline(timeouts: Timeouts): Layer<Call> {
  return (next) =>
    function deadline(call) {
      const { startedAt, deadline: due } = call;
      if (due <= startedAt) {
        call.request.body?.release();
        return Promise.reject(deadlineExceeded(call, 'local'));
      }
      const entry = new CallDeadline(call, timeouts);
      timeouts.begin(entry, due - startedAt, startedAt);
      const result = next(call);
      watchResult(call, result, entry);
      return result;
    };
}

/**
 * The error of a call whose time is over, wherever that is noticed. Where no endpoint was tried yet (it waited for its turn, or
 * for discovery), nobody else is to blame. `sent` is a guess on the safe side, until the transport says what it knows.
 */
export function deadlineExceeded(call: Call, outcome: OutcomeKind): MeshError {
  const { service, attempts } = call;
  const endpoint = call.tried.last;
  const untried = call.tried.size === 0;
  const progress = untried ? 'before an endpoint was tried' : `after ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`;
  const where = endpoint === undefined ? '' : ` (last endpoint ${endpoint})`;
  const whose = owners[call.deadlineFrom];
  return new MeshError('DEADLINE_EXCEEDED', `${service}: ${whose} deadline of ${Math.round(call.deadline - call.startedAt)} ms exceeded ${progress}${where}`, {
    service,
    deadlineFrom: call.deadlineFrom,
    endpoint,
    attempts,
    outcome: untried ? 'local' : outcome,
    sent: untried ? 'no' : 'maybe',
  });
}

const owners = { policy: "the policy's", caller: "the caller's", inbound: "the inbound request's" } as const;

class CallDeadline extends Timeout implements ResultObserver, ReplyObserver {
  readonly #call: Call;
  readonly #timeouts: Timeouts;

  constructor(call: Call, timeouts: Timeouts) {
    super();
    this.#call = call;
    this.#timeouts = timeouts;
  }

  override expired(late: Millis): void {
    const call = this.#call;
    const ours = stalled(late, call.deadline - call.startedAt);
    call.cancellation.cancel(deadlineExceeded(call, ours ? 'local' : 'failure'));
  }

  replied(reply: Reply): void {
    reply.watch(this);
  }

  failed(): void {
    this.#timeouts.end(this);
  }

  /** The body is over. */
  end(): void {
    this.#timeouts.end(this);
  }
}
