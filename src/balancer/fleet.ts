/**
 * What is usual among the endpoints of a cluster: means over all of them, weighted by the traffic they get.
 *
 *     mean ← mean + (sample − mean) / min(n, 100)
 *
 * The plain mean of the first hundred successes, then one that forgets with a memory of about a hundred. It counts by
 * requests and not by time, so it says the same at one request a minute as at ten thousand a second, and one subtraction
 * and one division keep it.
 *
 * It is what nobody-knows-better means for one endpoint: a new one is presumed to be like the others, and what was once known
 * of an idle one drifts there. Only successes count: a refusal in 1 ms or a timeout after 10 s says nothing about work.
 *
 * Routes of one service may take very different times, and an endpoint that happened to get the slow ones is not slow. So what
 * is learnt of an endpoint is not a latency as it was, but as it would have been for an ordinary request:
 *
 *     sample = latency · (mean of all routes / mean of its own route)
 */
import type { Millis } from '../core/clock.ts';

const MEMORY = 100;
/** Routes that are told apart; further ones are one. The policy names them, so there are hardly ever as many. */
const MOST_ROUTES = 64;
/** Beyond, what one client sends says nothing about what the others do. */
const MOST_CLIENTS = 64;

export class FleetMean {
  #samples = 0;
  #mean: number = 0;

  /** Undefined while there was no sample. */
  get mean(): number | undefined {
    return this.#samples === 0 ? undefined : this.#mean;
  }

  get known(): boolean {
    return this.#samples > 0;
  }

  /** The mean, 0 while there is none: for those who ask often, and know how to do without an undefined. */
  get value(): number {
    return this.#mean;
  }

  observe(sample: number): number {
    if (this.#samples < MEMORY) this.#samples += 1;
    this.#mean += (sample - this.#mean) / this.#samples;
    return this.#mean;
  }
}

export class Fleet {
  /** Of answers, as they came. */
  readonly latency = new FleetMean();
  /** Attempts that were in flight to the same endpoint when one was sent there. */
  readonly queue = new FleetMean();
  /** Of what endpoints report to be in flight there, from everybody. */
  readonly reported = new FleetMean();
  /** Of it, what was of this process. */
  readonly #own = new FleetMean();
  /** How many times as much as from this process alone is in flight to an endpoint. */
  share = 1;
  readonly #routes = new Map<string, FleetMean>();

  /** An answer took this long. Returns what it says about the endpoint: how long an ordinary request would have taken. */
  answered(latency: Millis, queue: number, route: string | undefined): Millis {
    this.latency.observe(latency);
    this.queue.observe(queue);
    this.#route(route ?? '').observe(latency);
    return this.ordinary(latency, route);
  }

  /** What this latency says about an endpoint: how long an ordinary request would have taken. Learns nothing. */
  ordinary(latency: Millis, route: string | undefined): Millis {
    // With one route the two means are one, but for what adding in a different order makes of them.
    if (this.#routes.size < 2) return latency;
    const usual = this.latency.mean;
    const usualHere = this.#known(route ?? '')?.mean;
    return usual === undefined || usualHere === undefined || usualHere <= 0 ? latency : (latency * usual) / usualHere;
  }

  /** An endpoint says how many are in flight there; so many of them are of this process. */
  reports(inFlight: number, own: number): void {
    this.share = Math.min(Math.max(this.reported.observe(inFlight) / Math.max(this.#own.observe(own), Number.MIN_VALUE), 1), MOST_CLIENTS);
  }

  #known(route: string): FleetMean | undefined {
    return this.#routes.get(route) ?? (this.#routes.size < MOST_ROUTES ? undefined : this.#routes.values().next().value);
  }

  #route(name: string): FleetMean {
    const known = this.#known(name);
    if (known !== undefined) return known;
    const mean = new FleetMean();
    this.#routes.set(name, mean);
    return mean;
  }
}
