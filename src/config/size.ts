/**
 * Sizes as people write them: `64KiB`, `1.5MiB`, `500B`. Powers of 1024 carry the `i`, powers of 1000 do not.
 */
const units = { B: 1, KB: 1000, MB: 1000 ** 2, GB: 1000 ** 3, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

export const sizePattern = '^\\d{1,12}(\\.\\d{1,6})?([KMG]i?)?B$';
const size = /^(\d{1,12}(?:\.\d{1,6})?)((?:[KMG]i?)?B)$/;

/** Whole bytes; undefined where it is no size. */
export function parseSize(text: string): number | undefined {
  const match = size.exec(text);
  return match === null ? undefined : Math.round(Number(match[1]) * units[match[2] as keyof typeof units]);
}

export function formatSize(bytes: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB'] as const) {
    if (bytes !== 0 && bytes % units[unit] === 0) return `${bytes / units[unit]}${unit}`;
  }
  return `${bytes}B`;
}
