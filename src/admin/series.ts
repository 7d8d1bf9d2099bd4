/**
 * Counts and histograms by labels, as Prometheus has them. Labels come from requests, so there are only so many series of each metric: what comes
 * when they are used up is counted in one whose labels are all `_OTHER`.
 *
 * A series is found level by level, one map for each label, so that recording makes no key.
 */
import { DURATION_BUCKETS } from '../core/metrics.ts';

export const OTHER = '_OTHER';
const SERIES_AT_MOST = 1000;

/** Values in the order of their labels; '': the label is not there. */
export type Labels = readonly string[];

class Level<Series> {
  readonly below = new Map<string, Level<Series>>();
  series: Series | undefined = undefined;
}

export class SeriesMap<Series> {
  readonly all: { readonly labels: Labels; readonly series: Series }[] = [];
  readonly #root = new Level<Series>();
  readonly #make: () => Series;
  #other: Series | undefined;

  constructor(make: () => Series) {
    this.#make = make;
  }

  of(labels: Labels): Series {
    let level: Level<Series> | undefined = this.#root;
    for (const label of labels) {
      level = level.below.get(label);
      if (level === undefined) break;
    }
    return level?.series ?? this.#new(labels);
  }

  #new(labels: Labels): Series {
    if (this.all.length >= SERIES_AT_MOST) return (this.#other ??= this.#add(labels.map(() => OTHER)));
    let level = this.#root;
    for (const label of labels) {
      let next = level.below.get(label);
      if (next === undefined) level.below.set(label, (next = new Level()));
      level = next;
    }
    return (level.series = this.#add(labels));
  }

  #add(labels: Labels): Series {
    const series = this.#make();
    this.all.push({ labels, series });
    return series;
  }
}

export class Counters extends SeriesMap<{ value: number }> {
  constructor() {
    super(() => ({ value: 0 }));
  }

  add(labels: Labels): void {
    this.of(labels).value += 1;
  }
}

/** Seconds. */
export class Histogram {
  /** Not cumulated; the last is for what is beyond all bounds. */
  readonly counts = new Float64Array(DURATION_BUCKETS.length + 1);
  count = 0;
  sum = 0;

  record(value: number): void {
    let bucket = 0;
    while (bucket < DURATION_BUCKETS.length && value > DURATION_BUCKETS[bucket]!) bucket += 1;
    this.counts[bucket]! += 1;
    this.count += 1;
    this.sum += value;
  }
}

export class Histograms extends SeriesMap<Histogram> {
  constructor() {
    super(() => new Histogram());
  }
}
