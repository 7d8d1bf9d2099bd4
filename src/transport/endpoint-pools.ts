/**
 * The connections to each endpoint. Their origin is the endpoint's address, so no name is ever looked up on the way; the
 * Host header and, with TLS, the server name are those of the service. Where the policy says TLS, there is no other way to it: what
 * cannot be made over TLS is not made.
 *
 * - They never queue: a request that waited in an undici Pool would be sent from the async context of another one (undici 7,
 *   fixed in 8). The limit is ours, above (policies/concurrency.ts, balancer/picker.ts).
 * - The server name is constant per pool and given with every request; undici would otherwise take it from the Host header
 *   and reconnect each time that changes.
 * - undici's own timers are coarse (a connect timeout of 300 ms fires after a second) and start late; ours replace them.
 */
import { AsyncResource } from 'node:async_hooks';
import { isIP, type Socket } from 'node:net';
import type { Client, Dispatcher } from 'undici';
import type { Attempt, HeaderList, Reply, Transport } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { Endpoint } from '../core/endpoint.ts';
import { endpointKey } from '../core/endpoint.ts';
import { MeshError } from '../core/errors.ts';
import { lazily } from '../core/lazily.ts';
import type { ConnectionKnobs } from '../core/policy.ts';
import type { Random } from '../core/random.ts';
import type { TlsSettings } from '../core/secure-connection.ts';
import { Connections } from './connections.ts';
import { exchangeFor } from './exchange.ts';
import type { StreamHandler } from './http2-session.ts';
import { Multiplexed } from './multiplexed.ts';
import { racing, type Connector } from './race.ts';
import { asAnywhere, secureConnector } from './secure-connect.ts';
import { ConnectTimeout } from './transport-errors.ts';
import * as undici from './undici.ts';

/**
 * A socket keeps the async context in which it was opened, and what it brings later would be handled in that of whichever call
 * happened to open it. Connections belong to nobody.
 */
const nobody = new AsyncResource('inmesh.connection');

/** One for all: without TLS it has nothing to remember. */
const plainConnector = lazily(() => undici.buildConnector({ timeout: 0, allowH2: false }) as unknown as Connector);

interface EndpointPool {
  /** As discovery described it last; what it is told by, address and port, stays. */
  endpoint: Endpoint;
  readonly origin: string;
  readonly connections: Connections | Multiplexed;
  /** As of the last request; undefined without TLS. */
  tls: TlsSettings | undefined;
}

export interface EndpointPoolsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly knobs: () => ConnectionKnobs;
  /** What the policy says of TLS now; undefined: what the URL says. */
  readonly tls?: ((scheme: 'http' | 'https') => TlsSettings | undefined) | undefined;
  /** Where the address of an endpoint stands for many instances: connections on which one request after the other fails are given up. */
  readonly recycling?: { readonly after: () => number | undefined; readonly reached: (endpoint: Endpoint, failures: number) => boolean } | undefined;
  /** Why nothing may connect to this address. */
  readonly refuses?: ((address: string) => string | undefined) | undefined;
  /** Told of each origin that pools of ours connect to, and when none does any longer (telemetry tells ours from others by it). */
  readonly opened?: (origin: string) => void;
  readonly closed?: (origin: string) => void;
}

export class EndpointPools implements Transport {
  readonly #deps: EndpointPoolsDeps;
  /** By scheme, server name and address: what is the same for every request that may share connections. */
  readonly #pools = new Map<string, EndpointPool>();
  /** Of those that speak HTTP/1.1 without TLS, whatever the request: by the endpoint as discovery described it last, for that takes no text to be made. */
  readonly #plain = new Map<Endpoint, EndpointPool>();
  /** Retired, waiting for what is in flight. */
  readonly #draining = new Set<EndpointPool>();

  constructor(deps: EndpointPoolsDeps) {
    this.#deps = deps;
  }

  send(attempt: Attempt): Promise<Reply> {
    const { request } = attempt.call;
    const endpoint = attempt.endpoint!;
    const refused = this.#deps.refuses?.(endpoint.host);
    if (refused !== undefined) return Promise.reject(new MeshError('EGRESS_DENIED', `${attempt.call.service}: ${refused}`, { service: attempt.call.service }));
    const { connections, tls } = this.#poolFor(endpoint, request.scheme, request.authority);
    const exchange = exchangeFor(attempt, endpoint, this.#deps.clock);
    if (exchange.over) return exchange.result!;
    const options = {
      method: request.method,
      path: request.path,
      headers: mergeHeaders(request.headers, request.authority, attempt.headers),
      body: exchange.openBody(),
      upgrade: request.upgrade ?? null,
      // Without TLS nobody looks at it; where it is missing, undici works one out from the Host header.
      servername: tls === undefined ? request.authority : tls.serverName,
      reset: request.reset ? true : null,
      headersTimeout: request.headersTimeout,
      bodyTimeout: request.bodyTimeout,
    };
    connections.dispatch(options as Dispatcher.DispatchOptions, exchange);
    return exchange.result!;
  }

  retire(endpoint: Endpoint): void {
    const key = endpointKey(endpoint);
    for (const [name, entry] of this.#pools) {
      if (endpointKey(entry.endpoint) !== key) continue;
      this.#pools.delete(name);
      this.#plain.delete(entry.endpoint);
      this.#draining.add(entry);
      // What is in flight ends by itself, at the latest at its deadline; idle connections close at once.
      void entry.connections.close().then(() => this.#gone(entry), () => this.#gone(entry));
    }
  }

  async warm(endpoint: Endpoint, scheme: 'http' | 'https' = 'http', authority = endpointKey(endpoint)): Promise<void> {
    if (this.#deps.refuses?.(endpoint.host) !== undefined) return;
    const { connections, tls } = this.#poolFor(endpoint, scheme, authority);
    if (connections.connected) return;
    await new Promise<void>((resolve) => {
      const options = { method: 'HEAD', path: '/', servername: tls?.serverName } as Dispatcher.DispatchOptions;
      connections.dispatch(options, withdrawnOnceConnected(resolve));
    });
  }

  async destroy(reason: MeshError): Promise<void> {
    const entries = [...this.#pools.values(), ...this.#draining];
    this.#pools.clear();
    this.#plain.clear();
    this.#draining.clear();
    await Promise.all(
      entries.map(async (entry) => {
        await entry.connections.destroy(reason);
        this.#gone(entry);
      }),
    );
  }

  #poolFor(endpoint: Endpoint, scheme: 'http' | 'https', authority: string): EndpointPool {
    const tls = this.#deps.tls?.(scheme);
    const { http2 } = this.#deps.knobs();
    const plain = tls === undefined && scheme === 'http';
    const known = plain && http2 !== 'h2c' ? this.#plain.get(endpoint) : undefined;
    if (known !== undefined) return known;
    const address = endpointKey(endpoint);
    const multiplexed = http2 === 'h2c' || (http2 && !plain);
    let key = tls !== undefined ? `tls ${address}` : plain ? address : `https ${authority} ${address}`;
    if (multiplexed) key = `h2 ${key}`;
    let entry = this.#pools.get(key);
    if (entry === undefined) {
      entry = this.#open(endpoint, tls ?? (plain ? undefined : asAnywhere(hostOf(authority))), multiplexed);
      this.#pools.set(key, entry);
    }
    if (plain && !multiplexed) {
      this.#plain.delete(entry.endpoint);
      this.#plain.set(endpoint, entry);
    }
    entry.endpoint = endpoint;
    if (tls !== undefined) entry.tls = tls;
    return entry;
  }

  #open(endpoint: Endpoint, tls: TlsSettings | undefined, multiplexed: boolean): EndpointPool {
    const origin = `${tls === undefined ? 'http' : 'https'}://${endpointKey(endpoint)}`;
    const { clock, random, knobs, recycling } = this.#deps;
    const offering = (...protocols: ('h2' | 'http/1.1')[]): Connector => {
      const connect = tls === undefined ? plainConnector() : secureConnector(() => entry.tls!, protocols);
      return this.#connector(connect, () => this.#permitted(entry.endpoint.alternate));
    };
    const deps = { origin, clock, random, knobs, connect: offering('http/1.1') as unknown as NonNullable<Client.Options['connect']>, madeWith: () => entry.tls, recycling: recycling && { after: recycling.after, reached: (failures: number) => recycling.reached(entry.endpoint, failures) } };
    const connections = multiplexed ? new Multiplexed({ ...deps, offerBoth: offering('h2', 'http/1.1'), priorKnowledge: tls === undefined }) : new Connections(deps);
    const entry: EndpointPool = { endpoint, origin, connections, tls };
    this.#deps.opened?.(origin);
    return entry;
  }

  #permitted(address: string | undefined): string | undefined {
    return address === undefined || this.#deps.refuses?.(address) !== undefined ? undefined : address;
  }

  #gone(entry: EndpointPool): void {
    this.#draining.delete(entry);
    this.#deps.closed?.(entry.origin);
  }

  /** A connector to either address of the endpoint, under a timer of ours. */
  #connector(connector: Connector, alternate: () => string | undefined): Connector {
    const { clock, knobs } = this.#deps;
    const connect = racing(connector, clock, alternate);
    const timed: Connector = (options, callback) => {
      const limit = knobs().connectTimeout;
      const due = clock.now() + limit;
      const socket = nobody.runInAsyncScope(connect, undefined, options, (error: Error | null, connected: Socket | null) => {
        timer.cancel();
        callback(error, connected);
      });
      // After it: what throws there leaves no timer, and what it calls back it calls back later.
      const timer = clock.after(limit, () => socket.destroy(new ConnectTimeout(limit, clock.now() - due)), 'background');
      return socket;
    };
    return timed;
  }
}

/**
 * undici connects only when there is something to send. A handler that throws in `onConnect` takes its request back before
 * the first byte is written, and leaves the connection open (aborting would destroy it).
 */
function withdrawnOnceConnected(done: () => void): StreamHandler {
  const handler: StreamHandler = {
    over: false,
    spoken: '1.1',
    onConnect() {
      throw new Error('only the connection was wanted');
    },
    onHeaders: () => true,
    onData: () => true,
    onComplete: done,
    onError: done,
  };
  return handler;
}

/** SNI and certificate name: the host of the authority; an IP address is not a server name (RFC 6066 §3). */
function hostOf(authority: string): string {
  const host = authority.startsWith('[') ? authority.slice(1, authority.indexOf(']')) : authority.replace(/:\d+$/, '');
  return isIP(host) === 0 ? host : '';
}

/** The request's headers, its authority as Host unless it brings its own, and the attempt's in the place of those of the same name. */
function mergeHeaders(headers: HeaderList, authority: string, attempt: string[]): HeaderList {
  // In one piece, as most are just these: an array that grows takes half as much again and sixteen.
  if (headers.length === 0 && attempt.length === 4) return ['host', authority, attempt[0]!, attempt[1]!, attempt[2]!, attempt[3]!];
  const merged: (string | readonly string[])[] = [];
  let host = authority;
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') {
      host = String(headers[index + 1]);
      continue;
    }
    if (attempt.length > 0 && replaces(attempt, name)) continue;
    merged.push(name, headers[index + 1]!);
  }
  merged.push('host', host);
  for (const item of attempt) merged.push(item);
  return merged;
}

function replaces(attempt: readonly string[], name: string): boolean {
  for (let index = 0; index < attempt.length; index += 2) {
    if (attempt[index]!.length === name.length && attempt[index]!.toLowerCase() === name.toLowerCase()) return true;
  }
  return false;
}
