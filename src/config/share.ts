/**
 * Shares as people write them: `20%`. A bare number is refused, because 0.2 and 20 are both meant by somebody.
 */
export const sharePattern = '^\\d{1,3}(\\.\\d{1,6})?%$';
const share = /^(\d{1,3}(?:\.\d{1,6})?)%$/;

/** A fraction from 0 to 1; undefined where it is no share, or more than 100 %. */
export function parseShare(text: string): number | undefined {
  const match = share.exec(text);
  if (match === null) return undefined;
  const percent = Number(match[1]);
  // 99.9 / 100 is 0.9990000000000001 in binary; nine digits are more than anybody writes.
  return percent > 100 ? undefined : Math.round(percent * 1e7) / 1e9;
}

export function formatShare(fraction: number): string {
  return `${Math.round(fraction * 1e8) / 1e6}%`;
}
