/**
 * MeasuredCall: a call in flight from which an adaptive limit learns how fast the service is.
 *
 * Its latency counts, to the headers, where it succeeded at its first attempt: further attempts took a backoff as well, and a
 * failure may come at once. It counts as lost where it timed out, or was refused for want of room: 429 and 503, with Retry-After
 * or without (much that sheds load says no more than 503), and 504, another's timeout. Whatever else it ends with says nothing
 * about speed.
 */
import type { Call, Reply, ReplyObserver } from '../core/call.ts';
import type { Clock, Millis } from '../core/clock.ts';
import { MeshError } from '../core/errors.ts';
import { classifyReply } from '../core/outcome.ts';
import type { ResultObserver } from '../core/result-watch.ts';

export interface Measure {
  readonly clock: Clock;
  /** Infinity: lost. */
  readonly sampled: (latency: Millis) => void;
  /** The call, its body included, has ended. */
  readonly over: () => void;
}

export class MeasuredCall implements ResultObserver, ReplyObserver {
  readonly #call: Call;
  readonly #measure: Measure;
  readonly #startedAt: Millis;

  constructor(call: Call, measure: Measure) {
    this.#call = call;
    this.#measure = measure;
    this.#startedAt = measure.clock.now();
  }

  replied(reply: Reply): void {
    const { status } = reply;
    if (status === 429 || status === 503 || status === 504) this.#measure.sampled(Infinity);
    else if (this.#call.attempts <= 1 && classifyReply(reply).kind === 'success') this.#measure.sampled(this.#measure.clock.now() - this.#startedAt);
    reply.watch(this);
  }

  failed(error: unknown): void {
    if (error instanceof MeshError && (error.outcome === 'overload' || timedOut(error))) this.#measure.sampled(Infinity);
    this.#measure.over();
  }

  end(): void {
    this.#measure.over();
  }
}

/** Through the service's fault. */
function timedOut({ code, outcome }: MeshError): boolean {
  return outcome === 'failure' && (code === 'ATTEMPT_TIMEOUT' || code === 'DEADLINE_EXCEEDED');
}
