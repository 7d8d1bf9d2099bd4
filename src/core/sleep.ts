/**
 * Waiting that ends the moment nobody waits any longer. (cockatiel's backoff ignores an abort until it is over, then calls
 * once more: reference behaviour to avoid.)
 */
import type { Cancellation } from './cancellation.ts';
import type { Clock, Millis } from './clock.ts';

/** Resolves after `delay`; rejects with the reason as soon as the cancellation happens. */
export function sleep(clock: Clock, delay: Millis, cancellation: Cancellation): Promise<void> {
  return new Promise((resolve, reject) => {
    const sleeper = {
      cancelled(reason: Error) {
        timer.cancel();
        reject(reason);
      },
    };
    const timer = clock.after(delay, () => {
      cancellation.unsubscribe(sleeper);
      resolve();
    });
    cancellation.subscribe(sleeper);
  });
}
