/**
 * Round: one attempt, and the hedges that are sent beside it when it takes long, up to one result.
 *
 *     watching ──time──▶ (a hedge is sent, or refused) ──▶ waiting        no more will be sent
 *        │                                                   │
 *        └─────────── something is the result ───────────────┴──▶ decided
 *
 * The result is the first answer that is one. An attempt that fails while others run is put aside, and they are waited for: a retry
 * would be a third attempt where the second may be about to answer. If all of them fail, the last failure that says something about
 * the service is the result, and the retry layer judges it as that of a single attempt.
 *
 * Whoever still runs when it is decided has lost, and is cancelled: that reaches its socket, and the record of its endpoint says
 * `cancelled`. Nothing else cancels an attempt: a budget that is used up keeps a hedge from being sent, and no more
 * (failsafe-go#141).
 */
import type { Attempt, Call, Reply, Service } from '../core/call.ts';
import type { Millis } from '../core/clock.ts';
import { MeshError, type Sent } from '../core/errors.ts';
import { classifyError, classifyReply } from '../core/outcome.ts';
import { evidence, evidenceOfReply, more } from './evidence.ts';
import { isSafe } from './idempotency.ts';
import { Timeout, type Timeouts } from './timeouts.ts';

/** What came of an attempt. */
export interface Result {
  readonly attempt: Attempt;
  /** Undefined where it ended with an error. */
  readonly reply: Reply | undefined;
  readonly error: unknown;
}

/** What came of a round. */
export interface RoundResult extends Result {
  /** The most that any of its attempts may have sent. */
  readonly sent: Sent;
  /** Hedges sent. */
  readonly hedges: number;
}

/** What a round asks of whoever knows the service. */
export interface RoundOwner {
  readonly timeouts: Timeouts;
  /** It is time for a hedge: one that has begun and is to be sent, or undefined, and then there will be none. */
  hedge(call: Call, delay: Millis): Attempt | undefined;
  /** An attempt ended after so long, now. */
  ended(result: Result, elapsed: Millis, now: Millis): void;
  /** One was given up after so long. How much longer it would have taken, nobody knows. */
  lost(elapsed: Millis, delay: Millis): void;
}

type Phase =
  /** Attempts run; a timer says when another may be sent. */
  | { readonly kind: 'watching'; readonly hedges: number }
  /** Attempts run, and no more are sent. What has failed so far is put aside. */
  | { readonly kind: 'waiting'; readonly hedges: number; readonly failed: Result | undefined }
  | { readonly kind: 'decided' };

/**
 * A timer this late fired in a process that stood still: the answers it waits for may be here, unread. To hedge all of them
 * would be to punish the service for a pause of our own.
 */
const STALL: Millis = 20;

/** These two are the same for all rounds, and most go through no other phase. */
const begun: Phase = { kind: 'watching', hedges: 0 };
const decided: Phase = { kind: 'decided' };

export class Round extends Timeout {
  readonly #owner: RoundOwner;
  readonly #first: Attempt;
  readonly #next: Service<Attempt>;
  readonly #delay: Millis;
  readonly #most: number;
  readonly #decided: (result: RoundResult) => void;
  /** Nearly always one, and never many. */
  readonly #running: Attempt[] = [];
  #phase: Phase = begun;
  #sent: Sent = 'no';

  /** `delay`: from an attempt's beginning to a hedge beside it; `most`: hedges. `decided` is called once. */
  constructor(owner: RoundOwner, first: Attempt, next: Service<Attempt>, delay: Millis, most: number, decided: (result: RoundResult) => void) {
    super();
    this.#owner = owner;
    this.#first = first;
    this.#next = next;
    this.#delay = delay;
    this.#most = most;
    this.#decided = decided;
  }

  begin(now: Millis): void {
    this.#owner.timeouts.begin(this, this.#delay, now);
    this.#send(this.#first);
  }

  override expired(late: Millis): void {
    if (this.#phase.kind !== 'watching') return;
    const now = this.#owner.timeouts.clock.now();
    const waitFrom = late >= STALL ? now : this.#answerableFrom(now);
    if (waitFrom + this.#delay > now) return this.#owner.timeouts.begin(this, this.#delay, waitFrom);
    const { hedges } = this.#phase;
    const hedge = this.#owner.hedge(this.#first.call, this.#delay);
    if (hedge === undefined) {
      this.#enter({ kind: 'waiting', hedges, failed: undefined });
      return;
    }
    const sent = hedges + 1;
    if (sent < this.#most) {
      this.#enter({ kind: 'watching', hedges: sent });
      this.#owner.timeouts.begin(this, this.#delay, now);
    } else {
      this.#enter({ kind: 'waiting', hedges: sent, failed: undefined });
    }
    this.#send(hedge);
  }

  /** From when on the first attempt could be answered; not before its endpoint is found and its body is sent. */
  #answerableFrom(now: Millis): Millis {
    const { endpoint, uploadedAt, call } = this.#first;
    if (endpoint === undefined) return now;
    return call.request.body === undefined ? -Infinity : (uploadedAt ?? now);
  }

  #send(attempt: Attempt): void {
    this.#running.push(attempt);
    const failed = (error: unknown): void => this.#ended({ attempt, reply: undefined, error });
    try {
      this.#next(attempt).then((reply) => this.#ended({ attempt, reply, error: undefined }), failed);
    } catch (error) {
      // A fault in a layer. In a timer nobody would catch it.
      failed(error);
    }
  }

  #ended(result: Result): void {
    const phase = this.#phase;
    // It lost, and its answer was on the way.
    if (phase.kind === 'decided') return result.reply?.discard();
    const { attempt, reply, error } = result;
    const now = this.#owner.timeouts.clock.now();
    const startedAt = attempt.uploadedAt ?? attempt.startedAt;
    this.#running.splice(this.#running.indexOf(attempt), 1);
    this.#sent = more(this.#sent, reply === undefined ? evidence(error) : evidenceOfReply(attempt, reply));
    this.#owner.ended(result, now - startedAt, now);

    const { hedges } = phase;
    const failed = phase.kind === 'waiting' ? phase.failed : undefined;
    // A call that is over has broken off what was put aside, too.
    const over = attempt.call.cancellation.reason !== undefined;
    const telling = failed === undefined || over || tells(result, hedges) ? result : failed;
    (telling === result ? failed : result)?.reply?.discard();
    if (over || this.#running.length === 0 || answers(result, hedges)) this.#decide(telling, hedges);
    else this.#enter({ kind: 'waiting', hedges, failed: telling });
  }

  /** The one place where the phase changes. */
  #enter(phase: Phase): void {
    if (phase.kind !== 'watching') this.#owner.timeouts.end(this);
    this.#phase = phase;
  }

  #decide(result: Result, hedges: number): void {
    this.#enter(decided);
    const answered = answers(result, hedges);
    for (const attempt of this.#running) {
      const now = this.#owner.timeouts.clock.now();
      const { service } = attempt.call;
      this.#sent = more(this.#sent, 'maybe');
      if (answered) attempt.outrun = true;
      attempt.cancellation.cancel(new MeshError('CANCELLED', `${service}: attempt ${result.attempt.number} was answered first`, { service }));
      this.#owner.lost(now - attempt.startedAt, this.#delay);
    }
    const { attempt, reply, error } = result;
    // Written out: copying with a spread costs as much as the rest of a round.
    this.#decided({ attempt, reply, error, sent: this.#sent, hedges });
  }
}

/** Whether this ends the round: an answer, not a failure. */
function answers({ attempt, reply }: Result, hedges: number): boolean {
  return reply !== undefined && classifyReply(reply, 0).kind === 'success' && !(hedges > 0 && isConflict(attempt, reply));
}

/** Whether this says more than a failure before it: not if it is a limit of our own. */
function tells(result: Result, hedges: number): boolean {
  const { attempt, reply, error } = result;
  if (reply === undefined) return classifyError(error).kind !== 'local';
  return !(hedges > 0 && isConflict(attempt, reply));
}

/** "A request with the same Idempotency-Key is under way": what a server says to the second of two at a time. */
function isConflict({ call }: Attempt, reply: Reply): boolean {
  return reply.status === 409 && !isSafe(call.request.method);
}
