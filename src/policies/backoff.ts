/**
 * Backoff: how long before retry n. Waiting longer each time takes load off; the jitter keeps clients that failed together
 * from coming back together.
 *
 *     ceiling        = min(max, base · 2^(n−1))
 *     none             ceiling
 *     full             uniform in [0, ceiling)
 *     half             ceiling/2 + uniform in [0, ceiling/2)
 *     decorrelated     min(max, uniform in [base, 3 · previous))
 *
 * Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog 2015; his "equal" is called half here. (cockatiel has
 * generators for these, but they draw from Math.random and its decorrelated one is another formula.)
 */
import type { Millis } from '../core/clock.ts';
import type { RetryKnobs } from '../core/policy.ts';
import type { Random } from '../core/random.ts';

/** `retry` is 1 for the first; `previous` is the delay before the retry before, 0 where there was none. */
export function backoff(retry: number, knobs: RetryKnobs['backoff'], random: Random, previous: Millis): Millis {
  const { base, max, jitter } = knobs;
  const ceiling = Math.min(max, base * 2 ** (retry - 1));
  switch (jitter) {
    case 'none':
      return ceiling;
    case 'full':
      return random.next() * ceiling;
    case 'half':
      return (ceiling + random.next() * ceiling) / 2;
    case 'decorrelated':
      return Math.min(max, base + random.next() * (3 * Math.max(base, previous) - base));
  }
}
