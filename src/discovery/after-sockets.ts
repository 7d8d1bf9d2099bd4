/**
 * A timeout that lets sockets go first. In each turn of the event loop timers run before sockets, so after a stall of this process a
 * timeout fires although the reply is already here; it is then our slowness that is taken for the server's. Waiting for the rest of the
 * turn costs nothing and gives the reply its chance.
 */
import type { Clock, Millis, Timer } from '../core/clock.ts';

/** As `clock.after`, in the background; `fire` runs at the end of the turn, unless it is cancelled before. */
export function afterSockets(clock: Clock, delay: Millis, fire: () => void): Timer {
  let due: NodeJS.Immediate | undefined;
  const timer = clock.after(delay, () => (due = setImmediate(fire)), 'background');
  return {
    cancel() {
      timer.cancel();
      clearImmediate(due);
    },
  };
}
