/**
 * Rate limit: so many calls per second, and a burst now and then (a token bucket).
 *
 *     level ← min(burst, level + elapsed · rate)          a call takes 1, if level ≥ 1 + what is kept for higher tiers
 *
 * So in any while t at most rate · t + burst calls begin. What is kept is floor((1 − share) · (burst − 1)) tokens, with the
 * shares of tier-shares.ts: in a bucket that is nearly empty, what drips in is for the more critical. A burst of one keeps
 * nothing for anybody.
 *
 * A call that finds no token fails at once and is told when there will be one; it does not wait. Whoever has a quota to keep
 * has more calls than fit into it, so that a queue would be full and every call in it late; and bursts are what `burst` is for.
 *
 * Calls are counted, not attempts: what retries add is bounded by their own budget. There is no timer: the level is
 * reckoned from the clock when somebody asks.
 */
import type { Call, Layer, Service } from '../core/call.ts';
import type { Clock, Millis } from '../core/clock.ts';
import type { Criticality } from '../core/criticality.ts';
import { MeshError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { RateLimitKnobs, Switchable } from '../core/policy.ts';
import { TierShares } from './tier-shares.ts';

export interface RateLimitDeps {
  readonly service: string;
  readonly clock: Clock;
  readonly knobs: () => Switchable<RateLimitKnobs>;
  readonly emit: Emit;
}

/** What the bucket holds, as plain data for `inspect()`. */
export interface RateLimitSnapshot {
  /** Calls that could begin now. */
  readonly level: number;
}

/** Ten times 0.1 tokens are 0.9999999999999999 in binary, and must be one. */
const ROUNDING = 1e-9;

export class RateLimit {
  readonly #deps: RateLimitDeps;
  readonly #shares = new TierShares();
  /** As of `#at`; a new bucket is full. */
  #level = Infinity;
  #at: Millis;

  constructor(deps: RateLimitDeps) {
    this.#deps = deps;
    this.#at = deps.clock.now();
  }

  /** Undefined while it is off. */
  snapshot(): RateLimitSnapshot | undefined {
    const knobs = this.#deps.knobs();
    return knobs === 'off' ? undefined : { level: this.#levelAt(this.#deps.clock.now(), knobs) };
  }

  readonly layer: Layer<Call> = (next) => {
    const rateLimit: Service<Call> = (call) => {
      const knobs = this.#deps.knobs();
      if (knobs === 'off') return next(call);
      const { criticality, startedAt: now } = call;
      this.#shares.came(criticality, now);
      this.#level = this.#levelAt(now, knobs);
      this.#at = Math.max(this.#at, now);
      const needed = 1 + this.#kept(criticality, now, knobs);
      if (this.#level >= needed - ROUNDING) {
        this.#level = Math.max(0, this.#level - 1);
        return next(call);
      }
      this.#deps.emit('call.shed', { service: this.#deps.service, by: 'rateLimit', criticality, enforced: knobs.mode === 'enforce' });
      return knobs.mode === 'enforce' ? this.#refuse(call, needed, knobs) : next(call);
    };
    return rateLimit;
  };

  #levelAt(now: Millis, { rate, burst }: RateLimitKnobs): number {
    return Math.min(burst, this.#level + (Math.max(0, now - this.#at) * rate) / 1000);
  }

  /** For the tiers above this one. */
  #kept(criticality: Criticality, now: Millis, { burst }: RateLimitKnobs): number {
    return Math.floor((1 - this.#shares.of(criticality, now)) * (burst - 1) + ROUNDING);
  }

  #refuse(call: Call, needed: number, { rate, burst }: RateLimitKnobs): Promise<never> {
    const { service, clock } = this.#deps;
    call.request.body?.release();
    const wait = ((needed - this.#level) * 1000) / rate;
    const message = `${service}: no token for a ${call.criticality} call at ${rate} per second and bursts of ${burst}; there is one in ${Math.ceil(wait)} ms`;
    return Promise.reject(new MeshError('RATE_LIMITED', message, { service, retryAt: clock.wall() + wait, shedBy: 'rateLimit' }));
  }
}
