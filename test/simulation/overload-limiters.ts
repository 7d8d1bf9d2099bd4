/**
 * Limiters: the library's own, and others' to compare with. Those are re-implementations from the sources named; the layer that
 * acts on the number they give is the library's for all of them, with its tier shares and, but for `ours`, without a queue.
 */
import type { Millis } from '../../src/core/clock.ts';
import { defaultServicePolicy, onceSwitchedOn, type AdaptiveKnobs, type ConcurrencyKnobs, type Switchable } from '../../src/core/policy.ts';
import { seededRandom, type Random } from '../../src/core/random.ts';
import type { Limiter, NamedLimiter } from './overload-world.ts';

const knobs = (max: number, queue: number, adaptive: Switchable<AdaptiveKnobs> = 'off'): ConcurrencyKnobs => ({ max, queue, adaptive, mode: 'enforce' });

/** As the policy file has it: `concurrency: { adaptive: gradient }`. */
export const gradient: NamedLimiter = ours('gradient + dips', { type: 'gradient' });
export const aimd: NamedLimiter = ours('AIMD', { type: 'aimd' });
/** As all the others here: whoever finds no place fails at once. */
export const gradientWithoutQueue: NamedLimiter = ours('gradient + dips, no queue', { type: 'gradient' }, 0);

function ours(name: string, own: Partial<AdaptiveKnobs>, queue: number = defaultServicePolicy.concurrency.queue): NamedLimiter {
  const all = knobs(defaultServicePolicy.concurrency.max, queue, { ...onceSwitchedOn.concurrency.adaptive, ...own });
  return { name, make: () => ({ knobs: () => all }) };
}

export const none: NamedLimiter = { name: 'none', make: () => ({ knobs: () => 'off' }) };

/** Of somebody who knows the server and has it to himself. */
export const fixed = (max: number): NamedLimiter => ({ name: `fixed ${max}`, make: () => ({ knobs: () => knobs(max, 0) }) });

abstract class Alternative implements Limiter {
  protected limit = 20;

  knobs(): ConcurrencyKnobs {
    return knobs(Math.max(1, Math.floor(this.limit)), 0);
  }

  abstract ended(latency: Millis, inFlight: number, now: Millis): void;
}

/** Netflix/concurrency-limits, WindowedLimit with its defaults: averages over a second. */
abstract class Windowed extends Alternative {
  #endsAt = 1_000;
  #sum = 0;
  #count = 0;
  #used = 0;
  #dropped = false;

  ended(latency: Millis, inFlight: number, now: Millis): void {
    this.#used = Math.max(this.#used, inFlight);
    if (latency === Infinity) this.#dropped = true;
    else {
      this.#sum += latency;
      this.#count += 1;
    }
    if (now < this.#endsAt || this.#count < 10) return;
    this.update(this.#sum / this.#count, this.#used, this.#dropped);
    this.#endsAt = now + 1_000;
    this.#sum = this.#count = this.#used = 0;
    this.#dropped = false;
  }

  protected abstract update(latency: Millis, used: number, dropped: boolean): void;
}

/** Gradient2Limit.java: tolerance 1.5, smoothing 0.2, queue 4, long window 600, 20 to 200. */
class Gradient2 extends Windowed {
  #long = 0;
  #seen = 0;

  protected update(latency: Millis, used: number): void {
    this.#seen += 1;
    this.#long = this.#seen <= 10 ? this.#long + (latency - this.#long) / this.#seen : this.#long + (2 / 601) * (latency - this.#long);
    if (this.#long / latency > 2) this.#long *= 0.95;
    if (used < this.limit / 2) return;
    const g = Math.max(0.5, Math.min(1, (1.5 * this.#long) / latency));
    this.limit = Math.max(20, Math.min(200, 0.8 * this.limit + 0.2 * (this.limit * g + 4)));
  }
}

/** VegasLimit.java: alpha 3 log, beta 6 log, threshold log, a probe about every 30 limits. */
class Vegas extends Windowed {
  #least = 0;
  #samples = 0;
  #jitter: number;
  readonly #random: Random;

  constructor(random: Random) {
    super();
    this.#random = random;
    this.#jitter = 0.5 + random.next() / 2;
  }

  protected update(latency: Millis, used: number, dropped: boolean): void {
    this.#samples += 1;
    if (this.#jitter * 30 * this.limit <= this.#samples) {
      this.#samples = 0;
      this.#jitter = 0.5 + this.#random.next() / 2;
      this.#least = latency;
      return;
    }
    if (this.#least === 0 || latency < this.#least) {
      this.#least = latency;
      return;
    }
    const log = Math.max(1, Math.floor(Math.log10(this.limit)));
    const queue = Math.ceil(this.limit * (1 - this.#least / latency));
    if (dropped) this.limit -= log;
    else if (used * 2 < this.limit) return;
    else if (queue <= log) this.limit += 6 * log;
    else if (queue < 3 * log) this.limit += log;
    else if (queue > 6 * log) this.limit -= log;
    this.limit = Math.max(1, Math.min(1_000, this.limit));
  }
}

export const gradient2: NamedLimiter = { name: 'Gradient2', make: () => new Gradient2() };
export const vegas: NamedLimiter = { name: 'Vegas', make: (client) => new Vegas(seededRandom(client + 1)) };

/** The gradient with other ideas of a base: what base-latency.ts argues against. */
class OtherBase extends Alternative {
  readonly #kind: 'drift' | 'plain dips';
  #dips: Millis[] = [];
  #drifting = Infinity;
  #window: Millis[] = [];
  #used = 0;
  #startedAt = 0;
  #dipsLeft = 2;
  #nextDipAt = 10_000;

  constructor(kind: 'drift' | 'plain dips') {
    super();
    this.#kind = kind;
  }

  override knobs(): ConcurrencyKnobs {
    const dips = this.#kind === 'plain dips' && this.#dipsLeft > 0;
    return knobs(Math.max(1, Math.floor(dips ? 0.6 * this.limit : this.limit)), 0);
  }

  ended(latency: Millis, inFlight: number, now: Millis): void {
    this.#used = Math.max(this.#used, inFlight);
    this.#window.push(latency);
    if (this.#window.length < 20 || now - this.#startedAt < 100) return;
    const median = this.#window.sort((one, other) => one - other)[this.#window.length >> 1]!;
    this.#drifting = Math.min(median, this.#drifting * 1.002);
    if (this.#kind === 'plain dips' && this.#dipsLeft > 0) this.#dip(median, now);
    else this.#update(median);
    if (now >= this.#nextDipAt && this.#dipsLeft === 0) this.#dipsLeft = 2;
    this.#window = [];
    this.#used = 0;
    this.#startedAt = now;
  }

  #dip(median: Millis, now: Millis): void {
    this.#dipsLeft -= 1;
    this.#dips.push(median);
    if (this.#dips.length > 10) this.#dips.shift();
    if (this.#dipsLeft === 0) this.#nextDipAt = now + 10_000;
  }

  #update(median: Millis): void {
    const base = this.#kind === 'drift' ? this.#drifting : Math.min(...this.#dips);
    const g = median === Infinity ? 0.5 : Math.max(0.5, Math.min(1, (1.5 * base) / median));
    const next = 0.8 * this.limit + 0.2 * (this.limit * g + Math.sqrt(this.limit));
    if (next < this.limit || this.#used >= this.limit / 2) this.limit = Math.max(2, Math.min(1_024, next));
  }
}

export const driftingBase: NamedLimiter = { name: 'gradient, base may drift up 0.2 % a window', make: () => new OtherBase('drift') };
export const plainDips: NamedLimiter = { name: 'gradient, dips to 60 % of the limit', make: () => new OtherBase('plain dips') };
