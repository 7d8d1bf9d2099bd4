/**
 * Concurrency limit: so many calls of one service in flight, so many waiting for their turn, and not one more.
 *
 *     limit = min(knobs.max, adaptive, capacity())          a call of one tier is let in while inFlight < ⌈limit · share of the tier⌉
 *
 * The first bounds what a slow service can hold of this process; the second, where it is on, is what the service can do
 * (adaptive-limit.ts); the third is what its connections can carry, so that no queue forms further down, where it could be
 * neither seen nor left. The queue is bounded, for a wait that ends after the deadline helps nobody: a call that finds no place
 * fails at once (a bulkhead; Envoy's max_requests and max_pending_requests).
 *
 * With an adaptive limit, a queue that has not been empty for a second holds no more calls than the limit: by Little's law that
 * is one round trip of waiting. A burst may wait its time; an overload that lasts would otherwise fill the queue once and
 * from then on have everybody wait in it for nothing.
 *
 * Who goes first is decided by criticality, and among equals by who came first. It counts three times: the last places of the
 * limit are for the higher tiers (tier-shares.ts), the higher wait in front of the lower, and for a call that comes when the
 * queue is full, the newest of the lowest tier leaves it.
 *
 * A call in flight is one whose body has not ended. A waiting one goes on through its own promise, not from within the call
 * that made room for it, and so keeps its caller's AsyncLocalStorage context.
 *
 * `mode: observe` lets everybody in whom the connections can carry, and reports the calls for which there would have been
 * neither a place nor room to wait.
 */
import type { Call, Layer, Reply, ReplyObserver, Service } from '../core/call.ts';
import type { Clock, Millis } from '../core/clock.ts';
import { sheddability, type Criticality } from '../core/criticality.ts';
import { MeshError, type ShedBy } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { ConcurrencyKnobs, Switchable } from '../core/policy.ts';
import { watchResult, type ResultObserver } from '../core/result-watch.ts';
import { AdaptiveLimit, type AdaptiveSnapshot } from './adaptive-limit.ts';
import { MeasuredCall, type Measure } from './measured-call.ts';
import { TierShares } from './tier-shares.ts';
import { WaitingLine, type Turn } from './waiting-line.ts';

/** What the limit knows, as plain data for `inspect()`. */
export interface ConcurrencySnapshot {
  /** Calls that have begun and whose bodies have not ended. */
  readonly inFlight: number;
  /** Calls that wait for their turn. */
  readonly queued: number;
  /** Calls that may be in flight now; Infinity where nothing limits them. */
  readonly limit: number;
  readonly adaptive: AdaptiveSnapshot | undefined;
}

export interface ConcurrencyDeps {
  readonly service: string;
  readonly clock: Clock;
  /** Attempts that the connections to all endpoints can carry; 0 while no endpoint is known yet, and then it limits nothing. */
  readonly capacity: () => number;
  readonly knobs: () => Switchable<ConcurrencyKnobs>;
  readonly emit: Emit;
}

/** 10 · (0.7 / 0.7 …) may be 7.000000000000001 in binary, and is seven places. */
const ROUNDING = 1e-9;

/** A queue that was never empty for this long is no burst; an adaptive limit had ten occasions to grow. */
const STANDING: Millis = 1_000;

export class ConcurrencyLimit {
  readonly #deps: ConcurrencyDeps;
  readonly #line = new WaitingLine();
  readonly #shares = new TierShares();
  /** Made when it is switched on. */
  #made: AdaptiveLimit | undefined;
  #inFlight = 0;
  /** When the first came of those that wait. */
  #queuedSince: Millis = 0;

  /** Of all calls, so that one costs no object here. */
  readonly #body: ResultObserver & ReplyObserver = { replied: (reply) => reply.watch(this.#body), failed: () => this.#over(), end: () => this.#over() };
  readonly #measure: Measure;

  constructor(deps: ConcurrencyDeps) {
    this.#deps = deps;
    this.#measure = { clock: deps.clock, sampled: (latency) => this.#sampled(latency), over: () => this.#over() };
  }

  snapshot(): ConcurrencySnapshot {
    const knobs = this.#deps.knobs();
    const adaptive = knobs === 'off' || knobs.adaptive === 'off' ? undefined : this.#adaptive.snapshot(knobs.adaptive, knobs.max);
    return { inFlight: this.#inFlight, queued: this.#line.size, limit: this.#limit(knobs), adaptive };
  }

  /** Calls that have begun and whose bodies have not ended. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Calls that wait for their turn. */
  get queued(): number {
    return this.#line.size;
  }

  get #adaptive(): AdaptiveLimit {
    return (this.#made ??= new AdaptiveLimit(this.#deps.clock));
  }

  readonly layer: Layer<Call> = (next) => {
    const concurrency: Service<Call> = (call) => {
      const { criticality, startedAt } = call;
      this.#shares.came(criticality, startedAt);
      // Room may have come about without anybody saying so; it is for those who wait. What is left is for who comes now.
      this.poke();
      const knobs = this.#deps.knobs();
      if (this.#inFlight < this.#places(criticality, this.#limit(knobs), startedAt)) {
        this.#inFlight += 1;
        if (knobs !== 'off' && knobs.mode === 'observe') this.#observe(call, knobs);
        return this.#run(next, call);
      }
      return this.#wait(call, knobs).then(() => this.#run(next, call));
    };
    return concurrency;
  };

  /** Lets in whom there is room for. To be called by whoever makes room other than by ending a call: endpoints came, the policy changed. */
  poke(): void {
    if (this.#line.size === 0) return;
    const now = this.#deps.clock.now();
    const limit = this.#limit(this.#deps.knobs());
    // Where there is no place for the first, there is none for those behind: they are less critical, or as critical.
    for (let turn = this.#line.first; turn !== undefined && this.#inFlight < this.#places(turn.call.criticality, limit, now); turn = this.#line.first) {
      // Taken here and not when the call goes on, or a newcomer could slip in between.
      this.#inFlight += 1;
      turn.comes();
    }
  }

  /** The caller has counted it in. */
  #run(next: Service<Call>, call: Call): Promise<Reply> {
    const knobs = this.#deps.knobs();
    const result = next(call);
    watchResult(call, result, knobs === 'off' || knobs.adaptive === 'off' ? this.#body : new MeasuredCall(call, this.#measure));
    return result;
  }

  #over(): void {
    this.#inFlight -= 1;
    this.poke();
  }

  /** Results come in after somebody has switched it off, too. */
  #sampled(latency: Millis): void {
    const { clock } = this.#deps;
    const knobs = this.#deps.knobs();
    if (knobs !== 'off' && knobs.adaptive !== 'off') this.#adaptive.sampled(latency, this.#inFlight, clock.now(), knobs.adaptive, knobs.max);
  }

  #wait(call: Call, knobs: Switchable<ConcurrencyKnobs>): Promise<void> {
    if (this.#line.size === 0) this.#queuedSince = call.startedAt;
    if (knobs === 'off' || knobs.mode === 'observe') return this.#line.wait(call);
    const room = this.#room(knobs, call.startedAt);
    while (this.#line.size > room) this.#giveUp(this.#line.last!, knobs);
    if (this.#line.size < room) return this.#line.wait(call);
    const { last } = this.#line;
    if (last === undefined || last.tier <= sheddability(call.criticality)) {
      call.request.body?.release();
      return Promise.reject(this.#shed(call, knobs));
    }
    const turn = this.#line.wait(call);
    this.#giveUp(last, knobs);
    return turn;
  }

  /** Out of the line first: who hears of the event may call again. */
  #giveUp(turn: Turn, knobs: ConcurrencyKnobs): void {
    turn.leave();
    turn.shed(this.#shed(turn.call, knobs));
  }

  /** How many may wait. */
  #room(knobs: ConcurrencyKnobs, now: Millis): number {
    return knobs.adaptive === 'off' || now - this.#queuedSince < STANDING ? knobs.queue : Math.min(knobs.queue, this.#limit(knobs));
  }

  #limit(knobs: Switchable<ConcurrencyKnobs>): number {
    const capacity = this.#deps.capacity() || Infinity;
    return knobs === 'off' || knobs.mode === 'observe' ? capacity : Math.min(this.#wanted(knobs), capacity);
  }

  /** The limit by the policy alone. */
  #wanted({ max, adaptive }: ConcurrencyKnobs): number {
    return adaptive === 'off' ? max : this.#adaptive.places(adaptive, max);
  }

  /** How many calls may be in flight, the next included, where it is of this criticality. At least one, or small limits would be none. */
  #places(criticality: Criticality, limit: number, now: Millis): number {
    return Math.ceil(limit * this.#shares.of(criticality, now) - ROUNDING);
  }

  /** There is neither a place nor room to wait. */
  #shed({ criticality, startedAt }: Call, knobs: ConcurrencyKnobs): MeshError {
    const { service, emit } = this.#deps;
    const limit = this.#limit(knobs);
    const by = limit < this.#wanted(knobs) ? 'connection.maxPerEndpoint' : limitedBy(limit, knobs);
    const places = this.#places(criticality, limit, startedAt);
    const message = `${service}: no place for a ${criticality} call: ${this.#inFlight} in flight of ${places} (${by}), and ${this.#line.size} waiting`;
    const error = new MeshError('OVERLOADED', message, { service, shedBy: by });
    emit('call.shed', { service, by, criticality, enforced: true });
    return error;
  }

  /** Of those in flight, the ones beyond the limit would be waiting, if there were room for as many. */
  #observe({ criticality, startedAt }: Call, knobs: ConcurrencyKnobs): void {
    const limit = this.#wanted(knobs);
    if (this.#inFlight <= this.#places(criticality, limit, startedAt) + knobs.queue) return;
    this.#deps.emit('call.shed', { service: this.#deps.service, by: limitedBy(limit, knobs), criticality, enforced: false });
  }
}

function limitedBy(limit: number, { max }: ConcurrencyKnobs): ShedBy {
  return limit < max ? 'concurrency.adaptive' : 'concurrency.max';
}
