/**
 * Circuit: a service that fails most attempts gets none for a while, and callers their error at once.
 *
 *     closed ── more than `failureRate` of ≥ `minRequests` attempts in `window` failed ──▶ open
 *     open ── `openFor` is over and an attempt comes ──▶ half-open ── it and `probes` in all succeed ──▶ closed
 *       ▲                                                   │
 *       └────────── one fails; open a quarter longer ───────┘
 *
 * The states and their transitions are cockatiel's CircuitBreakerPolicy (Michael Nygard, "Release It!", 2007). What decides
 * about them is ours: exact counts over a true window on a monotonic clock (core/outcome-window.ts), where its own breakers
 * still count failures of an hour ago. And attempts go around it: it would make callers queue behind a trial, and let late
 * results of another time decide one. It is given verdicts.
 *
 *  - Results count for the phase in which their attempt began. Those of another phase are ignored.
 *  - Half-open, one attempt at a time holds the seat. If its outcome says nothing about the service (local, cancelled,
 *    overload), the next attempt gets the seat and the verdict stays open; if it says nothing at all, then after a lease.
 *    So a lost trial never leaves the circuit half-open (resilience4j#935, Polly#1578).
 *  - A local outcome, a cancelled one or an overload never opens the circuit.
 *  - After n trials that failed it stays open for openFor · 1.25ⁿ, which is openFor and a quarter of the time since it opened: so a recovery
 *    is noticed when a quarter of the outage has passed once more, at the latest. With twice as long each time it could be as much as all of
 *    it. A short first `openFor` lets the circuit take from a service that is too full just what it cannot serve: every client leaves it
 *    alone for a moment, and its queue is gone by the time they come back (test/simulation/metastable.test.ts).
 *  - A body that breaks off turns the success that its headers were into a failure.
 *  - `mode: observe` goes through the same states and reports them, and lets everything through.
 */
import { createRequire } from 'node:module';
import type { CircuitBreakerPolicy } from 'cockatiel';
import type { Attempt, Layer, Reply, ReplyObserver, Service } from '../core/call.ts';
import type { Clock, Millis } from '../core/clock.ts';
import { MeshError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { lazily } from '../core/lazily.ts';
import { OutcomeWindow } from '../core/outcome-window.ts';
import { classifyError, classifyReply, type OutcomeKind } from '../core/outcome.ts';
import { defaultServicePolicy, type CircuitKnobs, type Switchable } from '../core/policy.ts';
import { heardBy, type ResultObserver } from '../core/result-watch.ts';

/** Loaded with the first circuit: an import can do without, and the first attempt that fails need not wait for it. */
const cockatiel = lazily(() => createRequire(import.meta.url)('cockatiel') as typeof import('cockatiel'));

export interface CircuitDeps {
  readonly service: string;
  /** Where it is that of one route. */
  readonly route?: string | undefined;
  readonly clock: Clock;
  readonly knobs: () => Switchable<CircuitKnobs>;
  readonly emit: Emit;
}

/** What the circuit knows, as plain data for `inspect()`. */
export interface CircuitSnapshot {
  readonly state: 'closed' | 'open' | 'half-open';
  /** Attempts counted in the window, and how many of them failed. */
  readonly requests: number;
  readonly failures: number;
  /** Times it opened since it was last closed. */
  readonly openings: number;
  /** Epoch milliseconds from which the next attempt may go; undefined while closed. */
  readonly retryAt: number | undefined;
  /** false: it lets everything through all the same. */
  readonly enforced: boolean;
}

/** Shared by all attempts of the phase, so that a call which succeeds costs no object here. */
interface Closed extends ResultObserver<Attempt>, ReplyObserver {
  readonly kind: 'closed';
}

interface Open {
  readonly kind: 'open';
  readonly until: Millis;
  readonly openFor: Millis;
  /** What made it open. */
  readonly failureRate: number;
  readonly requests: number;
}

interface HalfOpen {
  readonly kind: 'half-open';
  /** Ends the phase; `decided` resolves when it has ended. */
  readonly decide: (failed: boolean) => void;
  readonly decided: Promise<unknown>;
  seat: Attempt | undefined;
  leaseEnds: Millis;
  /** Trials that succeeded; one that fails ends the phase. */
  succeeded: number;
}

type Phase = Closed | Open | HalfOpen;

/** Of the time it stays open, with each trial that fails. At the default `openFor` that makes eleven trials in the first four minutes. */
const GROWTH = 1.25;
/** A trial that takes longer than this is joined by another. Most answers take less; what hangs must not keep the circuit half-open until it times out. */
const LEASE_AT_LEAST: Millis = 1_000;

/** `Date.now() - openedAt < duration` is how cockatiel asks whether to stay open. When that is over is for us to say, and clocks are set back. */
const atOnce = { duration: -Infinity, next: () => atOnce };

export class Circuit {
  readonly #deps: CircuitDeps;
  readonly #window = new OutcomeWindow();
  /** Made for the first attempt that fails: without one there is nothing to decide. */
  readonly #machine = lazily(() => this.#newMachine());
  #phase: Phase;
  /** In a row, without being closed in between. */
  #openings = 0;
  /** As they were when last asked for and not off: results come in after somebody has switched the circuit off, too. */
  #knobs: CircuitKnobs = defaultServicePolicy.circuit;

  constructor(deps: CircuitDeps) {
    this.#deps = deps;
    cockatiel();
    this.#phase = this.#closed();
  }

  /** `closed` also while it is switched off. */
  get state(): 'closed' | 'open' | 'half-open' {
    return this.#deps.knobs() === 'off' ? 'closed' : this.#phase.kind;
  }

  snapshot(): CircuitSnapshot {
    const [now, window] = [this.#deps.clock.now(), this.#knobs.window];
    const failures = this.#window.failures(now, window);
    const { state } = this;
    const retryAt = state === 'closed' ? undefined : this.#retryAt();
    return { state, requests: failures + this.#window.successes(now, window), failures, openings: this.#openings, retryAt, enforced: this.#knobs.mode === 'enforce' };
  }

  readonly layer: Layer<Attempt> = (next) => {
    const circuit: Service<Attempt> = (attempt) => {
      const knobs = this.#deps.knobs();
      if (knobs === 'off') return next(attempt);
      this.#knobs = knobs;
      let phase = this.#phase;
      if (phase.kind === 'closed') return heardBy(phase, attempt, next(attempt));
      const now = this.#deps.clock.now();
      if (phase.kind === 'open') {
        if (now < phase.until) return this.#refuse(next, attempt, knobs);
        phase = this.#halfOpen();
      }
      if (phase.seat !== undefined && now < phase.leaseEnds) return this.#refuse(next, attempt, knobs);
      phase.seat = attempt;
      // As long as the service is given to recover, it is given to answer.
      phase.leaseEnds = now + Math.max(knobs.openFor, LEASE_AT_LEAST);
      return this.#try(phase, next, attempt);
    };
    return circuit;
  };

  async #try(phase: HalfOpen, next: Service<Attempt>, attempt: Attempt): Promise<Reply> {
    let reply: Reply;
    try {
      reply = await next(attempt);
    } catch (error) {
      await this.#tried(phase, attempt, classifyError(error).kind);
      throw error;
    }
    await this.#tried(phase, attempt, classifyReply(reply).kind);
    return reply;
  }

  /**
   * The first verdict counts; a promise resolves once. Whoever brought it waits until it has come into force, so that what he
   * does next already meets the new phase.
   */
  #tried(phase: HalfOpen, attempt: Attempt, outcome: OutcomeKind): Promise<unknown> | undefined {
    if (outcome === 'success') phase.succeeded += 1;
    if (outcome === 'failure' || phase.succeeded >= this.#knobs.probes) {
      phase.decide(outcome === 'failure');
      return phase.decided;
    }
    if (phase.seat === attempt) phase.seat = undefined;
    return undefined;
  }

  #closed(): Closed {
    const countFailure = async (): Promise<void> => {
      if (this.#phase !== phase) return;
      this.#window.record(true, this.#deps.clock.now(), this.#knobs.window);
      await this.#mayOpen();
    };
    const phase: Closed = {
      kind: 'closed',
      replied: (reply) => {
        const outcome = classifyReply(reply).kind;
        if (outcome === 'failure') return countFailure();
        if (outcome === 'success' && this.#phase === phase) {
          this.#window.record(false, this.#deps.clock.now(), this.#knobs.window);
          reply.watch(phase);
        }
        return undefined;
      },
      failed: (error) => (classifyError(error).kind === 'failure' ? countFailure() : undefined),
      end: (error) => {
        if (error === undefined || classifyError(error).kind !== 'failure' || this.#phase !== phase) return;
        this.#window.revise(this.#deps.clock.now(), this.#knobs.window);
        void this.#mayOpen();
      },
    };
    return phase;
  }

  #newMachine(): CircuitBreakerPolicy {
    const { circuitBreaker, handleWhenResult } = cockatiel();
    // Verdicts are values, true for "failed": where nothing is thrown, no rejection can go unhandled.
    const machine = circuitBreaker(
      handleWhenResult((failed) => failed === true),
      { halfOpenAfter: atOnce, breaker: { state: undefined, success: () => {}, failure: () => this.#phase.kind === 'closed' && this.#failsTooMuch() } },
    );
    machine.onBreak(() => this.#enter(this.#open()));
    machine.onReset(() => this.#enter(this.#closed()));
    return machine;
  }

  /** Has cockatiel ask whether it is time to open. */
  #mayOpen(): Promise<unknown> {
    return this.#machine().execute(() => true);
  }

  #failsTooMuch(): boolean {
    const { window, minRequests, failureRate } = this.#knobs;
    const now = this.#deps.clock.now();
    const failures = this.#window.failures(now, window);
    const requests = failures + this.#window.successes(now, window);
    return requests >= minRequests && failures > requests * failureRate;
  }

  #open(): Open {
    const { clock } = this.#deps;
    const { window, openFor: first, maxOpenFor } = this.#knobs;
    const openFor = Math.min(maxOpenFor, first * GROWTH ** this.#openings);
    const until = clock.now() + openFor;
    if (this.#phase.kind === 'half-open') return { kind: 'open', until, openFor, failureRate: 1, requests: 1 };
    const failures = this.#window.failures(clock.now(), window);
    const requests = failures + this.#window.successes(clock.now(), window);
    return { kind: 'open', until, openFor, failureRate: failures / requests, requests };
  }

  #halfOpen(): HalfOpen {
    let decide!: (failed: boolean) => void;
    const verdict = new Promise<boolean>((resolve) => (decide = resolve));
    // cockatiel calls the function at once, is half-open when `execute` returns, and stays so until the verdict.
    const decided = this.#machine().execute(() => verdict);
    const phase: HalfOpen = { kind: 'half-open', decide, decided, seat: undefined, leaseEnds: 0, succeeded: 0 };
    this.#enter(phase);
    return phase;
  }

  /** The one place where the phase changes. */
  #enter(phase: Phase): void {
    const { service, route, emit } = this.#deps;
    const enforced = this.#knobs.mode === 'enforce';
    this.#phase = phase;
    switch (phase.kind) {
      case 'closed':
        this.#openings = 0;
        this.#window.clear();
        emit('circuit.closed', { service, route, enforced });
        return;
      case 'open': {
        this.#openings += 1;
        const { failureRate, requests, openFor } = phase;
        emit('circuit.opened', { service, route, failureRate, requests, openFor, enforced });
        return;
      }
      case 'half-open':
        emit('circuit.half-opened', { service, route, enforced });
    }
  }

  #retryAt(): number {
    const { clock } = this.#deps;
    const phase = this.#phase;
    const at = phase.kind === 'open' ? phase.until : phase.kind === 'half-open' && phase.seat !== undefined ? phase.leaseEnds : clock.now();
    return clock.wall() + Math.max(0, at - clock.now());
  }

  /** Observed, it goes through, and nobody counts what comes of it: had the circuit acted, there would be nothing to count. */
  #refuse(next: Service<Attempt>, attempt: Attempt, knobs: CircuitKnobs): Promise<Reply> {
    if (knobs.mode === 'observe') return next(attempt);
    const { service, route, clock } = this.#deps;
    const retryAt = this.#retryAt();
    const wait = Math.ceil(retryAt - clock.wall());
    const message = `${service}: the circuit${route === undefined ? '' : ` of route ${route}`} is ${this.#phase.kind}, the next attempt may go in ${wait} ms`;
    return Promise.reject(new MeshError('CIRCUIT_OPEN', message, { service, attempts: attempt.call.attempts, retryAt }));
  }
}
