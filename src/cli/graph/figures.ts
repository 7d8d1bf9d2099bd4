/** What an edge carries, as people read it. What is not known is a dash. */

export function rateText(rate: number): string {
  return rate >= 100 || rate === 0 ? String(Math.round(rate)) : rate >= 10 ? rate.toFixed(1) : rate.toFixed(2);
}

/** Never rounded up to all. */
export function shareText(share: number | undefined): string {
  if (share === undefined) return '–';
  return share >= 1 ? '100 %' : `${(Math.floor(share * 10_000) / 100).toFixed(2)} %`;
}

export function latencyText(latency: number | undefined): string {
  if (latency === undefined) return '–';
  return latency >= 1000 ? `${(latency / 1000).toFixed(2)} s` : latency >= 100 ? `${Math.round(latency)} ms` : `${latency.toFixed(1)} ms`;
}
