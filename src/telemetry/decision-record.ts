/**
 * Writes down what is decided about a call (core/decision.ts), for the calls that somebody wants to know that of: `explain` of the call's
 * options, or the header `x-inmesh-explain` where the policy allows it. For all others it is a look at the options.
 */
import type { Call, Layer, Reply } from '../core/call.ts';
import type { Clock, Millis } from '../core/clock.ts';
import { EXPLAIN_HEADER, type DecidedAttempt, type Decision, type DecisionLevels } from '../core/decision.ts';
import { MeshError } from '../core/errors.ts';
import type { EjectionReason } from '../core/events.ts';
import type { Another, Pick, Witness, WitnessedAttempt } from '../core/witness.ts';

/** More of them would make a header that nobody reads and few would carry. */
const CANDIDATES_AT_MOST = 20;

export interface DecisionDeps {
  readonly clock: Clock;
  /** As they are now. */
  readonly levels: (call: Call) => DecisionLevels;
  /** The reply, with this said. */
  readonly carrying: (reply: Reply, decision: Decision) => Reply;
}

/** Below the trace, whose witness it goes on telling, and above all that decides. */
export function decisionRecord({ clock, levels, carrying }: DecisionDeps): Layer<Call> {
  return (next) =>
    function recordDecision(call) {
      if (call.options.explain !== true && !(call.policy.telemetry.explainHeader && asksForIt(call))) return next(call);
      const record = new DecisionRecord(call, clock, levels(call));
      call.witness = record;
      return next(call).then(
        (reply) => carrying(reply, record.decision()),
        (error: unknown) => {
          if (error instanceof MeshError) error.decision = record.decision();
          throw error;
        },
      );
    };
}

function asksForIt({ request: { headers } }: Call): boolean {
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index];
    if (typeof name === 'string' && name.length === EXPLAIN_HEADER.length && name.toLowerCase() === EXPLAIN_HEADER) return true;
  }
  return false;
}

class DecisionRecord implements Witness {
  readonly #call: Call;
  readonly #clock: Clock;
  readonly #levels: DecisionLevels;
  readonly #others: Witness | undefined;
  readonly #attempts: DecidedAttempt[] = [];
  readonly #because = new Map<number, Another>();
  readonly #suppressed: { what: Another; reason: string; enforced: boolean }[] = [];
  readonly #faults: { attempt: number; delay: Millis | undefined; abort: number | 'reset' | undefined }[] = [];

  constructor(call: Call, clock: Clock, levels: DecisionLevels) {
    this.#call = call;
    this.#clock = clock;
    this.#levels = levels;
    this.#others = call.witness;
  }

  picked(attempt: WitnessedAttempt, pick: Pick): void {
    this.#others?.picked(attempt, pick);
    const all = [...pick.candidates()].sort((one, other) => one.load - other.load);
    this.#attempts.push({
      number: attempt.number, because: this.#because.get(attempt.number) ?? 'first', endpoint: pick.endpoint, state: pick.state, panic: pick.panic,
      candidates: all.slice(0, CANDIDATES_AT_MOST).map(({ endpoint, state, load, pending }) => ({ endpoint, state, load: rounded(load), pending })), of: all.length,
      at: this.#sinceStart, took: undefined, status: undefined, error: undefined, ejected: undefined,
    });
  }

  answered(attempt: WitnessedAttempt, status: number | undefined, error: unknown): void {
    this.#others?.answered(attempt, status, error);
    const known = this.#of(attempt);
    if (known === undefined) return;
    known.took = rounded(this.#sinceStart - known.at);
    known.status = status;
    if (error !== undefined) known.error = error instanceof MeshError ? error.code : 'OTHER';
  }

  ejected(attempt: WitnessedAttempt, reason: EjectionReason, enforced: boolean): void {
    this.#others?.ejected(attempt, reason, enforced);
    const known = this.#of(attempt);
    if (known !== undefined) known.ejected = enforced ? reason : `${reason} (observed)`;
  }

  faulted(attempt: WitnessedAttempt, delay: Millis | undefined, abort: number | 'reset' | undefined): void {
    this.#others?.faulted(attempt, delay, abort);
    this.#faults.push({ attempt: attempt.number, delay, abort });
  }

  again(what: Another, attempt: number, enforced: boolean): void {
    this.#others?.again(what, attempt, enforced);
    if (enforced) this.#because.set(attempt, what);
  }

  suppressed(what: Another, reason: string, enforced: boolean): void {
    this.#others?.suppressed(what, reason, enforced);
    this.#suppressed.push({ what, reason, enforced });
  }

  decision(): Decision {
    const { service, route, version, criticality, deadline, deadlineFrom, startedAt } = this.#call;
    return {
      service, route, version, criticality, deadline: Math.round(deadline - startedAt), deadlineFrom, took: this.#sinceStart,
      attempts: this.#attempts, suppressed: this.#suppressed, faults: this.#faults, levels: this.#levels,
    };
  }

  get #sinceStart(): Millis {
    return rounded(this.#clock.now() - this.#call.startedAt);
  }

  #of({ number }: WitnessedAttempt): DecidedAttempt | undefined {
    return this.#attempts.find((known) => known.number === number);
  }
}

/** To microseconds. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
