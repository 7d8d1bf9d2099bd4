/**
 * What an answer of this service usually takes: a mean over all its endpoints, weighted by the traffic they get.
 *
 *     mean ← mean + (sample − mean) / min(n, 100)
 *
 * The plain mean of the first hundred successes, then one that forgets with a memory of about a hundred. It counts by
 * requests and not by time, so it says the same at one request a minute as at ten thousand a second, and one subtraction
 * and one division keep it.
 *
 * It is what nobody-knows-better means for one endpoint: a new one is presumed to be like the others, and what was once known
 * of an idle one drifts there. Only successes count: a refusal in 1 ms or a timeout after 10 s says nothing about work.
 */
import type { Millis } from '../core/clock.ts';

const MEMORY = 100;

export class FleetLatency {
  #samples = 0;
  #mean: Millis = 0;

  /** Undefined while none of the service's endpoints ever answered. */
  get mean(): Millis | undefined {
    return this.#samples === 0 ? undefined : this.#mean;
  }

  observe(latency: Millis): void {
    if (this.#samples < MEMORY) this.#samples += 1;
    this.#mean += (latency - this.#mean) / this.#samples;
  }
}
