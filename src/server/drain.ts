/**
 * Drain: how a server goes without anybody noticing.
 *
 *     serving ── drain ──▶ leaving ── delay ──▶ closing ── nothing in flight, or timeout ──▶ closed
 *
 *     leaving   It is not ready any more, and serves as ever, for clients come until they have heard of it. More and more of its answers close
 *               their connections, as the delay goes by, so that clients move over little by little, and hardly one is open at the end of it.
 *     closing   It does not listen any more. Idle connections are closed, the others with their next answer; those of HTTP/2 get GOAWAY.
 *     closed    What is still in flight is broken off.
 *
 * To close idle connections at once, as `server.close()` alone does, is to close some of them while a request is on its way, which then
 * looks to its client like one that may have been begun; an order is lost by that. (The growing share of closed connections is Envoy's gradual
 * drain; readiness first, then a pause, is what Kubernetes needs that takes a pod out of its endpoints while it tells it to go.)
 */
import type { Clock, Millis } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { Connections } from './connections.ts';
import type { DrainPhase, ServerEvents } from './events.ts';

export interface DrainOptions {
  /** For clients to hear of it. Default: 7 s. */
  readonly delay?: Millis;
  /** For all of it, the delay included. Default: 25 s, which leaves something of the 30 s that Kubernetes gives. */
  readonly timeout?: Millis;
}

export interface DrainResult {
  /** Requests that were still served at the end, and were broken off. */
  readonly brokenOff: number;
}

type State =
  | { readonly kind: 'serving' | 'closing' | 'closed' }
  | { readonly kind: 'leaving'; readonly since: Millis; readonly delay: Millis };

/** What our clients need to hear of it, their default refresh and a second (core/policy.ts), and a second for Kubernetes to take it out of its lists. */
const DELAY: Millis = 7_000;
const TIMEOUT: Millis = 25_000;
/** With nothing in flight, a request may still be on its way over a connection that is open. */
const QUIET: Millis = 100;

export interface DrainDeps {
  readonly service: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly connections: Connections;
  readonly events: ServerEvents;
  /** Requests that are being served. */
  readonly inFlight: () => number;
}

export class Drain {
  readonly #deps: DrainDeps;
  #state: State = { kind: 'serving' };
  #drained: Promise<DrainResult> | undefined;
  /** Called when a request is over. */
  #lookAgain: (() => void) | undefined;

  constructor(deps: DrainDeps) {
    this.#deps = deps;
  }

  get phase(): DrainPhase {
    return this.#state.kind;
  }

  /** Whether the connection of an answer that goes out now is to be closed. */
  get closesConnection(): boolean {
    const state = this.#state;
    if (state.kind !== 'leaving') return state.kind !== 'serving';
    const { clock, random } = this.#deps;
    return random.next() * state.delay < clock.now() - state.since;
  }

  /** A request is over. */
  ended(): void {
    this.#lookAgain?.();
  }

  /** Once; who asks again gets the same. */
  begin({ delay = DELAY, timeout = TIMEOUT }: DrainOptions = {}): Promise<DrainResult> {
    return (this.#drained ??= this.#run(Math.min(delay, timeout), timeout));
  }

  async #run(delay: Millis, timeout: Millis): Promise<DrainResult> {
    const { clock, connections, inFlight } = this.#deps;
    const end = clock.now() + timeout;
    this.#enter({ kind: 'leaving', since: clock.now(), delay });
    await new Promise<void>((resolve) => clock.after(delay, resolve));
    this.#enter({ kind: 'closing' });
    connections.stopListening();
    while (!(await this.#quiet(end))) if (clock.now() >= end) break;
    const brokenOff = inFlight();
    connections.destroy();
    this.#enter({ kind: 'closed' }, brokenOff);
    return { brokenOff };
  }

  /** Waits until nothing is in flight, and for a moment longer; true where it has stayed so. */
  async #quiet(end: Millis): Promise<boolean> {
    const { clock, inFlight } = this.#deps;
    if (inFlight() > 0) {
      await new Promise<void>((resolve) => {
        const timer = clock.after(Math.max(0, end - clock.now()), resolve);
        this.#lookAgain = () => {
          if (inFlight() > 0) return;
          timer.cancel();
          resolve();
        };
      });
      this.#lookAgain = undefined;
    }
    await new Promise<void>((resolve) => clock.after(Math.max(0, Math.min(QUIET, end - clock.now())), resolve));
    return inFlight() === 0;
  }

  /** The one place where the state changes. */
  #enter(state: State, brokenOff = 0): void {
    const { events, service, inFlight } = this.#deps;
    this.#state = state;
    if (state.kind !== 'serving') events.emit('drain.phase', { service, phase: state.kind, inFlight: inFlight(), brokenOff });
  }
}
