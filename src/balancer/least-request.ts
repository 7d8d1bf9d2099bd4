/**
 * Least request: the fewest attempts in flight, per unit of weight, of a few drawn at random.
 *
 *     load = in flight + 1      where weights differ, the pressure of shares.ts
 *
 * It knows no latency, so a slow endpoint is avoided only as far as requests pile up there; in return there is nothing that could be
 * measured wrongly. Envoy and gRPC (A48) draw two as well; where weights differ, Envoy takes turns by weight ÷ (in flight + 1), which
 * under load gives shares as the square roots of the weights, and is not what anybody who writes 3:1 expects.
 *
 * Latencies are learnt all the same, for inspection and for the day on which the type is changed.
 */
import type { Millis } from '../core/clock.ts';
import { Predictive } from './predictive.ts';

export class LeastRequest extends Predictive {
  override weigh(rows: Int32Array, count: number, _now: Millis, loads: Float64Array): void {
    for (let place = 0; place < count; place += 1) loads[place] = 0;
    this.shares.pressure(rows, count, loads);
  }
}
