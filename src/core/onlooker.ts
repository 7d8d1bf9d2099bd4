/**
 * Onlooker: who hears of every call and every attempt when it is over, of look-ups, and of every event. Nobody, as a rule: then a call is asked for it twice,
 * and that is all. Where somebody looks (the admin page, `/metrics`), each costs one look at the clock and whatever the onlooker makes of it.
 *
 * A call and an attempt last to the end of the body, or to what broke it off.
 */
import type { Attempt, Call, Layer, Reply, ReplyObserver } from './call.ts';
import type { Clock, Millis } from './clock.ts';
import { MeshError } from './errors.ts';
import type { Emit } from './events.ts';
import { classifyReply } from './outcome.ts';
import type { OutcomeKind } from './outcome-kind.ts';

/** What it came to. */
export interface Ended {
  readonly kind: OutcomeKind;
  /** Undefined: there were no headers. */
  readonly status: number | undefined;
  /** What was thrown, or broke the body off; undefined where nothing did. */
  readonly error: unknown;
}

/** None of these may throw. */
export interface Onlooker {
  called(call: Call, duration: Millis, ended: Ended): void;
  attempted(attempt: Attempt, duration: Millis, ended: Ended): void;
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
      if (present === undefined) return next(call);
      return watched(next(call), (ended) => present.called(call, this.#clock.now() - call.startedAt, ended));
    };
    return observeCall;
  };

  readonly attempts: Layer<Attempt> = (next) => {
    const observeAttempt = (attempt: Attempt): Promise<Reply> => {
      const { present } = this;
      if (present === undefined) return next(attempt);
      return watched(next(attempt), (ended) => present.attempted(attempt, this.#clock.now() - attempt.startedAt, ended));
    };
    return observeAttempt;
  };
}

function watched(reply: Promise<Reply>, over: (ended: Ended) => void): Promise<Reply> {
  const ending = new Ending(over);
  reply.then(ending.replied, ending.end);
  return reply;
}

class Ending implements ReplyObserver {
  readonly #over: (ended: Ended) => void;
  #kind: OutcomeKind = 'success';
  #status: number | undefined;

  constructor(over: (ended: Ended) => void) {
    this.#over = over;
  }

  readonly replied = (reply: Reply): void => {
    this.#status = reply.status;
    this.#kind = classifyReply(reply, 0).kind;
    reply.watch(this);
  };

  readonly end = (error: unknown): void => {
    // What the server said stands, also where the body was not read to its end.
    const kind = error === undefined || this.#kind !== 'success' ? this.#kind : error instanceof MeshError ? error.outcome : 'local';
    this.#over({ kind, status: this.#status, error });
  };
}
