/**
 * Numbers and times as people read them. What is not known is a dash.
 */
const NOTHING = '–';

export function rate(perSecond: number): string {
  if (perSecond >= 1000) return `${Math.round(perSecond).toLocaleString('en')}`;
  return perSecond >= 100 || perSecond === 0 ? String(Math.round(perSecond)) : perSecond >= 10 ? perSecond.toFixed(1) : perSecond.toFixed(2);
}

/** Never rounded up to all of it. */
export function share(value: number | null): string {
  if (value === null) return NOTHING;
  if (value >= 1) return '100 %';
  const percent = Math.floor(value * 10_000) / 100;
  return `${percent >= 99 ? percent.toFixed(2) : percent.toFixed(1)} %`;
}

export function milliseconds(value: number | null): string {
  if (value === null || value < 0) return NOTHING;
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`;
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  return value >= 100 ? `${Math.round(value)} ms` : value >= 10 ? `${value.toFixed(1)} ms` : `${value.toFixed(2)} ms`;
}

/** How long ago, or how long until. */
export function age(duration: number): string {
  const seconds = Math.max(0, Math.round(duration / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${seconds % 60} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} m`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

export function whole(value: number): string {
  return value.toLocaleString('en');
}

export function clockTime(at: number): string {
  return new Date(at).toLocaleTimeString('en-GB');
}
