/** Numbers as people read them. */

export function count(value: number): string {
  return value.toLocaleString('en-US');
}

export function milliseconds(duration: number): string {
  return `${duration.toFixed(1)} ms`;
}

export function seconds(duration: number): string {
  return `${Number((duration / 1000).toFixed(1))} s`;
}
