/**
 * Rates as people write them: `100/s`, `6000/m`, `0.5/s`. A bare number is refused: per what?
 */
const units = { s: 1, m: 60, h: 3600 } as const;

/** For JSON Schema. */
export const ratePattern = '^\\d{1,9}(\\.\\d{1,6})?/(s|m|h)$';
const rate = /^(\d{1,9}(?:\.\d{1,6})?)\/(s|m|h)$/;

/** Per second; undefined where it is no rate, or one of nothing at all. */
export function parseRate(text: string): number | undefined {
  const match = rate.exec(text);
  if (match === null || Number(match[1]) === 0) return undefined;
  return Number(match[1]) / units[match[2] as keyof typeof units];
}

/** With the smallest unit in which it is a whole number: 100 → `100/s`, 0.1 → `6/m`. */
export function formatRate(perSecond: number): string {
  for (const [unit, seconds] of Object.entries(units)) {
    const value = Math.round(perSecond * seconds * 1e6) / 1e6;
    if (Number.isInteger(value) && value > 0) return `${value}/${unit}`;
  }
  return `${Math.round(perSecond * units.h * 1e6) / 1e6}/h`;
}
