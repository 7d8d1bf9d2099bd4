/** Least, middle and greatest of what several rounds gave: single figures of a shared machine mean little. */
export function spread(numbers) {
  const sorted = [...numbers].sort((one, other) => one - other);
  const half = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  return { median, min: sorted[0], max: sorted.at(-1) };
}

/** `1.05 (0.98–1.10)` */
export function written({ median, min, max }, digits = 2) {
  if (median === undefined || Number.isNaN(median)) return 'not measured';
  const text = (value) => value.toFixed(digits);
  return min === max ? text(median) : `${text(median)} (${text(min)}–${text(max)})`;
}
