/**
 * The end of a span that is recorded: what is said of it then, and when that is. A call and its attempts last to the end of the body. Where
 * the caller leaves before that, or a retry takes the reply's place, they last to the headers: what comes after is clean-up, and the HTTP
 * conventions want none of it in a span.
 */
import type { Span } from '@opentelemetry/api';
import type { Attempt, Call, Reply, ReplyObserver } from '../core/call.ts';
import type { Clock, Millis } from '../core/clock.ts';
import { MeshError } from '../core/errors.ts';
import { classifyReply, type OutcomeKind } from '../core/outcome.ts';
import { api } from './api.ts';
import { errorType, outcomeOf } from './http-attributes.ts';

abstract class Recorded implements ReplyObserver {
  protected readonly span: Span;
  readonly #clock: Clock;
  #answeredAt: Millis = 0;
  #discarded = false;

  constructor(span: Span, clock: Clock) {
    this.span = span;
    this.#clock = clock;
  }

  discarded(): void {
    this.#discarded = true;
  }

  /** The headers have come. */
  protected follow(reply: Reply): void {
    this.#answeredAt = this.#clock.now();
    reply.watch(this);
  }

  end(error: MeshError | undefined): void {
    this.describe(error);
    const cleanUp = this.#discarded || error?.outcome === 'cancelled';
    // The SDK takes numbers of performance.now() for what they are.
    if (cleanUp) this.span.end(this.#answeredAt);
    else this.span.end();
  }

  failed(error: unknown): void {
    this.describe(error);
    this.span.end();
  }

  protected abstract describe(error: unknown): void;
}

export class RecordedCall extends Recorded {
  readonly #call: Call;
  #outcome: OutcomeKind = 'success';
  #status: number | undefined;

  constructor(call: Call, span: Span, clock: Clock) {
    super(span, clock);
    this.#call = call;
  }

  replied(reply: Reply): void {
    this.#outcome = classifyReply(reply).kind;
    this.#status = reply.status;
    this.follow(reply);
  }

  protected describe(error: unknown): void {
    const { span } = this;
    if (error !== undefined) this.#outcome = outcomeOf(error);
    const { fellBack } = this.#call;
    if (fellBack !== undefined) {
      span.setAttribute('inmesh.fallback', errorType(fellBack));
      // The caller was served; what the mesh could do for him is what it is.
      if (error === undefined) this.#outcome = fellBack.outcome;
    }
    span.setAttribute('inmesh.attempts', this.#call.attempts);
    span.setAttribute('inmesh.outcome', this.#outcome);
    if (error instanceof MeshError && error.shedBy !== undefined) span.setAttribute('inmesh.shed.by', error.shedBy);
    // A 404 is work done. That the CLIENT span below calls it an error is the convention for those, not for this one.
    if (error !== undefined) markThrown(span, error);
    else if (this.#outcome !== 'success' && fellBack === undefined) markStatus(span, this.#status!);
  }
}

export class RecordedAttempt extends Recorded {
  readonly #attempt: Attempt;
  #failedStatus: number | undefined;

  constructor(attempt: Attempt, span: Span, clock: Clock) {
    super(span, clock);
    this.#attempt = attempt;
  }

  replied(reply: Reply): void {
    this.span.setAttribute('http.response.status_code', reply.status);
    if (reply.protocol !== undefined) this.span.setAttribute('network.protocol.version', reply.protocol);
    if (reply.status >= 400) this.#failedStatus = reply.status;
    this.follow(reply);
  }

  protected describe(error: unknown): void {
    const { span } = this;
    const { endpoint } = this.#attempt;
    if (endpoint !== undefined) {
      span.setAttribute('network.peer.address', endpoint.host);
      span.setAttribute('network.peer.port', endpoint.port);
    }
    // What the server said stands, also where the body was not read to its end.
    if (this.#failedStatus !== undefined) markStatus(span, this.#failedStatus);
    else if (error !== undefined) markThrown(span, error);
  }
}

/** No description: the status code says it. */
function markStatus(span: Span, status: number): void {
  span.setAttribute('error.type', String(status));
  span.setStatus({ code: api().SpanStatusCode.ERROR });
}

/** A caller who left is no error, of nobody. */
function markThrown(span: Span, error: unknown): void {
  if (outcomeOf(error) === 'cancelled') return;
  span.setAttribute('error.type', errorType(error));
  span.setStatus({ code: api().SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
}
