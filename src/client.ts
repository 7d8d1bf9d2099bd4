/**
 * The client: what users hold in their hands. It finds the service of each request and starts it when it is first called
 * (running-service.ts), and takes everything down again. These two files are the only ones that know more than one part.
 */
import { hostname } from 'node:os';
import { parseDuration } from './config/duration.ts';
import { loadPolicy, type LoadedPolicy } from './config/load-policy.ts';
import type { PolicyDocument } from './config/schema.ts';
import type { Call, CallOptions, MeshRequest, Reply, ReplyObserver, Transport } from './core/call.ts';
import { Cancellation } from './core/cancellation.ts';
import { systemClock, type Clock, type Millis, type Timer } from './core/clock.ts';
import { MeshError } from './core/errors.ts';
import { MeshEvents } from './core/events.ts';
import type { ServiceEntry } from './core/policy.ts';
import { systemRandom, type Random } from './core/random.ts';
import { StubResolver } from './discovery/stub-resolver.ts';
import { Timeouts } from './policies/timeouts.ts';
import { hostTable, splitAuthority, type Authority, type HostTable } from './routing/hosts.ts';
import { RunningService, type ServiceSnapshot } from './running-service.ts';
import { MeshDispatcher, type HopOptions, type IncomingRequest, type MeshPort, type UndiciDispatcher } from './transport/mesh-dispatcher.ts';
import { meshFetch, type MeshFetch } from './transport/mesh-fetch.ts';
import { requestBody } from './transport/request-body.ts';
import * as undici from './transport/undici.ts';

/** pino's shape: an object, then a sentence. */
export interface Logger {
  warn(details: object, message: string): void;
}

export interface MeshOptions {
  /**
   * Path or file URL of the policy file, or an object of its shape. Default: `$INMESH_POLICY`, else `/etc/inmesh/policy.yaml`,
   * else built-in defaults, with one warning.
   */
  readonly policy?: string | URL | PolicyDocument;
  /** This service's own name. Default: `$OTEL_SERVICE_NAME`, else the host name. */
  readonly service?: string;
  /** This process among its peers; it decides which subset of endpoints it talks to. Default: `$POD_NAME`, else the host name. */
  readonly instance?: string;
  /**
   * The zone in which this process runs, as Kubernetes calls it (`topology.kubernetes.io/zone`): where EndpointSlices say which zones their
   * endpoints are for, those of this zone are used. Default: `$INMESH_ZONE`, else unknown, which prefers none.
   */
  readonly zone?: string;
  /** `ip`, `ip:port` or `[ipv6]:port`. Default: those of /etc/resolv.conf. */
  readonly nameservers?: readonly string[];
  /** Told of warnings. Default: process warnings. */
  readonly logger?: Logger;
  /** For tests: time, chance and the network. */
  readonly clock?: Clock;
  readonly random?: Random;
  readonly transport?: (service: string) => Transport;
}

/** What `inspect()` gives. */
export interface MeshSnapshot {
  readonly service: string;
  readonly instance: string;
  readonly policy: { readonly source: string; readonly hash: string; readonly generation: number };
  /** In flight, over all services. */
  readonly calls: number;
  readonly services: readonly ServiceSnapshot[];
}

type RequestOptions = Parameters<typeof undici.request>[1] & { mesh?: CallOptions };

/** How long `close` waits for calls in flight before it breaks them off, where nobody says otherwise. */
const CLOSE_TIMEOUT: Millis = 10_000;
/** How long `ready` waits, where nobody says otherwise. */
const READY_TIMEOUT: Millis = 10_000;
/** A host outside the policy that was not called for this long is forgotten, with its endpoints and connections … */
const FORGET_AFTER: Millis = 5 * 60_000;
/** … found out this often. */
const FORGET_EVERY: Millis = 60_000;
/** Hosts outside the policy that are known at one time. */
const UNNAMED_AT_MOST = 512;
/** Authorities whose service is remembered; emptied when full, for authorities may come from outside. */
const AUTHORITIES_AT_MOST = 4096;

/**
 * Makes a client. Synchronous: nothing is resolved or connected before the first call (or `ready()`).
 *
 * @throws MeshError POLICY_INVALID with place, value and expectation.
 */
export function createMeshClient(options: MeshOptions = {}): MeshClient {
  return new MeshClient(options);
}

export class MeshClient {
  /** The mesh as an undici Dispatcher, for anything that takes one. */
  readonly dispatcher: MeshDispatcher;
  /** The built-in fetch, through the mesh. Rejects with a MeshError where fetch would hide it behind `fetch failed`. */
  readonly fetch: MeshFetch;
  /** Every decision that somebody may ask about; see docs/events.md. */
  readonly events = new MeshEvents();

  readonly #options: MeshOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #instance: string;
  readonly #service: string;
  readonly #zone: string | undefined;
  readonly #loaded: LoadedPolicy;
  readonly #hosts: HostTable;
  readonly #stub: StubResolver;
  readonly #timeouts: Timeouts;
  readonly #calls = new Set<Call>();
  /** Of `ready()` calls that still wait. */
  readonly #readying = new Set<Cancellation>();
  /** By name; services without a discovery of their own, and hosts outside the policy, have one per port. */
  readonly #running = new Map<string, RunningService>();
  readonly #byAuthority = { http: new Map<string, RunningService>(), https: new Map<string, RunningService>() };
  #forgetting: Timer | undefined;
  #closing: Promise<void> | undefined;
  #drained: (() => void) | undefined;
  #passthrough: UndiciDispatcher | undefined;

  constructor(options: MeshOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#instance = options.instance ?? (process.env['POD_NAME'] || hostname());
    this.#service = options.service ?? (process.env['OTEL_SERVICE_NAME'] || hostname());
    this.#zone = (options.zone ?? process.env['INMESH_ZONE']) || undefined;
    this.#loaded = loadPolicy(options.policy, process.env);
    for (const warning of this.#loaded.warnings) this.#warn(warning);
    this.#hosts = hostTable(this.#loaded.policy.services.values());
    this.#stub = new StubResolver({ clock: this.#clock, random: this.#random, nameservers: options.nameservers });
    this.#timeouts = new Timeouts(this.#clock);
    const port: MeshPort = {
      send: (request, callOptions, cancellation) => this.#send(request, callOptions, cancellation),
      passthrough: (scheme, authority) => this.#directly(scheme, authority),
      close: (timeout) => this.close(timeout === undefined ? {} : { timeout }),
      now: () => this.#clock.now(),
    };
    this.dispatcher = new MeshDispatcher(port);
    // Not before whoever made the client had the chance to listen.
    const { source, hash } = this.#loaded;
    queueMicrotask(() => this.events.emit('policy.loaded', { source, hash, generation: 1 }));
    this.fetch = meshFetch(this.dispatcher);
  }

  /** undici's `request`, through the mesh. */
  request(url: string | URL, options?: RequestOptions): ReturnType<typeof undici.request> {
    return undici.request(url, { ...options, dispatcher: this.dispatcher });
  }

  /** Makes the mesh the process's global dispatcher, for the built-in fetch and for undici. Returns the function that undoes it. */
  install(): () => void {
    const before = undici.getGlobalDispatcher();
    undici.setGlobalDispatcher(this.dispatcher);
    return () => undici.setGlobalDispatcher(before);
  }

  /**
   * Finds the endpoints of these services (default: all that the policy names) and connects to them, ahead of the first call.
   *
   * @param timeout milliseconds; default 10,000
   * @throws MeshError UNKNOWN_SERVICE, DISCOVERY_FAILED, DEADLINE_EXCEEDED
   */
  async ready(services?: readonly string[], { timeout = READY_TIMEOUT }: { timeout?: Millis } = {}): Promise<void> {
    const { policy } = this.#loaded;
    if (this.#closing !== undefined) throw this.#closed();
    const cancellation = new Cancellation();
    this.#readying.add(cancellation);
    const timer = this.#clock.after(timeout, () => cancellation.cancel(new MeshError('DEADLINE_EXCEEDED', `not ready within ${timeout} ms`, { outcome: 'local' })));
    try {
      await Promise.all((services ?? [...policy.services.keys()]).map(async (name) => {
        const entry = policy.services.get(name);
        if (entry === undefined) throw new MeshError('UNKNOWN_SERVICE', `${name}: no such service in ${this.#loaded.source} (known: ${[...policy.services.keys()].join(', ') || 'none'})`, { service: name });
        const running = this.#run(entry, entry.hosts[0]?.port ?? 80);
        await running.cluster.ready(cancellation);
        await Promise.all(running.cluster.endpoints.map((endpoint) => running.transport.warm(endpoint)));
      }));
    } finally {
      timer.cancel();
      this.#readying.delete(cancellation);
    }
  }

  /** Everything the client knows, as plain data: policy, services, endpoints, loads, ejections, circuits, budgets, discovery. */
  inspect(): MeshSnapshot {
    const { source, hash } = this.#loaded;
    return {
      service: this.#service,
      instance: this.#instance,
      policy: { source, hash, generation: 1 },
      calls: this.#calls.size,
      services: [...this.#running.values()].map((running) => running.snapshot()),
    };
  }

  /**
   * Takes no new calls, waits for those in flight, breaks off what is left after `timeout` (milliseconds; default 10,000), and
   * leaves no timer, socket or listener behind.
   */
  close({ timeout = CLOSE_TIMEOUT }: { timeout?: Millis } = {}): Promise<void> {
    if (this.#closing === undefined) return (this.#closing = this.#close(timeout));
    // Who asks again may be in more of a hurry.
    const hurry = this.#clock.after(timeout, () => this.#drained?.());
    return this.#closing.finally(() => hurry.cancel());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(timeout: Millis): Promise<void> {
    this.#forgetting?.cancel();
    for (const cancellation of this.#readying) cancellation.cancel(this.#closed());
    if (this.#calls.size > 0) {
      let timer: Timer | undefined;
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
        timer = this.#clock.after(timeout, resolve);
      });
      timer?.cancel();
    }
    const reason = this.#closed();
    // Each its own: what was sent, and where, is written into it.
    for (const call of [...this.#calls]) call.cancellation.cancel(this.#closed(call.service));
    await Promise.all([...this.#running.values()].map((running) => running.close(reason)));
    this.#running.clear();
    this.#timeouts.close();
    this.#stub.close();
    await this.#passthrough?.destroy();
  }

  #closed(service?: string): MeshError {
    return new MeshError('CLIENT_CLOSED', 'the mesh client is closed', { service });
  }

  #send(request: IncomingRequest, options: HopOptions, cancellation: Cancellation): Promise<Reply> {
    if (this.#closing !== undefined) return Promise.reject(this.#closed());
    let call: Call;
    let running: RunningService;
    try {
      running = this.#serviceOf(request.scheme, request.authority);
      call = this.#call(running, request, options, cancellation);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#calls.add(call);
    const entry = new CallInFlight(call, this.#over);
    const result = running.send(call);
    result.then(entry.replied, entry.end);
    return result;
  }

  readonly #over = (call: Call): void => {
    this.#calls.delete(call);
    if (this.#calls.size === 0) this.#drained?.();
  };

  #call(running: RunningService, request: IncomingRequest, options: HopOptions, cancellation: Cancellation): Call {
    const { policy } = running;
    const startedAt = this.#clock.now();
    const own = options.deadline === undefined ? undefined : parseDuration(options.deadline);
    if (own === undefined && options.deadline !== undefined) {
      throw new MeshError('INVALID_REQUEST', `mesh.deadline: ${JSON.stringify(options.deadline)} (expected: milliseconds, or a duration such as '2s')`, { service: running.name });
    }
    return {
      service: running.name,
      policy,
      // Most requests have no body, and need no copy to say so.
      request: request.body === undefined ? (request as MeshRequest) : { ...request, body: requestBody(request.body, policy.retry === 'off' ? 0 : policy.retry.replayBodyUpTo) },
      options,
      cancellation,
      startedAt,
      deadline: startedAt + Math.min((own ?? Infinity) - (options.elapsed ?? 0), policy.deadline),
      attempts: 0,
      tried: new Set(),
    };
  }

  /** Where `unknownHosts: passthrough` sends what the policy does not name; undefined: the mesh takes it. */
  #directly(scheme: 'http' | 'https', authority: string): UndiciDispatcher | undefined {
    if (this.#loaded.policy.unknownHosts !== 'passthrough' || this.#closing !== undefined) return undefined;
    if (this.#hosts.find(splitAuthority(scheme, authority)) !== undefined) return undefined;
    return (this.#passthrough ??= new undici.Agent());
  }

  #serviceOf(scheme: 'http' | 'https', authority: string): RunningService {
    const remembered = this.#byAuthority[scheme].get(authority);
    if (remembered !== undefined) return remembered;
    const address = splitAuthority(scheme, authority);
    const entry = this.#hosts.find(address) ?? this.#unnamed(address);
    const running = this.#run(entry, address.port);
    if (this.#byAuthority[scheme].size >= AUTHORITIES_AT_MOST) this.#byAuthority[scheme].clear();
    this.#byAuthority[scheme].set(authority, running);
    return running;
  }

  #unnamed({ host }: Authority): ServiceEntry {
    const { policy, source } = this.#loaded;
    if (policy.unknownHosts === 'deny') {
      throw new MeshError('EGRESS_DENIED', `${host}: no service of ${source} has this host, and unknownHosts is 'deny'`, { service: host });
    }
    return { name: host, hosts: [], source: undefined, versions: new Map(), policy: policy.defaults };
  }

  #run(entry: ServiceEntry, port: number): RunningService {
    const key = entry.source === undefined ? `${entry.name}:${port}` : entry.name;
    let running = this.#running.get(key);
    if (running === undefined) {
      const transient = !this.#loaded.policy.services.has(entry.name);
      if (transient) this.#makeRoom();
      running = new RunningService(transient ? key : entry.name, entry, { kind: 'dns', name: entry.hosts[0]?.host ?? entry.name, port }, {
        clock: this.#clock,
        random: this.#random,
        timeouts: this.#timeouts,
        stub: this.#stub,
        identity: `${this.#service}/${this.#instance}`,
        zone: this.#zone,
        transport: this.#options.transport,
        emit: (name, event) => this.events.emit(name, event),
        warn: (message) => this.#warn(message),
      });
      this.#running.set(key, running);
      if (transient) this.#forgetting ??= this.#clock.after(FORGET_EVERY, () => this.#forget(), 'background');
    }
    return running;
  }

  /** Hosts outside the policy: each costs look-ups as long as it is known, so those that nobody calls any more are let go. */
  #forget(): void {
    const longAgo = this.#clock.now() - FORGET_AFTER;
    const unnamed = this.#unnamedRunning();
    const idle = unnamed.filter(([, running]) => running.limit.inFlight === 0 && running.calledAt < longAgo);
    for (const [key, running] of idle) this.#letGo(key, running);
    this.#forgetting = idle.length === unnamed.length ? undefined : this.#clock.after(FORGET_EVERY, () => this.#forget(), 'background');
  }

  /** Hosts may come from outside, in any number: for a new one, the one that was called longest ago goes. */
  #makeRoom(): void {
    const unnamed = this.#unnamedRunning();
    if (unnamed.length < UNNAMED_AT_MOST) return;
    const [oldest] = unnamed.filter(([, running]) => running.limit.inFlight === 0).sort(([, one], [, other]) => one.calledAt - other.calledAt);
    if (oldest !== undefined) this.#letGo(...oldest);
  }

  #unnamedRunning(): [string, RunningService][] {
    const { services } = this.#loaded.policy;
    return [...this.#running].filter(([, running]) => !services.has(running.name));
  }

  #letGo(key: string, running: RunningService): void {
    this.#running.delete(key);
    for (const authorities of Object.values(this.#byAuthority)) {
      for (const [authority, remembered] of authorities) if (remembered === running) authorities.delete(authority);
    }
    void running.close(this.#closed());
  }

  #warn(message: string): void {
    if (this.#options.logger === undefined) process.emitWarning(message, 'InmeshWarning');
    else this.#options.logger.warn({ service: this.#service }, message);
  }
}

/** Takes a call out of the client's books once its body has ended. */
class CallInFlight implements ReplyObserver {
  readonly #call: Call;
  readonly #over: (call: Call) => void;

  constructor(call: Call, over: (call: Call) => void) {
    this.#call = call;
    this.#over = over;
  }

  readonly replied = (reply: Reply): void => reply.watch(this);
  readonly end = (): void => this.#over(this.#call);
}
