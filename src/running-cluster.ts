/**
 * A group of a service's endpoints as it runs in this process: where they are looked for, who they are, the connections to them and what
 * is known of them all together. A service has one, and one more for each of its versions that a route sends calls to.
 *
 * A version is a cluster of its own, as Istio's subsets are to Envoy, and not a label on the endpoints of one:
 *
 *  - Endpoints are compared with their like. Beside v1 a v2 that fails everywhere looks like outliers one by one, and would be ejected until
 *    its share fell on what is left of it, or hid behind the share that may be ejected. Compared with itself none of it is ejected, its calls
 *    fail as often as it does, and whoever watches over the canary sees that.
 *  - Panic, subset and circuit are of the same kind: half of v2 gone is a panic of v2, twenty endpoints of each are twenty that can be chosen,
 *    and a circuit that v2 opens leaves v1 alone.
 *
 * The price: an endpoint that is in the service as a whole and in a version is known twice, with connections of each. That only costs where
 * routes send calls to both.
 */
import { isDeepStrictEqual } from 'node:util';
import { balance } from './balancer/balance.ts';
import type { Panic } from './balancer/candidates.ts';
import { Cluster, type ClusterKnobs } from './balancer/cluster.ts';
import type { LocalitySnapshot } from './balancer/locality.ts';
import { positionOf, type Self } from './balancer/position.ts';
import type { EndpointSnapshot, Exclusions } from './balancer/snapshot.ts';
import type { SubsetSnapshot } from './balancer/subset.ts';
import { stack, type Attempt, type Layer, type Reply, type Service, type Transport } from './core/call.ts';
import type { Cancellation } from './core/cancellation.ts';
import type { Clock } from './core/clock.ts';
import { endpointKey, type DiscoveryState, type RefreshReason, type Watch } from './core/endpoint.ts';
import type { MeshError } from './core/errors.ts';
import type { Emit } from './core/events.ts';
import type { Onlooking } from './core/onlooker.ts';
import type { DiscoverySource, ServicePolicy } from './core/policy.ts';
import type { PeerView } from './core/peers.ts';
import type { Zones } from './core/zones.ts';
import type { Random } from './core/random.ts';
import type { PeerLists } from './discovery/peer-lists.ts';
import { resolverFor } from './discovery/resolver-for.ts';
import type { StubResolver } from './discovery/stub-resolver.ts';
import { attemptTimeout } from './policies/attempt-timeout.ts';
import { Circuit, type CircuitSnapshot } from './policies/circuit.ts';
import { PerRoute } from './policies/per-route.ts';
import { propagation } from './policies/propagation.ts';
import type { Timeouts } from './policies/timeouts.ts';
import type { EgressFilter } from './security/egress.ts';
import type { CredentialStore } from './security/credential-store.ts';
import { ServiceTls } from './security/service-tls.ts';
import { measureAttempts } from './telemetry/call-metrics.ts';
import { recordLookup } from './telemetry/lookup-metric.ts';
import { forgetOrigin, rememberOrigin, traceAttempts } from './telemetry/tracing.ts';
import { EndpointPools, type EndpointPoolsDeps } from './transport/endpoint-pools.ts';
import { CONNECTION_FAILURES } from './transport/failing-connection.ts';
import { probing } from './transport/probe.ts';

export interface ClusterSnapshot {
  readonly discovery: DiscoveryState;
  readonly endpoints: readonly EndpointSnapshot[];
  readonly subset: SubsetSnapshot;
  readonly locality: LocalitySnapshot;
  readonly exclusions: Exclusions;
  /** What is done because too few endpoints are usable; `observed`: nothing, but something would be. */
  readonly panic: Panic;
  readonly circuit: CircuitSnapshot;
  /** Of routes that override it, by name of the route. */
  readonly circuits: Readonly<Record<string, CircuitSnapshot>>;
}

export interface RunningClusterDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly timeouts: Timeouts;
  readonly stub: StubResolver;
  /** Who this process is among its replicas. */
  readonly self: Self;
  /** Who its replicas are, where a policy says where to find them. */
  readonly peers?: PeerLists | undefined;
  /** Of hosts outside the policy. */
  readonly egress?: EgressFilter | undefined;
  /** Certificates, where policies say TLS; only tests, whose transport has none, do without. */
  readonly credentials?: CredentialStore | undefined;
  /** Where this process and its endpoints are, by the policy in force. */
  readonly zones: () => Zones;
  /** Tells people, once. */
  readonly warn: (message: string) => void;
  /** In the place of undici's pools, for tests. */
  readonly transport: ((service: string) => Transport) | undefined;
  readonly emit: Emit;
  /** Who hears of attempts and calls; nobody, where it is left out. */
  readonly onlooking?: Onlooking | undefined;
  /** Of the policy in force. */
  readonly knobs: () => ServicePolicy;
  /** Host, and port where its requests have one: what health checks are addressed to. */
  readonly authority: () => string;
  /** The first of the service's hosts: whom a certificate is for, where the policy does not say. */
  readonly host: () => string;
  /** No service of the policy: https: URLs mean what they mean anywhere. */
  readonly unnamed: () => boolean;
  /** Discovery has answered. */
  readonly changed: () => void;
  /** What routes do to attempts (faults, evidence). */
  readonly between?: Layer<Attempt> | undefined;
}

const unchanged: Layer<Attempt> = (next) => next;
const notLookedFor: DiscoveryState = { source: 'nothing is looked for yet', state: 'never', age: undefined, lastError: undefined };

export class RunningCluster {
  readonly cluster: Cluster;
  readonly transport: Transport;
  readonly circuits: PerRoute<Attempt, Circuit, 'circuit'>;
  /** An attempt at one of its endpoints. */
  readonly attempt: Service<Attempt>;
  /** Made for the first copy: few services are mirrored to. */
  #copy: Service<Attempt> | undefined;
  readonly #service: string;
  readonly #deps: RunningClusterDeps;
  /** Its only endpoint is a Kubernetes ClusterIP. */
  #virtual = false;
  #balanced: { readonly policy: ServicePolicy; readonly virtual: boolean; readonly knobs: ClusterKnobs } | undefined;
  /** Where endpoints are looked for now. */
  #source: DiscoverySource;
  /** Undefined until it is started. */
  #watch: Watch | undefined;
  /** Ends listening to what becomes of the peers. */
  readonly #deaf: (() => void) | undefined;

  constructor(service: string, source: DiscoverySource, deps: RunningClusterDeps) {
    const { clock, random, emit, knobs, self } = deps;
    this.#service = service;
    this.#deps = deps;
    this.#source = source;
    this.transport = deps.transport?.(service) ?? new EndpointPools({ clock, random, knobs: () => knobs().connection, tls: this.#tls(), recycling: this.#recycling(), refuses: (address) => (deps.unnamed() ? deps.egress?.addressProblem(address) : undefined), opened: rememberOrigin, closed: forgetOrigin });
    const refresh = (reason: RefreshReason): void => {
      emit('discovery.refresh', { service, reason });
      this.#watch?.refresh(reason);
    };
    this.cluster = new Cluster({
      service, identity: `${self.service}/${self.instance}`, clock, stalls: deps.timeouts.stalls, random, emit, refresh,
      // To eject a virtual IP is to eject the service: its failures are of whichever pod answered, and so is its health.
      knobs: () => this.#clusterKnobs(),
      position: () => positionOf(knobs().subset, self, peersOf(knobs().subset, deps.peers)),
      retire: (endpoint) => this.transport.retire(endpoint),
      probe: probing({ service, policy: knobs, authority: deps.authority, transport: this.transport, clock }),
    });
    this.circuits = new PerRoute({
      mechanism: 'circuit', policy: knobs, callOf: ({ call }: Attempt) => call, routes: 'instead',
      make: (own, route) => new Circuit({ service, route, clock, emit, knobs: own }),
    });
    this.attempt = this.#through(this.circuits.layer, deps.between ?? unchanged);
    this.#deaf = deps.peers?.subscribe(() => this.cluster.repositioned());
  }

  /** An attempt that is a copy of one: the circuit neither stops nor counts it. */
  copy(attempt: Attempt): Promise<Reply> {
    return (this.#copy ??= this.#through(unchanged, unchanged))(attempt);
  }

  /** Looks for endpoints from now on. */
  start(): this {
    this.#watch ??= this.#follow(this.#source);
    return this;
  }

  #tls(): EndpointPoolsDeps['tls'] {
    const { credentials, knobs, host, unnamed } = this.#deps;
    if (credentials === undefined) return undefined;
    const tls = new ServiceTls({ store: credentials, knobs: () => knobs().tls, host });
    return (scheme) => (scheme === 'https' && unnamed() ? undefined : tls.settings);
  }

  /** The endpoint of a virtual IP is never ejected; connections to it can be given up, as each is to one of the instances behind it. */
  #recycling(): EndpointPoolsDeps['recycling'] {
    const { knobs, emit } = this.#deps;
    return {
      after: () => {
        if (!this.#virtual) return undefined;
        const { outlier } = knobs();
        if (outlier === 'off') return undefined;
        return outlier.consecutiveFailures === 'off' ? CONNECTION_FAILURES : outlier.consecutiveFailures;
      },
      reached: (endpoint, failures) => {
        const { outlier } = knobs();
        const enforced = outlier !== 'off' && outlier.mode === 'enforce';
        emit('connection.recycled', { service: this.#service, endpoint: endpointKey(endpoint), failures, enforced });
        return enforced;
      },
    };
  }

  #through(circuit: Layer<Attempt>, between: Layer<Attempt>): Service<Attempt> {
    const { clock, timeouts, onlooking } = this.#deps;
    return stack<Attempt>(
      // Below retry, so that each attempt counts; above the timeout, so that timeouts count.
      circuit,
      // Above the balancer, so that waiting for endpoints and connecting are within it.
      attemptTimeout(timeouts),
      // Faults and evidence: below what they exercise, above what they must not touch.
      between,
      // Below whatever takes time, so that what it says remains does remain.
      propagation(),
      // Directly above the balancer: what it records is one try at one endpoint.
      traceAttempts({ clock }),
      measureAttempts({ clock }),
    )(balance(this.cluster, this.transport, clock, onlooking));
  }

  /** Discovery has said that there is no endpoint. */
  get isEmpty(): boolean {
    return this.cluster.resolved && this.cluster.total === 0;
  }

  /** Made once for each policy, as every pick asks for them. */
  #clusterKnobs(): ClusterKnobs {
    const policy = this.#deps.knobs();
    const zones = this.#deps.zones();
    if (this.#balanced?.policy !== policy || this.#balanced.virtual !== this.#virtual || this.#balanced.knobs.zones !== zones) {
      this.#balanced = { policy, virtual: this.#virtual, knobs: clusterKnobs(policy, this.#virtual, zones) };
    }
    return this.#balanced.knobs;
  }

  /** Attempts that the connections to all endpoints can carry; 0 while no endpoint is known. */
  get capacity(): number {
    return this.cluster.size * this.#deps.knobs().connection.maxPerEndpoint;
  }

  /** Endpoints are found, and connected to: those of the subset, which depends on the peers. Rejects as `Cluster.ready` does. */
  async ready(cancellation: Cancellation): Promise<void> {
    await this.cluster.ready(cancellation);
    await this.#positioned(cancellation);
    await Promise.all(this.cluster.endpoints.map((endpoint) => this.transport.warm(endpoint)));
  }

  /** Who the peers are is known, or cannot be known in time: endpoints are chosen without it then, and connected to all the same. */
  async #positioned(cancellation: Cancellation): Promise<void> {
    const { peers, knobs } = this.#deps;
    const { subset } = knobs();
    if (peers === undefined || subset === 'off' || subset.peers === 'off' || this.cluster.size === this.cluster.total) return;
    await Promise.race([peers.asked(subset.peers), cancelled(cancellation)]);
    if (cancellation.reason !== undefined && cancellation.reason.code !== 'DEADLINE_EXCEEDED') throw cancellation.reason;
  }

  /** Endpoints are to be looked for there. Those that are known stay in use until a new source has answered. */
  look(source: DiscoverySource): void {
    if (isDeepStrictEqual(source, this.#source)) return;
    this.#source = source;
    if (this.#watch === undefined) return;
    this.#watch.close();
    this.#watch = this.#follow(source);
  }

  snapshot(): ClusterSnapshot {
    return { discovery: this.#watch?.state() ?? notLookedFor, endpoints: this.cluster.snapshot(), subset: this.cluster.subset(), locality: this.cluster.locality(), exclusions: this.cluster.exclusions(), panic: this.cluster.panic, circuit: this.circuits.own.snapshot(), circuits: this.circuits.snapshots() };
  }

  /** No new attempts come: what is in flight finishes, what is idle closes. */
  drain(): void {
    this.#watch?.close();
    this.#deaf?.();
    for (const endpoint of this.cluster.endpoints) this.transport.retire(endpoint);
  }

  async close(reason: MeshError): Promise<void> {
    this.#watch?.close();
    this.#deaf?.();
    this.cluster.close();
    await this.transport.destroy(reason);
  }

  #follow(source: DiscoverySource): Watch {
    const { clock, random, stub, emit, onlooking, warn, zones, knobs, changed } = this.#deps;
    const service = this.#service;
    const measured: typeof recordLookup = (...lookup) => {
      recordLookup(...lookup);
      onlooking?.present?.lookedUp(...lookup);
    };
    const watch = resolverFor(source, { stub, clock, random, zone: zones().own, knobs: () => knobs().discovery, measured }).watch({
      resolved: (resolution) => {
        if (resolution.virtual === true && !this.#virtual) {
          emit('discovery.virtual', { service, source: resolution.source, endpoints: resolution.endpoints.map(endpointKey) });
          warn(`${service}: ${resolution.source} gives the virtual IP of a Kubernetes Service; name a headless Service (clusterIP: None) to balance over its pods`);
        }
        this.#virtual = resolution.virtual === true;
        if (!resolution.complete && resolution.waiting !== true) emit('discovery.truncated', { service, source: resolution.source, endpoints: resolution.endpoints.length });
        this.cluster.reconcile(resolution);
        changed();
      },
      failed: (error) => {
        this.cluster.failed(error);
        const { source: failing, age } = watch.state();
        emit('discovery.failed', { service, source: failing, error, age });
      },
    });
    return watch;
  }
}

function cancelled(cancellation: Cancellation): Promise<void> {
  return new Promise((resolve) => cancellation.subscribe({ cancelled: () => resolve() }));
}

function peersOf(knobs: ServicePolicy['subset'], lists: PeerLists | undefined): PeerView | undefined {
  return knobs === 'off' || knobs.peers === 'off' ? undefined : lists?.of(knobs.peers);
}

function clusterKnobs({ subset, balancer, slowStart, outlier, healthCheck, locality, connection }: ServicePolicy, virtual: boolean, zones: Zones): ClusterKnobs {
  // Clients with subsets of their own would each find another home for the same key.
  const whole = balancer.type === 'hash' && subset !== 'off' && subset.strategy === 'auto';
  return { subset: whole ? 'off' : subset, balancer, slowStart, outlier: virtual ? 'off' : outlier, healthCheck: virtual ? 'off' : healthCheck, locality, zones, maxPerEndpoint: connection.maxPerEndpoint };
}
