/**
 * The wait for the first answer of discovery. Calls that come before it wait instead of failing: a client made a moment ago
 * has no endpoints, and that is nobody's fault.
 *
 * A failed look-up does not end the wait. A DNS server that restarts is back within seconds, and an error after 50 ms helps
 * nobody who could have had an answer after two seconds. Once there was an answer, nothing waits any more, ever.
 *
 * All who wait are equally patient, so who came first gives up first: one timer serves them all. It keeps the process alive, as
 * somebody waits for it; with nobody waiting there is none.
 */
import type { Cancellable, Cancellation } from '../core/cancellation.ts';
import type { Clock, Millis, Timer } from '../core/clock.ts';
import { MeshError } from '../core/errors.ts';

/**
 * How long a call waits. A stub resolver gives one unresponsive nameserver 5 s before it tries the next (resolv.conf, `timeout`);
 * a name that was not found by then will not be soon. A sixth of the default deadline of a call.
 */
export const PATIENCE: Millis = 5_000;

export class FirstAnswer {
  readonly #service: string;
  readonly #clock: Clock;
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiter>();
  #timer: Timer | undefined;
  #lastError: Error | undefined;
  #given = false;

  constructor(service: string, clock: Clock) {
    this.#service = service;
    this.#clock = clock;
  }

  get given(): boolean {
    return this.#given;
  }

  /** Rejects with the cancellation's reason, or with DISCOVERY_FAILED. */
  wait(cancellation: Cancellation): Promise<void> {
    if (this.#given) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiter = new Waiter(this, cancellation, this.#clock.now() + PATIENCE, resolve, reject);
      this.#waiting.add(waiter);
      this.#timer ??= this.#clock.after(PATIENCE, this.#expire);
      cancellation.subscribe(waiter);
    });
  }

  /** Here it is. */
  give(): void {
    if (this.#given) return;
    this.#given = true;
    this.#lastError = undefined;
    for (const waiter of this.#waiting) waiter.resolve();
  }

  failed(error: Error): void {
    if (!this.#given) this.#lastError = error;
  }

  /** For the waiter alone. */
  leave(waiter: Waiter): void {
    this.#waiting.delete(waiter);
    if (this.#waiting.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  readonly #expire = (): void => {
    const now = this.#clock.now();
    this.#timer = undefined;
    for (const waiter of this.#waiting) {
      if (waiter.until > now) {
        this.#timer = this.#clock.after(waiter.until - now, this.#expire);
        return;
      }
      waiter.reject(this.#notFound());
    }
  };

  #notFound(): MeshError {
    const why = this.#lastError === undefined ? 'discovery has not answered' : this.#lastError.message;
    const details = { service: this.#service, cause: this.#lastError };
    return new MeshError('DISCOVERY_FAILED', `${this.#service}: no endpoints found within ${PATIENCE / 1000} s: ${why}`, details);
  }
}

class Waiter implements Cancellable {
  readonly until: Millis;
  readonly #answer: FirstAnswer;
  readonly #cancellation: Cancellation;
  readonly #resolve: () => void;
  readonly #reject: (reason: MeshError) => void;

  constructor(answer: FirstAnswer, cancellation: Cancellation, until: Millis, resolve: () => void, reject: (reason: MeshError) => void) {
    this.#answer = answer;
    this.#cancellation = cancellation;
    this.until = until;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  resolve(): void {
    this.#end();
    this.#resolve();
  }

  reject(reason: MeshError): void {
    this.#end();
    this.#reject(reason);
  }

  cancelled(reason: MeshError): void {
    this.reject(reason);
  }

  #end(): void {
    this.#answer.leave(this);
    this.#cancellation.unsubscribe(this);
  }
}
