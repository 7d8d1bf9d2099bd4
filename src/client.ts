/**
 * The client: what users hold in their hands. It makes a call of each request, hands it to the service that it is for
 * (services.ts, running-service.ts), and takes everything down again. These, and what they are made of beside them, are the only files that know more than one part.
 */
import { hostname } from 'node:os';
import { LazyAdmin } from './admin/lazy.ts';
import type { AdminHandler, AdminOptions, AdminServer } from './admin/options.ts';
import { checkCallOptions, checkContext } from './config/call-options.ts';
import { parseDuration } from './config/duration.ts';
import type { LoadedPolicy } from './config/load-policy.ts';
import { PolicyInForce, type PolicySnapshot } from './config/policy-in-force.ts';
import { ambient, runWithin, type CallContext } from './core/ambient.ts';
import type { Call, CallOptions, MeshRequest } from './core/call.ts';
import { Cancellation } from './core/cancellation.ts';
import { systemClock, type Clock, type Millis, type Timer } from './core/clock.ts';
import { DEFAULT_CRITICALITY } from './core/criticality.ts';
import { MeshEvents, type Emit } from './core/events.ts';
import { MeshError, type DeadlineSource } from './core/errors.ts';
import type { Explanation } from './core/explanation.ts';
import { Onlooking } from './core/onlooker.ts';
import { OpenCalls } from './core/open-calls.ts';
import { systemRandom } from './core/random.ts';
import { watchResult } from './core/result-watch.ts';
import { Stalls } from './core/stalls.ts';
import { TriedEndpoints } from './core/tried.ts';
import { PeerLists } from './discovery/peer-lists.ts';
import { StubResolver } from './discovery/stub-resolver.ts';
import type { MeshOptions } from './mesh-options.ts';
import { Timeouts } from './policies/timeouts.ts';
import type { Entry } from './routing/table.ts';
import type { RunningRoute } from './running-route.ts';
import { CredentialStore, type CredentialsSnapshot } from './security/credential-store.ts';
import type { RunningService, ServiceSnapshot } from './running-service.ts';
import { publish } from './telemetry/channels.ts';
import { eventLog } from './telemetry/event-log.ts';
import { Gauges } from './telemetry/gauges.ts';
import { isTracing } from './telemetry/spans.ts';
import { Services } from './services.ts';
import { guardedAgent } from './transport/guarded-lookup.ts';
import { MeshDispatcher, type Caller, type IncomingRequest, type MeshPort, type UndiciDispatcher } from './transport/mesh-dispatcher.ts';
import { meshFetch, type MeshFetch } from './transport/mesh-fetch.ts';
import { meshRequest, type RequestOptions } from './transport/mesh-request.ts';
import { requestBody } from './transport/request-body.ts';
import * as undici from './transport/undici.ts';

/** What `inspect()` gives. */
export interface MeshSnapshot {
  readonly service: string;
  readonly instance: string;
  /** In which this process runs, where that is known. */
  readonly zone: string | undefined;
  readonly policy: PolicySnapshot;
  /** Certificates and keys in use, each set of files once. */
  readonly tls: readonly CredentialsSnapshot[];
  /** In flight, over all services. */
  readonly calls: number;
  readonly services: readonly ServiceSnapshot[];
}

/** What `explain()` takes. */
export interface ExplainRequest {
  readonly url: string | URL;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly hashKey?: string;
}

/** How long `close` waits for calls in flight before it breaks them off, where nobody says otherwise. */
const CLOSE_TIMEOUT: Millis = 10_000;
/** How long `ready` waits, where nobody says otherwise. */
const READY_TIMEOUT: Millis = 10_000;
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
  readonly #instance: string;
  readonly #service: string;
  readonly #policy: PolicyInForce;
  readonly #credentials: CredentialStore;
  readonly #gauges: Gauges;
  readonly #services: Services;
  readonly #stub: StubResolver;
  readonly #peers: PeerLists;
  readonly #timeouts: Timeouts;
  readonly #admin: LazyAdmin;
  readonly #calls = new OpenCalls(() => {
    if (this.#calls.size === 0) this.#drained?.();
  });
  /** Of `ready()` calls that still wait. */
  readonly #readying = new Set<Cancellation>();
  #closing: Promise<void> | undefined;
  #drained: (() => void) | undefined;
  #passthrough: UndiciDispatcher | undefined;

  constructor(options: MeshOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#instance = options.instance ?? (process.env['POD_NAME'] || hostname());
    this.#service = options.service ?? (process.env['OTEL_SERVICE_NAME'] || hostname());
    const [clock, random] = [this.#clock, options.random ?? systemRandom];
    const onlooking = new Onlooking(clock);
    const log = eventLog(options.logger);
    const emit: Emit = (name, event) => {
      onlooking.happened(name, event);
      log?.(name, event);
      publish(name, event);
      this.events.emit(name, event);
    };
    const warn = (message: string): void => this.#warn(message);
    const { watch = true } = options;
    this.#credentials = new CredentialStore({ clock, emit, warn, watch });
    this.#policy = new PolicyInForce({ given: options.policy, env: process.env, clock, emit, warn, watch, changed: (loaded) => this.#reload(loaded), prepare: (policy) => this.#credentials.prepare(policy) });
    this.#stub = new StubResolver({ clock, random, nameservers: options.nameservers });
    this.#peers = new PeerLists({ clock, random, stub: this.#stub, emit });
    this.#timeouts = new Timeouts(clock, new Stalls(clock));
    this.#services = new Services(this.#policy.loaded, {
      clock,
      random,
      timeouts: this.#timeouts,
      stub: this.#stub,
      peers: this.#peers,
      credentials: this.#credentials,
      self: { service: this.#service, instance: this.#instance },
      zone: (options.zone ?? process.env['INMESH_ZONE']) || undefined,
      transport: options.transport,
      emit,
      onlooking,
      warn,
    });
    this.#gauges = new Gauges({ policy: () => this.#policy.snapshot(), services: () => this.#services.running });
    this.#admin = new LazyAdmin({
      clock, onlooking,
      inspect: () => this.inspect(),
      policyText: () => this.#policy.text(),
      phase: () => (this.#closing !== undefined ? 'closing' : this.#readying.size > 0 ? 'starting' : 'open'),
    });
    const policy = this.#policy;
    const port: MeshPort = {
      send: (request, callOptions, cancellation, elapsed, caller) => this.#send(request, callOptions, cancellation, elapsed, caller),
      passthrough: (scheme, authority) => this.#directly(scheme, authority),
      get countsHops() {
        return isTracing();
      },
      get passesThrough() {
        return policy.loaded.policy.unknownHosts === 'passthrough';
      },
      close: (timeout) => this.close(timeout === undefined ? {} : { timeout }),
      now: () => this.#clock.now(),
    };
    this.dispatcher = new MeshDispatcher(port);
    // Not before whoever made the client had the chance to listen.
    const { source, hash } = this.#policy.loaded;
    queueMicrotask(() => emit('policy.loaded', { source, hash, generation: 1 }));
    this.fetch = meshFetch(this.dispatcher);
  }

  /** undici's `request`, through the mesh. */
  request(url: string | URL, options?: RequestOptions): ReturnType<typeof undici.request> {
    return meshRequest(this.dispatcher, url, options);
  }

  /** Makes the mesh the process's global dispatcher, for the built-in fetch and for undici. Returns the function that undoes it. */
  install(): () => void {
    const before = undici.getGlobalDispatcher();
    undici.setGlobalDispatcher(this.dispatcher);
    return () => undici.setGlobalDispatcher(before);
  }

  /**
   * Runs `work`, and all that it starts, on behalf of a request: the calls made in it end by that request's deadline, or when its
   * signal fires, and carry on its criticality. Within another context it inherits what it does not say, its deadline only ever comes sooner, and
   * the signals of both end its calls.
   *
   * @throws MeshError INVALID_REQUEST
   */
  run<Result>(context: CallContext, work: () => Result): Result {
    checkContext(context);
    const { deadline } = context;
    return runWithin(context, deadline === undefined ? Infinity : this.#clock.now() + parseDuration(deadline)!, work);
  }

  /** The context that this runs in, with what is left of its deadline in milliseconds and with its signal, as `run` takes it; undefined outside of any. */
  context(): CallContext | undefined {
    const inner = ambient();
    if (inner === undefined) return undefined;
    const { deadline, signals, ...said } = inner;
    return {
      ...said,
      deadline: deadline === Infinity ? undefined : Math.max(0, deadline - this.#clock.now()),
      // Each of several ends the calls made here. Only who asks pays for one signal that fires with any of them.
      signal: signals.length > 1 ? AbortSignal.any([...signals]) : signals[0],
    };
  }

  /**
   * Finds the endpoints of these services (default: all that the policy names) and connects to them, ahead of the first call.
   *
   * @param timeout milliseconds; default 10,000
   * @throws MeshError UNKNOWN_SERVICE, DISCOVERY_FAILED, DEADLINE_EXCEEDED
   */
  async ready(services?: readonly string[], { timeout = READY_TIMEOUT }: { timeout?: Millis } = {}): Promise<void> {
    const { policy } = this.#policy.loaded;
    if (this.#closing !== undefined) throw this.#closed();
    const cancellation = new Cancellation();
    this.#readying.add(cancellation);
    const timer = this.#clock.after(timeout, () => cancellation.cancel(new MeshError('DEADLINE_EXCEEDED', `not ready within ${timeout} ms`, { outcome: 'local' })));
    try {
      await Promise.all((services ?? [...policy.services.keys()]).map(async (name) => this.#services.named(name).ready(cancellation)));
    } finally {
      timer.cancel();
      this.#readying.delete(cancellation);
    }
  }

  /**
   * What would happen to this request, and why: service, route, version, endpoints, knobs with the lines they come from. Nothing is sent.
   * `explanationText` prints it.
   *
   * @throws MeshError INVALID_REQUEST
   */
  explain({ url, method = 'GET', headers = {}, hashKey }: ExplainRequest): Explanation {
    const href = String(url);
    if (!URL.canParse(href)) throw new MeshError('INVALID_REQUEST', `url: ${JSON.stringify(href)} (expected: an http: or https: URL)`);
    return this.#services.explain({ url: new URL(href), method, headers: Object.entries(headers).flat(), hashKey });
  }

  /** Everything the client knows, as plain data: policy, services, endpoints, loads, ejections, circuits, budgets, discovery. */
  inspect(): MeshSnapshot {
    return {
      service: this.#service,
      instance: this.#instance,
      zone: this.#services.zones.own,
      policy: this.#policy.snapshot(),
      tls: this.#credentials.snapshot(),
      calls: this.#calls.size,
      services: this.#services.running.map((running) => running.snapshot()),
    };
  }

  /** A server with the live page, `/metrics` and the rest of docs/admin.md, read-only; on 127.0.0.1:9900 where nobody says otherwise. It closes with the client. */
  admin(options: AdminOptions = {}): Promise<AdminServer> {
    return this.#admin.listen(options);
  }

  /** The same as a handler, for a server that is there already. */
  get adminHandler(): AdminHandler {
    return this.#admin.handler;
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
    this.#policy.close();
    this.#credentials.close();
    this.#gauges.close();
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
    await this.#services.close(reason);
    this.#timeouts.close();
    this.#peers.close();
    this.#stub.close();
    await this.#passthrough?.destroy();
    await this.#admin.close();
  }

  #closed(service?: string): MeshError {
    return new MeshError('CLIENT_CLOSED', 'the mesh client is closed', { service });
  }

  #send(request: IncomingRequest, options: CallOptions, cancellation: Cancellation, elapsed: Millis, caller: Caller): void {
    if (this.#closing !== undefined) return this.#refuse(caller, this.#closed());
    let call: Call;
    let running: RunningService;
    let route: RunningRoute | undefined;
    try {
      running = this.#services.of(request.scheme, request.authority);
      const way = running.route(request);
      route = way?.route;
      call = this.#call(running, way, request, options, cancellation, elapsed);
      if (caller.hops !== undefined) call.hops = caller.hops;
    } catch (error) {
      return this.#refuse(caller, error);
    }
    const open = this.#calls.begun(call);
    const result = running.send(call, route);
    watchResult(call, result, open);
    watchResult(call, result, caller);
  }

  #reload(loaded: LoadedPolicy): void {
    this.#services.reload(loaded);
    this.#credentials.keep(loaded.policy);
  }

  /** Not before `dispatch` has returned: callers expect to hear nothing from within it. */
  #refuse(caller: Caller, error: unknown): void {
    queueMicrotask(() => caller.failed(error));
  }

  #call(running: RunningService, way: Entry<RunningRoute> | undefined, request: IncomingRequest, options: CallOptions, cancellation: Cancellation, elapsed: Millis): Call {
    checkCallOptions(options, running.name);
    const route = way?.route;
    const { policy } = route ?? running;
    const startedAt = this.#clock.now();
    const inbound = ambient();
    let deadline = startedAt + policy.deadline;
    let deadlineFrom: DeadlineSource = 'policy';
    if (options.deadline !== undefined && startedAt + parseDuration(options.deadline)! - elapsed < deadline) {
      deadline = startedAt + parseDuration(options.deadline)! - elapsed;
      deadlineFrom = 'caller';
    }
    if (inbound !== undefined && inbound.deadline < deadline) {
      deadline = inbound.deadline;
      deadlineFrom = 'inbound';
    }
    // Most requests have no body, and need no copy to say so.
    const asked: MeshRequest = request.body === undefined ? (request as MeshRequest) : { ...request, body: requestBody(request.body, policy.retry === 'off' ? 0 : policy.retry.replayBodyUpTo) };
    return {
      service: running.name,
      policy,
      request: route === undefined ? asked : route.request(asked, way?.path?.kind === 'prefix' ? way.path.value : ''),
      options,
      cancellation,
      startedAt,
      deadline,
      deadlineFrom,
      criticality: options.criticality ?? inbound?.criticality ?? DEFAULT_CRITICALITY,
      hashKey: options.hashKey,
      servingRetry: inbound !== undefined && inbound.attempt > 1,
      route: route?.name,
      version: route?.version(request, options.hashKey),
      attempts: 0,
      tried: new TriedEndpoints(),
      watched: undefined,
      // Named here, so that calls with a span and without have one shape.
      witness: undefined,
      trace: undefined,
    };
  }

  /** Where `unknownHosts: passthrough` sends what the policy does not name; undefined: the mesh takes it. */
  #directly(scheme: 'http' | 'https', authority: string): UndiciDispatcher | undefined {
    if (this.#closing !== undefined || !this.#services.passesThrough(scheme, authority)) return undefined;
    return (this.#passthrough ??= guardedAgent((address) => this.#services.egress.addressProblem(address)));
  }

  #warn(message: string): void {
    if (this.#options.logger === undefined) process.emitWarning(message, 'InmeshWarning');
    else this.#options.logger.warn({ service: this.#service }, message);
  }
}
