/**
 * The connections to one endpoint where the policy says `http2`: as few as carry all requests, many requests on each.
 *
 *     dispatch ──▶ a session with room ──▶ there
 *              └─▶ none: one is being made, or is made now; the request waits for it (in its caller's own context)
 *                    the server chose h2 (ALPN) ──▶ a session           it did not ──▶ Connections, one request on each, as without http2
 *
 * What is waited for is the server's SETTINGS, which it sends with the last of its handshake: so it is known how many requests it takes at
 * a time, and none is sent only to be refused. Upgrades and CONNECT go over HTTP/1.1, which is what they are made for.
 */
import type { Socket } from 'node:net';
import type { Dispatcher } from 'undici';
import type { HeaderList } from '../core/call.ts';
import type { Millis } from '../core/clock.ts';
import { jittered } from '../core/random.ts';
import { AGE_JITTER, Connections, type ConnectionsDeps } from './connections.ts';
import { FailureRow } from './failing-connection.ts';
import { Http2Session, type StreamHandler } from './http2-session.ts';
import type { Connector } from './race.ts';
import { ConnectTimeout, NotProcessed } from './transport-errors.ts';

export interface MultiplexedDeps extends ConnectionsDeps {
  /** Connects and offers both; the socket says what the server chose. */
  readonly offerBoth: Connector;
  /** The server speaks HTTP/2 without having been asked (h2c). */
  readonly priorKnowledge: boolean;
}

interface Waiting {
  readonly options: Dispatcher.DispatchOptions;
  readonly handler: StreamHandler;
}

interface Held {
  readonly session: Http2Session;
  readonly openedAt: Millis;
  readonly lifetime: number;
  readonly madeWith: unknown;
}

export class Multiplexed {
  readonly #deps: MultiplexedDeps;
  readonly #plain: Connections;
  /** The server chose HTTP/1.1, and is not asked again while it is connected. */
  #speaksPlain = false;
  /** Made, and not used yet: for the first request over HTTP/1.1. */
  #spare: Socket | undefined;
  /** Those that may take more. */
  readonly #sessions: Held[] = [];
  readonly #leaving = new Set<Http2Session>();
  #connecting: ReturnType<Connector> | undefined;
  #waiting: Waiting[] = [];
  #closed = false;

  constructor(deps: MultiplexedDeps) {
    this.#deps = deps;
    const connectPlain = deps.connect as unknown as Connector;
    const connect: Connector = (options, callback) => {
      const spare = this.#spare;
      this.#spare = undefined;
      if (spare === undefined || spare.destroyed) return connectPlain(options, callback);
      // Not from within: undici would not notice.
      queueMicrotask(() => callback(null, spare));
      return spare;
    };
    this.#plain = new Connections({ ...deps, connect: connect as unknown as ConnectionsDeps['connect'] });
  }

  get size(): number {
    return this.#sessions.length + this.#leaving.size + this.#plain.size;
  }

  get connected(): boolean {
    return this.#sessions.length > 0 || this.#plain.connected;
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: StreamHandler): void {
    if (options.upgrade || options.method === 'CONNECT') return this.#plain.dispatch(options, handler);
    if (this.#speaksPlain && this.#plain.size > 0) return this.#plain.dispatch(options, handler);
    const session = this.#withRoom();
    if (session !== undefined) return this.#send(session, { options, handler });
    this.#waiting.push({ options, handler });
    this.#connect();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#spare?.destroy();
    for (const { session } of [...this.#sessions]) this.#leave(session);
    await Promise.all([...[...this.#leaving].map((session) => session.leave()), this.#plain.close()]);
  }

  async destroy(reason: Error): Promise<void> {
    this.#closed = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#connecting?.destroy(reason);
    this.#spare?.destroy();
    for (const { handler } of waiting) if (!handler.over) handler.onError(reason);
    await Promise.all([...[...this.#sessions.map(({ session }) => session), ...this.#leaving].map((session) => session.destroy(reason)), this.#plain.destroy(reason)]);
  }

  /** Of those with room the one made last, so that those which are not needed grow idle. Old ones leave on the way. */
  #withRoom(): Http2Session | undefined {
    for (let index = this.#sessions.length - 1; index >= 0; index -= 1) {
      const held = this.#sessions[index]!;
      if (this.#isOld(held)) this.#leave(held.session);
      else if (held.session.room > 0) return held.session;
    }
    return undefined;
  }

  #isOld({ openedAt, lifetime, madeWith }: Held): boolean {
    if (madeWith !== this.#deps.madeWith?.()) return true;
    const { maxAge } = this.#deps.knobs();
    return maxAge !== 'off' && this.#deps.clock.now() - openedAt >= maxAge * lifetime;
  }

  #send(session: Http2Session, { options, handler }: Waiting): void {
    const { method, path, headers, body } = options;
    const scheme = this.#deps.origin.startsWith('https:') ? 'https' : 'http';
    session.send({ method, scheme, path, headers: (headers ?? []) as HeaderList, body: body ?? null }, handler);
  }

  #connect(): void {
    if (this.#connecting !== undefined) return;
    const { origin, offerBoth, madeWith } = this.#deps;
    const { hostname, port, protocol, host } = new URL(origin);
    const made = madeWith?.();
    let done = false;
    const connecting = offerBoth({ hostname: hostname.replace(/^\[|\]$/g, ''), host, port, protocol }, (error, socket) => {
      done = true;
      if (error !== null || socket === null) return this.#failed(error ?? new Error('no connection'));
      const { alpnProtocol } = socket as Socket & { alpnProtocol?: string | false | null };
      if (alpnProtocol === 'h2' || this.#deps.priorKnowledge) return this.#opened(socket, made);
      this.#connecting = undefined;
      this.#speaksPlain = true;
      this.#spare = socket;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const { options, handler } of waiting) if (!handler.over) this.#plain.dispatch(options, handler);
    });
    if (!done) this.#connecting = connecting;
  }

  #opened(socket: Socket, madeWith: unknown): void {
    const { origin, clock, random, knobs } = this.#deps;
    const row = new FailureRow();
    const session: Http2Session = new Http2Session(socket, {
      origin, clock, knobs,
      ended: (handler) => {
        if (row.ended(handler, this.#deps.recycling)) this.#leave(session);
      },
      freed: () => this.#deal(),
      left: () => this.#leave(session),
    }, (error) => {
      timer.cancel();
      this.#connecting = undefined;
      if (error !== undefined) return this.#failed(error);
      if (this.#closed) return void session.leave();
      // Another connection would be told the same, and so would the one after it.
      if (session.room <= 0) {
        void session.leave();
        return this.#failed(new NotProcessed('the server takes no requests'));
      }
      this.#sessions.push({ session, openedAt: clock.now(), lifetime: jittered(random, 1, AGE_JITTER), madeWith });
      this.#deal();
    });
    // They may never come.
    const limit = knobs().connectTimeout;
    const timer = clock.after(limit, () => void session.destroy(new ConnectTimeout(limit, 0)), 'background');
    this.#connecting = socket;
  }

  /** There may be room for those that wait. */
  #deal(): void {
    for (let [next] = this.#waiting; next !== undefined; [next] = this.#waiting) {
      // Nobody connects for who no longer waits.
      const session = next.handler.over ? undefined : this.#withRoom();
      if (session === undefined && !next.handler.over) return this.#connect();
      this.#waiting.shift();
      if (session !== undefined) this.#send(session, next);
    }
  }

  #failed(error: Error): void {
    this.#connecting = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { handler } of waiting) if (!handler.over) handler.onError(error);
  }

  #leave(session: Http2Session): void {
    const at = this.#sessions.findIndex((held) => held.session === session);
    if (at === -1) return;
    this.#sessions.splice(at, 1);
    this.#leaving.add(session);
    void session.leave().then(() => {
      this.#leaving.delete(session);
    });
    // Those that wait for room on it wait for another.
    if (!this.#closed) queueMicrotask(() => this.#deal());
  }
}
