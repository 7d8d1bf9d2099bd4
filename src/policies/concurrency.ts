/**
 * Concurrency limit: so many calls of one service in flight, so many waiting for their turn, and not one more.
 *
 *     limit = min(knobs.max, capacity())
 *
 * The first bounds what a slow service can hold of this process; the second is what its connections can carry, so that no
 * queue forms further down, where it could be neither seen nor left. The queue is first come, first served and bounded,
 * for a wait that ends after the deadline helps nobody. Calls that find no place fail at once (a bulkhead; Envoy's
 * max_requests and max_pending_requests).
 *
 * A call in flight is one whose body has not ended. A waiting one goes on through its own promise, not from within the call
 * that made room for it, and so keeps its caller's AsyncLocalStorage context.
 */
import type { Call, Layer, Reply, ReplyObserver, Service } from '../core/call.ts';
import type { Cancellable } from '../core/cancellation.ts';
import { MeshError } from '../core/errors.ts';
import type { ConcurrencyKnobs, Switchable } from '../core/policy.ts';

export interface ConcurrencyDeps {
  readonly service: string;
  /** Attempts that the connections to all endpoints can carry; 0 while no endpoint is known yet, and then it limits nothing. */
  readonly capacity: () => number;
  readonly knobs: () => Switchable<ConcurrencyKnobs>;
}

export class ConcurrencyLimit {
  readonly #deps: ConcurrencyDeps;
  /** In order of arrival; a set, because whoever is cancelled leaves from the middle. */
  readonly #waiting = new Set<Turn>();
  #inFlight = 0;

  readonly #body: ReplyObserver = { end: () => this.#over() };
  readonly #replied = (reply: Reply): void => reply.watch(this.#body);
  readonly #rejected = (): void => this.#over();

  constructor(deps: ConcurrencyDeps) {
    this.#deps = deps;
  }

  /** Calls that have begun and whose bodies have not ended. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Calls that wait for their turn. */
  get queued(): number {
    return this.#waiting.size;
  }

  readonly layer: Layer<Call> = (next) => {
    const concurrency: Service<Call> = (call) => {
      // Room may have come about without anybody saying so; it is for those who wait. What is left is for who comes now.
      this.poke();
      if (this.#inFlight < this.#limit()) {
        this.#inFlight += 1;
        return this.#run(next, call);
      }
      return this.#wait(call).then(() => this.#run(next, call));
    };
    return concurrency;
  };

  /** Lets in whom there is room for. To be called by whoever makes room other than by ending a call: endpoints came, the policy changed. */
  poke(): void {
    if (this.#waiting.size === 0) return;
    const limit = this.#limit();
    for (const turn of this.#waiting) {
      if (this.#inFlight >= limit) return;
      this.#waiting.delete(turn);
      // Taken here and not when the call goes on, or a newcomer could slip in between.
      this.#inFlight += 1;
      turn.comes();
    }
  }

  /** The caller has counted it in. */
  #run(next: Service<Call>, call: Call): Promise<Reply> {
    const result = next(call);
    // Beside the result, not in its way: whoever awaits it is not made to wait for this.
    result.then(this.#replied, this.#rejected);
    return result;
  }

  #over(): void {
    this.#inFlight -= 1;
    this.poke();
  }

  #wait(call: Call): Promise<void> {
    const knobs = this.#deps.knobs();
    if (knobs !== 'off' && this.#waiting.size >= knobs.queue) {
      call.request.body?.release();
      return Promise.reject(this.#overloaded(this.#waiting.size));
    }
    return new Promise((resolve, reject) => new Turn(call, this.#waiting, resolve, reject));
  }

  #limit(): number {
    const knobs = this.#deps.knobs();
    return Math.min(knobs === 'off' ? Infinity : knobs.max, this.#deps.capacity() || Infinity);
  }

  #overloaded(queued: number): MeshError {
    const { service } = this.#deps;
    return new MeshError('OVERLOADED', `${service}: ${this.#inFlight} calls in flight (limit ${this.#limit()}) and ${queued} waiting`, { service });
  }
}

/** A call's place in the queue, from its making until its turn comes or the call is cancelled. */
class Turn implements Cancellable {
  readonly #call: Call;
  readonly #waiting: Set<Turn>;
  readonly #resolve: () => void;
  readonly #reject: (reason: MeshError) => void;

  constructor(call: Call, waiting: Set<Turn>, resolve: () => void, reject: (reason: MeshError) => void) {
    this.#call = call;
    this.#waiting = waiting;
    this.#resolve = resolve;
    this.#reject = reject;
    waiting.add(this);
    call.cancellation.subscribe(this);
  }

  comes(): void {
    this.#call.cancellation.unsubscribe(this);
    this.#resolve();
  }

  cancelled(reason: MeshError): void {
    this.#waiting.delete(this);
    this.#call.request.body?.release();
    this.#reject(reason);
  }
}
