/** One endpoint's figures, together with the way in which they are read. */
import type { Figures, Row } from '../../src/balancer/figures.ts';
import type { Load } from '../../src/balancer/load.ts';
import type { Outcome } from '../../src/core/outcome.ts';

export function judged(load: Load, figures: Figures, row: Row = figures.take()) {
  const loads = new Float64Array(1);
  return {
    load(now: number): number {
      load.weigh(Int32Array.of(row), 1, now, loads);
      return loads[0]!;
    },
    latency: (now: number) => load.latency(row, now),
    observe: (outcome: Outcome, elapsed: number, now: number, before = 0) => load.observe(row, outcome, elapsed, now, before),
    measured: () => figures.isMeasured(row),
    forget: () => figures.forget(row),
  };
}
