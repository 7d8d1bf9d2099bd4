/**
 * Onlooker: who hears of every call and every attempt when it is over, of look-ups, and of every event. Nobody, as a rule: then a call is asked for it twice,
 * and that is all. Where somebody looks (the admin page, `/metrics`), each costs one look at the clock and whatever the onlooker makes of it.
 *
 * A call and an attempt last to the end of the body, or to what broke it off.
 */
import type { Attempt, Call, HttpVersion, Layer, Reply, ReplyObserver } from './call.ts';
import type { Clock, Millis } from './clock.ts';
import { MeshError } from './errors.ts';
import type { Emit } from './events.ts';
import { classifyReply } from './outcome.ts';
import type { OutcomeKind } from './outcome-kind.ts';
import { watchResult, type ResultObserver } from './result-watch.ts';

/** None of these may throw. */
export interface Onlooker {
  /** `now`: when it was over. `status`: undefined where there were no headers. `error`: what was thrown, or broke the body off. */
  called(call: Call, now: Millis, kind: OutcomeKind, status: number | undefined, error: unknown): void;
  attempted(attempt: Attempt, now: Millis, kind: OutcomeKind, status: number | undefined, error: unknown, protocol: HttpVersion | undefined): void;
  /** A name was looked up; `failure` is of few kinds, undefined for an answer. */
  lookedUp(name: string, duration: Millis, failure: string | undefined): void;
  readonly happened: Emit;
}

/** A place for one. */
export class Onlooking {
  present: Onlooker | undefined = undefined;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  readonly happened: Emit = (name, event) => this.present?.happened(name, event);

  readonly calls: Layer<Call> = (next) => {
    const observeCall = (call: Call): Promise<Reply> => {
      const { present } = this;
      const result = next(call);
      if (present !== undefined) watchResult(call, result, new CallEnding(call, present, this.#clock));
      return result;
    };
    return observeCall;
  };

  /** Told by whoever sends attempts, where they stand: a layer around him would cost each of them a promise. */
  attemptReplied(attempt: Attempt, reply: Reply): void {
    if (this.present !== undefined) new AttemptEnding(attempt, this.present, this.#clock).replied(reply);
  }

  attemptFailed(attempt: Attempt, error: unknown): void {
    if (this.present !== undefined) new AttemptEnding(attempt, this.present, this.#clock).failed(error);
  }
}

abstract class Ending implements ReplyObserver, ResultObserver {
  protected readonly onlooker: Onlooker;
  protected readonly clock: Clock;
  protected kind: OutcomeKind = 'success';
  protected status: number | undefined = undefined;

  constructor(onlooker: Onlooker, clock: Clock) {
    this.onlooker = onlooker;
    this.clock = clock;
  }

  replied(reply: Reply): void {
    this.status = reply.status;
    this.kind = classifyReply(reply).kind;
    reply.watch(this);
  }

  failed(error: unknown): void {
    this.end(error);
  }

  end(error: unknown): void {
    // What the server said stands, also where the body was not read to its end.
    if (error !== undefined && this.kind === 'success') this.kind = error instanceof MeshError ? error.outcome : 'local';
    this.over(error);
  }

  protected abstract over(error: unknown): void;
}

/** Of the attempt that ended last: its call ends with it, in the same breath, and asking the clock is most of what all this costs. */
let lastCall: Call | undefined;
let lastNow: Millis = 0;

class CallEnding extends Ending {
  readonly #call: Call;

  constructor(call: Call, onlooker: Onlooker, clock: Clock) {
    super(onlooker, clock);
    this.#call = call;
  }

  protected over(error: unknown): void {
    const call = this.#call;
    const now = lastCall === call && error === undefined && call.fellBack === undefined ? lastNow : this.clock.now();
    lastCall = undefined;
    this.onlooker.called(call, now, this.kind, this.status, error);
  }
}

class AttemptEnding extends Ending {
  readonly #attempt: Attempt;
  #protocol: HttpVersion | undefined;

  constructor(attempt: Attempt, onlooker: Onlooker, clock: Clock) {
    super(onlooker, clock);
    this.#attempt = attempt;
  }

  override replied(reply: Reply): void {
    this.#protocol = reply.protocol;
    super.replied(reply);
  }

  protected over(error: unknown): void {
    const attempt = this.#attempt;
    const now = this.clock.now();
    lastCall = attempt.call;
    lastNow = now;
    this.onlooker.attempted(attempt, now, this.kind, this.status, error, this.#protocol);
  }
}
