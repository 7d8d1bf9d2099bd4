/**
 * Throttle: a service that turns most calls down is sent fewer of them. It costs a full server nearly as much to refuse a call
 * as to answer it; here it costs nothing.
 *
 *     excess = requests − k · accepts                     over the last `window`
 *     P(a call is not sent) = excess / (requests + 1), at most maxRejection
 *
 * `requests` counts the calls that were not sent as well; so while the service refuses, P grows until about 1/k of what is
 * sent is accepted: with k = 2, one refusal for each call that is served. That much must go on, for it is how recovery is
 * noticed. (Site Reliability Engineering, ch. 21, "Client-Side Throttling", eq. 21-1.)
 *
 * The less critical are throttled first: their share of the excess is all of it, up to maxRejection of their calls, and only
 * what remains falls to the tier above. Where all calls are of one tier this is the formula above.
 *
 * Accepted is whatever the service did not explicitly refuse. Only an overload is a refusal: 429, or 503 with Retry-After. A
 * call that failed was accepted, as the book has it: failures are for the circuit, which is over in seconds, while what is
 * counted here throttles for minutes after. So one bad endpoint throttles nothing, nor does an outage; and since this stands
 * above retry, neither does a refusal that another endpoint makes good. What is local or cancelled says nothing of the service.
 *
 * Counted when they end, not when they begin: while the first calls are on their way, nobody has accepted anything.
 */
import type { Call, Layer, Reply, Service } from '../core/call.ts';
import type { Clock, Millis } from '../core/clock.ts';
import { criticalities, sheddability, type Criticality } from '../core/criticality.ts';
import { MeshError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { OutcomeWindow } from '../core/outcome-window.ts';
import { classifyError, classifyReply, type OutcomeKind } from '../core/outcome.ts';
import { defaultServicePolicy, type Switchable, type ThrottleKnobs } from '../core/policy.ts';
import type { Random } from '../core/random.ts';
import { watchResult, type ResultObserver } from '../core/result-watch.ts';

export interface ThrottleDeps {
  readonly service: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly knobs: () => Switchable<ThrottleKnobs>;
  readonly emit: Emit;
}

/** What the throttle knows, as plain data for `inspect()`. */
export interface ThrottleSnapshot {
  /** Calls counted in the window, those included that were not sent. */
  readonly requests: number;
  readonly accepts: number;
  /** Share of the calls of each tier that are not sent now. */
  readonly rejection: Readonly<Record<Criticality, number>>;
}

export class Throttle {
  readonly #deps: ThrottleDeps;
  readonly #tiers: readonly Tier[];
  /** From when on nothing in the window was refused, so that there is nothing to reckon. */
  #calmFrom: Millis = -Infinity;
  /** As they were when last asked for and not off: results come in after somebody has switched the throttle off, too. */
  #knobs: ThrottleKnobs = defaultServicePolicy.throttle;

  constructor(deps: ThrottleDeps) {
    this.#deps = deps;
    this.#tiers = criticalities.map(() => new Tier((tier, outcome) => this.#ended(tier, outcome)));
  }

  snapshot(): ThrottleSnapshot {
    const knobs = this.#deps.knobs();
    if (knobs !== 'off') this.#knobs = knobs;
    const { window } = this.#knobs;
    const now = this.#deps.clock.now();
    const accepts = this.#tiers.reduce((sum, tier) => sum + tier.window.successes(now, window), 0);
    const refusals = this.#tiers.reduce((sum, tier) => sum + tier.window.failures(now, window), 0);
    const rejection = Object.fromEntries(criticalities.map((criticality, tier) => [criticality, knobs === 'off' ? 0 : this.#rejection(tier, now)]));
    return { requests: accepts + refusals, accepts, rejection: rejection as Record<Criticality, number> };
  }

  readonly layer: Layer<Call> = (next) => {
    const throttle: Service<Call> = (call) => {
      const knobs = this.#deps.knobs();
      if (knobs === 'off') return next(call);
      this.#knobs = knobs;
      const tier = sheddability(call.criticality);
      if (call.startedAt < this.#calmFrom) {
        const rejection = this.#rejection(tier, call.startedAt);
        if (rejection > 0 && this.#deps.random.next() < rejection) {
          this.#deps.emit('call.shed', { service: this.#deps.service, by: 'throttle', criticality: call.criticality, enforced: knobs.mode === 'enforce' });
          if (knobs.mode === 'enforce') return this.#reject(call, tier, rejection);
        }
      }
      const result = next(call);
      watchResult(call, result, this.#tiers[tier]!);
      return result;
    };
    return throttle;
  };

  #reject(call: Call, tier: number, rejection: number): Promise<never> {
    const { service, clock } = this.#deps;
    const { requests, accepts } = this.snapshot();
    this.#count(this.#tiers[tier]!, true, clock.now());
    call.request.body?.release();
    const percent = Math.round(rejection * 1000) / 10;
    const message = `${service}: the service refuses calls (${accepts} of the last ${requests} were accepted), so ${percent}% of the ${call.criticality} ones are not sent`;
    return Promise.reject(new MeshError('THROTTLED', message, { service, shedBy: 'throttle' }));
  }

  #ended(tier: Tier, outcome: OutcomeKind): void {
    if (outcome === 'local' || outcome === 'cancelled') return;
    this.#count(tier, outcome === 'overload', this.#deps.clock.now());
  }

  #count(tier: Tier, refused: boolean, now: Millis): void {
    tier.window.record(refused, now, this.#knobs.window);
    if (refused) this.#calmFrom = now + this.#knobs.window;
  }

  /** Share of the calls of this tier that are not to be sent. */
  #rejection(tier: number, now: Millis): number {
    const { k, window, minRequests, maxRejection } = this.#knobs;
    let requests = 0;
    let accepts = 0;
    for (const each of this.#tiers) {
      requests += each.requests(now, window);
      accepts += each.window.successes(now, window);
    }
    if (requests < minRequests) return 0;
    let excess = requests - k * accepts;
    for (let each = this.#tiers.length - 1; excess > 0; each -= 1) {
      const ofTier = this.#tiers[each]!.requests(now, window);
      const rejection = Math.min(maxRejection, excess / (ofTier + 1));
      if (each === tier) return rejection;
      // It bears all of it.
      if (rejection < maxRejection) return 0;
      excess -= rejection * ofTier;
    }
    return 0;
  }
}

/** The calls of one criticality. It is the observer of all of them, so that a call costs no object here. */
class Tier implements ResultObserver {
  /** Success: accepted. Failure: refused, by the service or in its name here. */
  readonly window = new OutcomeWindow();
  readonly #ended: (tier: Tier, outcome: OutcomeKind) => void;

  constructor(ended: (tier: Tier, outcome: OutcomeKind) => void) {
    this.#ended = ended;
  }

  replied(reply: Reply): void {
    this.#ended(this, classifyReply(reply).kind);
  }

  failed(error: unknown): void {
    this.#ended(this, classifyError(error).kind);
  }

  requests(now: Millis, window: Millis): number {
    return this.window.successes(now, window) + this.window.failures(now, window);
  }
}
