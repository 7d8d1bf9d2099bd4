/**
 * Serving: one request while it is served. It holds what the request said of itself, for the calls made within, and hears of the three
 * moments that matter: the handler runs, the headers of the answer go out, it is over.
 */
import { runWithin } from '../core/ambient.ts';
import type { Millis } from '../core/clock.ts';
import type { InboundHeaders } from '../core/context-headers.ts';
import type { Criticality } from '../core/criticality.ts';
import { continueTrace } from '../telemetry/inbound-trace.ts';

export interface ServingContext {
  /** An instant. */
  readonly deadline: Millis;
  readonly criticality: Criticality | undefined;
  readonly attempt: number | undefined;
  readonly caller: string | undefined;
  /** Those of the request, where its trace is to be gone on with. */
  readonly traceHeaders: InboundHeaders | undefined;
}

/** Who counts what is served. */
export interface ServingOwner {
  /** Headers for the answer to a request that began at `startedAt`; it is about to go out. */
  answering(serving: Serving, status: number): ResponseHeaders;
  /** Once. `answered`: not necessarily to its end. */
  over(serving: Serving, answered: boolean): void;
}

/** What an answer says besides what its handler does; undefined: nothing of the kind. */
export interface ResponseHeaders {
  readonly load: string | undefined;
  /** The connection is to be closed after it. */
  readonly close: boolean;
}

export class Serving {
  readonly startedAt: Millis;
  readonly context: ServingContext;
  readonly #owner: ServingOwner;
  /** Made when somebody asks for its signal. */
  #left: AbortController | undefined;
  #gone = false;
  #phase: 'serving' | 'answering' | 'over' = 'serving';

  constructor(startedAt: Millis, context: ServingContext, owner: ServingOwner) {
    this.startedAt = startedAt;
    this.context = context;
    this.#owner = owner;
  }

  /** Runs the handler, or a part of it that a framework began elsewhere, in the context of this request. */
  run<Result>(work: () => Result): Result {
    const { deadline, traceHeaders, criticality, attempt, caller } = this.context;
    const within = (): Result => runWithin({ criticality, attempt, caller, signal: this.#signal }, deadline, work);
    return traceHeaders === undefined ? within() : continueTrace(traceHeaders, within);
  }

  answering(status: number): ResponseHeaders {
    if (this.#phase === 'serving') this.#phase = 'answering';
    return this.#owner.answering(this, status);
  }

  /** `finished`: the answer went out whole. Else the client has left, and so the calls made for it end. */
  over(finished: boolean): void {
    const phase = this.#phase;
    if (phase === 'over') return;
    this.#phase = 'over';
    this.#gone = !finished;
    if (this.#gone) this.#left?.abort(left());
    this.#owner.over(this, phase === 'answering');
  }

  readonly #signal = (): AbortSignal => {
    this.#left ??= new AbortController();
    if (this.#gone) this.#left.abort(left());
    return this.#left.signal;
  };
}

function left(): DOMException {
  return new DOMException('the client has left', 'AbortError');
}
