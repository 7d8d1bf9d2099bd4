/**
 * Connections: those to one endpoint, and which of them carries the next request: the one used last, so that those which are not
 * needed grow idle and close. There is always one, for a new one is opened where none is free; nothing ever waits here.
 *
 *     connecting ──▶ busy ⇄ free        gone: not connected any more, failed to connect, or too old: never used again
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
import * as undici from './undici.ts';

/** Spread of the age, as a share of it, either way. */
const AGE_JITTER = 0.1;

export interface ConnectionsDeps {
  readonly origin: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly knobs: () => ConnectionKnobs;
  readonly connect: NonNullable<Client.Options['connect']>;
}

/** undici's raw handler, of which we ask whether its request is over already. */
export interface Handler {
  readonly over: boolean;
}

type State = 'busy' | 'free' | 'gone';

interface Connection {
  readonly client: Client;
  state: State;
  connected: boolean;
  openedAt: Millis;
  /** How old it may become, as a share of `maxAge`. */
  readonly lifetime: number;
  /** Resolves when what was in flight has ended and the socket is closed; undefined while it is in use. */
  left: Promise<void> | undefined;
}

export class Connections {
  readonly #deps: ConnectionsDeps;
  /** Of the gone ones, those on which something is in flight. */
  readonly #all = new Set<Connection>();
  /** Used last comes last. */
  readonly #free: Connection[] = [];

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
    for (const connection of all) this.#gone(connection);
    await Promise.all(all.map(({ client }) => client.destroy(reason)));
  }

  #take(): Connection | undefined {
    for (let connection = this.#free.pop(); connection !== undefined; connection = this.#free.pop()) {
      if (!this.#isOld(connection)) return connection;
      void this.#leave(connection);
    }
    return undefined;
  }

  #open(): Connection {
    const { origin, clock, random, knobs, connect } = this.#deps;
    const { keepAlive } = knobs();
    const client = new undici.Client(origin, { connect, keepAliveTimeout: keepAlive, keepAliveMaxTimeout: keepAlive, headersTimeout: 0, bodyTimeout: 0 });
    const connection: Connection = { client, state: 'busy', connected: false, openedAt: 0, lifetime: jittered(random, 1, AGE_JITTER), left: undefined };
    client.on('connect', () => {
      connection.connected = true;
      connection.openedAt = clock.now();
    });
    client.on('drain', () => this.#freed(connection));
    client.on('disconnect', () => {
      connection.connected = false;
      // With a request on it, undici connects anew, or says next that it is free.
      if (connection.state === 'free') void this.#leave(connection);
    });
    client.on('connectionError', (_origin, _targets, error) => {
      this.#gone(connection);
      void client.destroy(error);
    });
    this.#all.add(connection);
    return connection;
  }

  #freed(connection: Connection): void {
    if (connection.state !== 'busy') return;
    if (!connection.connected || this.#isOld(connection)) return void this.#leave(connection);
    connection.state = 'free';
    this.#free.push(connection);
  }

  #isOld({ openedAt, lifetime }: Connection): boolean {
    const { maxAge } = this.#deps.knobs();
    return maxAge !== 'off' && this.#deps.clock.now() - openedAt >= maxAge * lifetime;
  }

  #leave(connection: Connection): Promise<void> {
    if (connection.state === 'free') {
      const at = this.#free.indexOf(connection);
      if (at !== -1) this.#free.splice(at, 1);
    }
    connection.state = 'gone';
    return (connection.left ??= connection.client.close().then(() => this.#gone(connection)));
  }

  #gone(connection: Connection): void {
    connection.state = 'gone';
    this.#all.delete(connection);
  }
}
