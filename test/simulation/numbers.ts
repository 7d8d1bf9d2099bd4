/** How figures are written: in the tables of the docs and in their plots. */
import type { Range } from './compare.ts';

/** What a figure is called, and how it is written. */
const figures: Readonly<Record<string, { readonly heading: string; write(value: number): string }>> = {
  success: { heading: 'success', write: percent },
  goodput: { heading: 'goodput', write: percent },
  critical: { heading: 'critical', write: percent },
  'sheddable-plus': { heading: 'sheddable-plus', write: percent },
  sheddable: { heading: 'sheddable', write: percent },
  limit: { heading: 'limit, at the end', write: (value) => value.toFixed(0) },
  within: { heading: 'within a second', write: percent },
  extra: { heading: 'extra requests', write: percent },
  crossing: { heading: 'to the other zone', write: percent },
  affinity: { heading: 'at home', write: percent },
  mean: { heading: 'mean, ms', write: digits },
  p50: { heading: 'p50, ms', write: digits },
  p99: { heading: 'p99, ms', write: digits },
  p999: { heading: 'p99.9, ms', write: digits },
  busiest: { heading: 'busiest / mean', write: (value) => value.toFixed(2) },
  crowded: { heading: 'busiest / mean, p99', write: (value) => value.toFixed(2) },
  ejections: { heading: 'ejections', write: (value) => value.toFixed(0) },
};

export function headingOf(figure: string): string {
  return figures[figure]?.heading ?? figure;
}

export function written(figure: string, value: number): string {
  return (figures[figure]?.write ?? digits)(value);
}

/** Mean, and where the seeds differ, the least and the most. */
export function rangeWritten(figure: string, { mean, least, most }: Range): string {
  const [low, high] = [written(figure, least), written(figure, most)];
  return low === high ? written(figure, mean) : `${written(figure, mean)} (${low}–${high})`;
}

/** Three digits that count; a share near 1 is told by what it lacks. */
function percent(value: number): string {
  const lacking = 100 * Math.min(value, 1 - value);
  const decimals = lacking === 0 ? 0 : Math.max(1, Math.min(4, 1 - Math.floor(Math.log10(lacking))));
  return `${(100 * value).toFixed(decimals)} %`;
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}
