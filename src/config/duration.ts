/**
 * Durations as people write them: `250ms`, `1.5s`, `5m`, `1h`. One number and one unit; the unit is never guessed.
 */
import type { Millis } from '../core/clock.ts';

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** For JSON Schema. The digits are bounded so that no text is worth a long look. */
export const durationPattern = '^\\d{1,15}(\\.\\d{1,9})?(ms|s|m|h)$';
const duration = /^(\d{1,15}(?:\.\d{1,9})?)(ms|s|m|h)$/;

/**
 * Milliseconds of `250ms`, `2s`, `5m`, `1h`, or of a number, which is milliseconds already. Undefined where it is no
 * duration: no unit, negative, not finite. Never throws.
 */
export function parseDuration(text: string | number): Millis | undefined {
  if (typeof text === 'number') return Number.isFinite(text) && text >= 0 ? text : undefined;
  const match = duration.exec(text);
  if (match === null) return undefined;
  // To the microsecond: 4.35m must not become 260999.99999999997 ms.
  return Math.round(Number(match[1]) * units[match[2] as keyof typeof units] * 1000) / 1000;
}

/** The shortest way to write it: 1000 → `1s`, 90000 → `90s`, 1500 → `1500ms`. */
export function formatDuration(duration: Millis): string {
  if (duration === 0) return '0s';
  for (const unit of ['h', 'm', 's'] as const) {
    if (duration % units[unit] === 0) return `${duration / units[unit]}${unit}`;
  }
  return `${duration}ms`;
}
