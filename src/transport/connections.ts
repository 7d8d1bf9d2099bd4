/**
 * Connections: those to one endpoint, and which of them carries the next request: the one used last, so that those which are not
 * needed grow idle and close. There is always one, for a new one is opened where none is free; nothing ever waits here.
 *
 *     connecting ──▶ busy ⇄ free        gone: not connected any more, failed to connect, too old, or failing (failing-connection.ts): never used again
 *
 * A connection that is older than `maxAge`, give or take a tenth, is closed when it is free, which never breaks a request off. That
 * is what lets new pods have traffic behind an address that stands for many (a connection stays with one pod for as long as it
 * lives), and old ones drain. The tenth is gRFC A9's, so that connections which were opened together are not closed together. The age is
 * looked at when a connection is used and when it becomes free; an idle one closes after `keepAlive` anyway.
 *
 * Each is an undici Client. Its Pool has an age too (`clientTtl`), without jitter and fixed when the pool is made; it forgets a
 * client whose connection failed and still sends it requests; and one whose request was invalid counts as busy for ever.
 */
import type { Client, Dispatcher } from 'undici';
import type { Clock, Millis } from '../core/clock.ts';
import type { ConnectionKnobs } from '../core/policy.ts';
import { jittered, type Random } from '../core/random.ts';
import { FailureRow, type Judged, type Recycling } from './failing-connection.ts';
import * as undici from './undici.ts';

/** Spread of the age, as a share of it, either way. */
export const AGE_JITTER = 0.1;

export interface ConnectionsDeps {
  readonly origin: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly knobs: () => ConnectionKnobs;
  readonly connect: NonNullable<Client.Options['connect']>;
  /** What they are made with, which may be replaced: one that was made with something else is old, whatever its age. */
  readonly madeWith?: (() => unknown) | undefined;
  /** Those on which one request after the other fails are given up. */
  readonly recycling?: Recycling | undefined;
}

/** undici's raw handler, of which we ask whether its request is over already, and how it went. */
export type Handler = Judged;

type State = 'busy' | 'free' | 'gone';

interface Connection {
  readonly client: Client;
  state: State;
  /** Of the request that it carries, or carried last. */
  handler: Handler | undefined;
  connected: boolean;
  openedAt: Millis;
  readonly madeWith: unknown;
  /** How old it may become, as a share of `maxAge`. */
  readonly lifetime: number;
  readonly row: FailureRow;
  /** Resolves when what was in flight has ended and the socket is closed; undefined while it is in use. */
  left: Promise<void> | undefined;
}

export class Connections {
  readonly #deps: ConnectionsDeps;
  /** Of the gone ones, those on which something is in flight. */
  readonly #all = new Set<Connection>();
  /** Used last comes last. */
  readonly #free: Connection[] = [];
  /** What new ones are made with. */
  #madeWith: unknown;

  constructor(deps: ConnectionsDeps) {
    this.#deps = deps;
  }

  /** How many there are, those that connect and those that are still needed for the last time included. */
  get size(): number {
    return this.#all.size;
  }

  /** Whether there is one that a request need not wait for. */
  get connected(): boolean {
    for (const { connected } of this.#all) if (connected) return true;
    return false;
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Handler): void {
    const connection = this.#take() ?? this.#open();
    connection.state = 'busy';
    connection.handler = handler;
    const room = connection.client.dispatch(options, handler as unknown as Dispatcher.DispatchHandler);
    // A request that undici refuses was never its client's, which will not say that it is free again.
    if (room || (handler.over && connection.client.stats.size === 0)) this.#freed(connection);
  }

  /** What is in flight ends by itself; idle ones close at once. Resolves when all are gone. */
  async close(): Promise<void> {
    await Promise.all([...this.#all].map((connection) => this.#leave(connection)));
  }

  async destroy(reason: Error): Promise<void> {
    const all = [...this.#all];
    this.#all.clear();
    for (const connection of all) this.#takeOut(connection);
    await Promise.all(all.map(({ client }) => client.destroy(reason)));
  }

  #take(): Connection | undefined {
    const madeWith = this.#deps.madeWith?.();
    if (madeWith !== this.#madeWith) {
      this.#madeWith = madeWith;
      // Those used long ago would stay idle, beside new ones, for as long as `keepAlive`.
      for (const connection of [...this.#free]) void this.#leave(connection);
    }
    for (let connection = this.#free.pop(); connection !== undefined; connection = this.#free.pop()) {
      if (!this.#isOld(connection)) return connection;
      void this.#leave(connection);
    }
    return undefined;
  }

  #open(): Connection {
    const { origin, clock, random, knobs, connect, madeWith } = this.#deps;
    const { keepAlive } = knobs();
    const client = new undici.Client(origin, { connect, keepAliveTimeout: keepAlive, keepAliveMaxTimeout: keepAlive, headersTimeout: 0, bodyTimeout: 0 });
    const connection: Connection = { client, state: 'busy', handler: undefined, connected: false, openedAt: 0, madeWith: madeWith?.(), lifetime: jittered(random, 1, AGE_JITTER), row: new FailureRow(), left: undefined };
    client.on('connect', () => {
      connection.connected = true;
      connection.openedAt = clock.now();
    });
    client.on('drain', () => this.#freed(connection));
    client.on('disconnect', () => {
      connection.connected = false;
      // A request that was not begun yet has a new socket, and is none the wiser. For one that was given up, undici would connect anew
      // and only then see that nobody wants it any more.
      if (connection.state === 'free' || connection.handler?.over === true) this.#drop(connection);
    });
    client.on('connectionError', (_origin, _targets, error) => {
      this.#drop(connection, error);
    });
    this.#all.add(connection);
    return connection;
  }

  #freed(connection: Connection): void {
    if (connection.state !== 'busy') return;
    if (!connection.connected) return this.#drop(connection);
    if (connection.row.ended(connection.handler, this.#deps.recycling) || this.#isOld(connection)) return void this.#leave(connection);
    connection.state = 'free';
    this.#free.push(connection);
  }

  #isOld({ openedAt, lifetime, madeWith }: Connection): boolean {
    if (madeWith !== this.#deps.madeWith?.()) return true;
    const { maxAge } = this.#deps.knobs();
    return maxAge !== 'off' && this.#deps.clock.now() - openedAt >= maxAge * lifetime;
  }

  /** It carries nothing after what is on it now. */
  #leave(connection: Connection): Promise<void> {
    this.#takeOut(connection);
    return (connection.left ??= connection.client.close().then(() => void this.#all.delete(connection)));
  }

  /** It has no socket. */
  #drop(connection: Connection, error: Error | null = null): void {
    this.#takeOut(connection);
    this.#all.delete(connection);
    void connection.client.destroy(error);
  }

  #takeOut(connection: Connection): void {
    if (connection.state === 'free') {
      const at = this.#free.indexOf(connection);
      if (at !== -1) this.#free.splice(at, 1);
    }
    connection.state = 'gone';
  }
}
