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
 *
 * Nearly always the first attempt ends before there is a hedge, and a round is one entry among the timeouts. So it does not race: whoever sends
 * the first attempt tells the round of its end and is told what came of it. Where a hedge has won, the first ends because it is cancelled.
 */
import { promised, type Attempt, type Call, type Reply, type Service } from '../core/call.ts';
import type { Millis } from '../core/clock.ts';
import { MeshError, type Sent } from '../core/errors.ts';
import { classifyError, classifyReply } from '../core/outcome.ts';
import { evidenceOf, more } from './evidence.ts';
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
  /** An attempt ended after so long, now; undefined where that says nothing. */
  ended(result: Result, elapsed: Millis | undefined, now: Millis): void;
  /** One was given up after so long. How much longer it would have taken, nobody knows. */
  lost(elapsed: Millis, delay: Millis): void;
  /** A hedge was answered first. */
  won(hedge: Attempt): void;
}

type Phase =
  /** Attempts run; a timer says when another may be sent, if there is one. */
  | { readonly kind: 'watching'; readonly hedges: number }
  /** Attempts run, and no more are sent. What has failed so far is put aside. */
  | { readonly kind: 'waiting'; readonly hedges: number; readonly failed: Result | undefined }
  | { readonly kind: 'decided'; readonly result: RoundResult };

/**
 * A timer this late fired in a process that stood still: the answers it waits for may be here, unread. To hedge all of them
 * would be to punish the service for a pause of our own.
 */
const STALL: Millis = 20;

/** The same for all rounds, and most go through no other phase. */
const begun: Phase = { kind: 'watching', hedges: 0 };

export class Round extends Timeout {
  readonly #owner: RoundOwner;
  readonly #first: Attempt;
  readonly #next: Service<Attempt>;
  /** From an attempt's beginning to a hedge beside it; 0: there will be none. */
  #delay: Millis = 0;
  #most = 0;
  /** How long its attempts take says something. */
  readonly #measured: boolean;
  /** Undefined while there is but the first. */
  #running: Attempt[] | undefined;
  #phase: Phase = begun;
  #sent: Sent = 'no';
  /** Tells whoever was told that there is no result yet. */
  #decided: ((result: RoundResult) => void) | undefined;

  constructor(owner: RoundOwner, first: Attempt, next: Service<Attempt>, measured: boolean) {
    super();
    this.#owner = owner;
    this.#first = first;
    this.#next = next;
    this.#measured = measured;
  }

  /** Up to `most` hedges are sent, each `delay` after the attempt before it. */
  watch(delay: Millis, most: number): void {
    this.#delay = delay;
    this.#most = most;
    this.#owner.timeouts.begin(this, delay, this.#first.startedAt);
  }

  /** The first attempt has ended; here is what came of the round, or will when those have ended that still run. */
  firstEnded(reply: Reply | undefined, error: unknown): RoundResult | Promise<RoundResult> {
    const attempt = this.#first;
    if (this.#running === undefined) {
      // It was the only one: the round is over, and nobody asks for its phase any more.
      const { timeouts } = this.#owner;
      timeouts.end(this);
      const now = timeouts.clock.now();
      const result: RoundResult = { attempt, reply, error, sent: evidenceOf(attempt, reply, error), hedges: 0 };
      this.#owner.ended(result, this.#measured ? now - (attempt.uploadedAt ?? attempt.startedAt) : undefined, now);
      return result;
    }
    return this.#ended({ attempt, reply, error }) ?? new Promise((resolve) => (this.#decided = resolve));
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

  #send(hedge: Attempt): void {
    (this.#running ??= [this.#first]).push(hedge);
    const ended = (reply: Reply | undefined, error: unknown): void => {
      const decision = this.#ended({ attempt: hedge, reply, error });
      if (decision !== undefined) this.#decided?.(decision);
    };
    promised(this.#next, hedge).then((reply) => ended(reply, undefined), (error: unknown) => ended(undefined, error));
  }

  /** What came of the round, if it is decided. */
  #ended(result: Result): RoundResult | undefined {
    const phase = this.#phase;
    if (phase.kind === 'decided') {
      // It lost, and its answer was on the way.
      result.reply?.discard();
      return phase.result;
    }
    const { attempt, reply, error } = result;
    const running = this.#running!;
    const now = this.#owner.timeouts.clock.now();
    running.splice(running.indexOf(attempt), 1);
    this.#sent = more(this.#sent, evidenceOf(attempt, reply, error));
    this.#owner.ended(result, now - (attempt.uploadedAt ?? attempt.startedAt), now);

    const { hedges } = phase;
    const failed = phase.kind === 'waiting' ? phase.failed : undefined;
    // A call that is over has broken off what was put aside, too.
    const over = attempt.call.cancellation.reason !== undefined;
    const telling = failed === undefined || over || tells(result, hedges) ? result : failed;
    (telling === result ? failed : result)?.reply?.discard();
    if (over || running.length === 0 || answers(result, hedges)) return this.#decide(telling, hedges, running);
    this.#enter({ kind: 'waiting', hedges, failed: telling });
    return undefined;
  }

  /** The one place where the phase changes. */
  #enter(phase: Phase): void {
    if (phase.kind !== 'watching') this.#owner.timeouts.end(this);
    this.#phase = phase;
  }

  #decide({ attempt, reply, error }: Result, hedges: number, running: readonly Attempt[]): RoundResult {
    const sent = running.length === 0 ? this.#sent : more(this.#sent, 'maybe');
    const result: RoundResult = { attempt, reply, error, sent, hedges };
    // Before the others are cancelled: the first of them asks for it.
    this.#enter({ kind: 'decided', result });
    const answered = answers(result, hedges);
    for (const other of running) {
      const { service } = other.call;
      if (answered) other.outrun = true;
      other.cancellation.cancel(new MeshError('CANCELLED', `${service}: attempt ${attempt.number} was answered first`, { service }));
      this.#owner.lost(this.#owner.timeouts.clock.now() - other.startedAt, this.#delay);
    }
    if (attempt !== this.#first && reply !== undefined) this.#owner.won(attempt);
    return result;
  }
}

/** Whether this ends the round: an answer, not a failure. */
function answers({ attempt, reply }: Result, hedges: number): boolean {
  return reply !== undefined && classifyReply(reply).kind === 'success' && !(hedges > 0 && isConflict(attempt, reply));
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
