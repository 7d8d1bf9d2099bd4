/** One endpoint's figures, together with the way in which they are read. */
import { forget, isMeasured, type Figures } from '../../src/balancer/figures.ts';
import type { Load } from '../../src/balancer/load.ts';
import type { Outcome } from '../../src/core/outcome.ts';

export function judged(load: Load, figures: Figures) {
  const loads = new Float64Array(1);
  return {
    load(now: number): number {
      load.weigh([figures], 1, now, loads);
      return loads[0]!;
    },
    latency: (now: number) => load.latency(figures, now),
    observe: (outcome: Outcome, elapsed: number, now: number, before = 0) => load.observe(figures, outcome, elapsed, now, before),
    measured: () => isMeasured(figures),
    forget: () => forget(figures),
  };
}
