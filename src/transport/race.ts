/**
 * Race: a connection to an endpoint that has an address in either family (RFC 8305, "Happy Eyeballs").
 *
 *     0 ms   preferred address          250 ms, or as soon as that fails   the other one          the first that connects wins
 *
 * Node's own `autoSelectFamily` gives the first attempt up when it begins the second, so where both are slow only one of them ever has
 * time. Here both go on until one has connected, TLS included; then the other is destroyed. The price is a connection that an endpoint
 * may see and not need.
 *
 * The address that won goes first the next time (RFC 6555 §4.2), so that one that swallows packets costs 250 ms once and not with every connection.
 */
import type { Socket } from 'node:net';
import type { Clock, Millis } from '../core/clock.ts';

/** undici's; the socket is the one to come. */
export type Connector = (options: object, callback: (error: Error | null, socket: Socket | null) => void) => Pick<Socket, 'destroy'>;

/** RFC 8305 §5, "Connection Attempt Delay". */
const DELAY: Millis = 250;

/** Connects as `connect` does, to the address of its options and, where there is one, to the `alternate` one as well. */
export function racing(connect: Connector, clock: Clock, alternate: () => string | undefined): Connector {
  let winner: string | undefined;
  return (options, callback) => {
    const other = alternate();
    if (other === undefined) return connect(options, callback);
    const { hostname } = options as { hostname: string };
    const [first, second] = winner === other ? [other, hostname] : [hostname, other];
    return race(first, second, clock, (address, connected) => connect({ ...options, hostname: address }, connected), (error, socket, address) => {
      winner = address ?? winner;
      callback(error, socket);
    });
  };
}

type Connecting = ReturnType<Connector>;
type Connected = Parameters<Connector>[1];

function race(
  first: string, second: string, clock: Clock,
  connect: (address: string, connected: Connected) => Connecting,
  done: (error: Error | null, socket: Socket | null, winner?: string) => void,
): Connecting {
  const sockets: Connecting[] = [];
  const errors: Error[] = [];
  let over = false;
  const finish = (error: Error | null, socket: Socket | null, winner?: string): void => {
    if (over) return;
    over = true;
    timer.cancel();
    for (const each of sockets) if (each !== socket) each.destroy();
    done(error, socket, winner);
  };
  const begin = (address: string): void => {
    sockets.push(connect(address, (error, socket) => {
      if (error === null) return finish(null, socket, address);
      errors.push(error);
      if (errors.length === 2) finish(bothFailed(errors), null);
      else if (sockets.length === 1) beginSecond();
    }));
  };
  const beginSecond = (): void => {
    timer.cancel();
    if (!over) begin(second);
  };
  const timer = clock.after(DELAY, beginSecond, 'background');
  begin(first);
  return { destroy: (error) => finish(error ?? new Error('given up'), null) } as Connecting;
}

/** With the code of what failed first: whoever reads codes asks whose fault it is. */
function bothFailed(errors: readonly Error[]): Error {
  return Object.assign(new AggregateError(errors), { code: (errors[0] as { code?: unknown }).code });
}
