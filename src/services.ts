/**
 * The services of a client: which one a request is for, started when it is first called, and let go where nobody will miss it.
 *
 * Those that the policy names stay. Any other host is a service, too, with the defaults (unless `unknownHosts` says otherwise), and since
 * hosts may come from outside, in any number, there are only so many of those, and each only as long as it is called.
 */
import { knobOrigins, placeOf } from './config/knob-origins.ts';
import type { LoadedPolicy } from './config/load-policy.ts';
import type { Millis, Timer } from './core/clock.ts';
import { MeshError } from './core/errors.ts';
import type { Explanation } from './core/explanation.ts';
import type { DiscoverySource, ServiceEntry, ServicePolicy } from './core/policy.ts';
import { Zones } from './core/zones.ts';
import { ownAddresses } from './discovery/peers.ts';
import { explain, plannedShares, type ExplainedRequest } from './routing/explain.ts';
import { hostTable, splitAuthority, type Authority, type HostTable } from './routing/hosts.ts';
import { EgressFilter } from './security/egress.ts';
import { RunningService, type ServiceDeps } from './running-service.ts';

/** A host outside the policy that was not called for this long is forgotten, with its endpoints and connections … */
const FORGET_AFTER: Millis = 5 * 60_000;
/** … found out this often. */
const FORGET_EVERY: Millis = 60_000;
/** Whether the calls of a service that leaves have ended is asked this often. */
const SEE_OFF_EVERY: Millis = 1_000;
/** Hosts outside the policy that are known at one time. */
const UNNAMED_AT_MOST = 512;
/** Authorities whose service is remembered; emptied when full, for authorities may come from outside. */
const AUTHORITIES_AT_MOST = 4096;

export class Services {
  #loaded: LoadedPolicy;
  readonly #deps: ServiceDeps;
  #hosts: HostTable;
  /** Of hosts outside the policy. */
  readonly egress = new EgressFilter(() => this.#loaded.policy.egress);
  /** By name; services without a discovery of their own, and hosts outside the policy, have one per port. */
  readonly #running = new Map<string, RunningService>();
  readonly #byAuthority = { http: new Map<string, RunningService>(), https: new Map<string, RunningService>() };
  /** No longer named by the policy, or not as they were; they go when their calls have ended. */
  readonly #leaving = new Set<RunningService>();
  readonly #zone: string | undefined;
  #zones: Zones;
  #forgetting: Timer | undefined;
  #seeing: Timer | undefined;

  /** `zone`: of this process, where somebody said it. */
  constructor(loaded: LoadedPolicy, { zone, ...deps }: Omit<ServiceDeps, 'named' | 'zones' | 'egress'> & { readonly zone: string | undefined }) {
    this.#loaded = loaded;
    this.#zone = zone;
    this.#zones = this.#zonesOf(loaded);
    this.#deps = { ...deps, named: (name) => this.named(name), egress: this.egress, zones: () => this.#zones };
    this.#hosts = hostTable(loaded.policy.services.values());
  }

  /** Those that were called or asked to be ready. */
  get running(): readonly RunningService[] {
    return [...this.#running.values()];
  }

  /** @throws MeshError EGRESS_DENIED */
  of(scheme: 'http' | 'https', authority: string): RunningService {
    const remembered = this.#byAuthority[scheme].get(authority);
    if (remembered !== undefined) return remembered;
    const address = splitAuthority(scheme, authority);
    const entry = this.#hosts.find(address) ?? this.#unnamed(address);
    const running = this.#run(entry, address.port);
    if (this.#byAuthority[scheme].size >= AUTHORITIES_AT_MOST) this.#byAuthority[scheme].clear();
    this.#byAuthority[scheme].set(authority, running);
    return running;
  }

  /** @throws MeshError UNKNOWN_SERVICE */
  named(name: string): RunningService {
    const { policy, source } = this.#loaded;
    const entry = policy.services.get(name);
    if (entry === undefined) throw new MeshError('UNKNOWN_SERVICE', `${name}: no such service in ${source} (known: ${[...policy.services.keys()].join(', ') || 'none'})`, { service: name });
    return this.#run(entry, entry.hosts[0]?.port ?? 80);
  }

  /** By the policy in force and what is known now. Nothing is sent, looked up or started. */
  explain(request: ExplainedRequest): Explanation {
    const { policy, source, written } = this.#loaded;
    const runningOf = (name: string): RunningService | undefined => this.running.find((each) => each.name === name);
    const explanation = explain(request, {
      policy, source, wall: this.#deps.clock.wall(),
      knobs: (knobs, service, route) => knobOrigins(knobs, service, route, written),
      placeOf: (service, route) => placeOf(['services', service, 'routes', route], written),
      shares: (service, route, { headers, hashKey }) => {
        const running = runningOf(service)?.routeNamed(route.name)?.shares({ headers }, hashKey);
        const { clock, random } = this.#deps;
        return running ?? plannedShares({ service, route, clock, random }, { headers }, hashKey);
      },
    });
    const snapshot = explanation.service === undefined ? undefined : runningOf(explanation.service)?.snapshot();
    if (snapshot === undefined) return explanation;
    const groups = explanation.versions.length === 0 ? [{ version: undefined, endpoints: explanation.route?.toVersions === true ? [] : snapshot.endpoints }]
      : explanation.versions.map(({ name }) => ({ version: name, endpoints: snapshot.versions.find((each) => each.name === name)?.endpoints ?? [] }));
    const candidates = groups.flatMap(({ version, endpoints }) => endpoints.map(({ endpoint, zone, cost, part, state, load, pending }) => ({ version, endpoint, zone, cost, part, state, load, pending })));
    return { ...explanation, candidates };
  }

  /** No service of the policy has this host, and such calls are none of ours. */
  passesThrough(scheme: 'http' | 'https', authority: string): boolean {
    if (this.#loaded.policy.unknownHosts !== 'passthrough') return false;
    const address = splitAuthority(scheme, authority);
    if (this.#hosts.find(address) !== undefined) return false;
    // What may not go there is taken, and refused.
    return this.egress.portProblem(address.port) === undefined && this.egress.addressProblem(address.host) === undefined;
  }

  /**
   * Another policy is in force. Services that it names as before go on, with its knobs; those that it names no longer end their calls and
   * go. Calls in flight keep the policy they began with.
   */
  reload(loaded: LoadedPolicy): void {
    this.#deps.peers?.keep(peersNamed(loaded));
    if (loaded.policy.zones !== this.#loaded.policy.zones) this.#zones = this.#zonesOf(loaded);
    this.#loaded = loaded;
    this.#hosts = hostTable(loaded.policy.services.values());
    this.#byAuthority.http.clear();
    this.#byAuthority.https.clear();
    const before = [...this.#running];
    this.#running.clear();
    for (const [key, running] of before) {
      const place = this.#placeOf(key, running);
      if (place === undefined || this.#running.has(place.key)) {
        this.#leave(running);
      } else {
        running.update(place.entry, ownNameOf(place.entry, place.port));
        this.#running.set(place.key, running);
      }
    }
  }

  /** Where this process is, and where addresses are. */
  get zones(): Zones {
    return this.#zones;
  }

  #zonesOf({ policy }: LoadedPolicy): Zones {
    return new Zones(policy.zones, this.#zone, ownAddresses);
  }

  async close(reason: MeshError): Promise<void> {
    this.#forgetting?.cancel();
    this.#seeing?.cancel();
    await Promise.all([...this.running, ...this.#leaving].map((running) => running.close(reason)));
    this.#running.clear();
    this.#leaving.clear();
  }

  /** Where a service that was running under `key` belongs by the policy now; undefined: nowhere. */
  #placeOf(key: string, { name }: RunningService): { key: string; entry: ServiceEntry; port: number } | undefined {
    const { services, defaults, unknownHosts } = this.#loaded.policy;
    const entry = services.get(name);
    const ported = /^(.*):(\d+)$/.exec(key);
    if (entry !== undefined) {
      const port = Number(ported?.[2] ?? entry.hosts[0]?.port ?? 80);
      return { key: keyOf(entry, port), entry, port };
    }
    // A host outside the policy is named for its address; it stays one, unless the policy names it now.
    if (ported === null || name !== key || unknownHosts !== 'defaults') return undefined;
    const [host, port] = [ported[1]!, Number(ported[2])];
    return this.#hosts.find({ host, port, explicit: true }) === undefined ? { key, entry: unnamedEntry(host, defaults), port } : undefined;
  }

  #leave(running: RunningService): void {
    this.#leaving.add(running);
    this.#seeing ??= this.#deps.clock.after(SEE_OFF_EVERY, () => this.#seeOff(), 'background');
  }

  #seeOff(): void {
    for (const running of this.#leaving) {
      if (!running.idleNow) continue;
      this.#leaving.delete(running);
      void running.close(new MeshError('CLIENT_CLOSED', `${running.name}: the policy names it no longer`, { service: running.name }));
    }
    this.#seeing = this.#leaving.size === 0 ? undefined : this.#deps.clock.after(SEE_OFF_EVERY, () => this.#seeOff(), 'background');
  }

  #unnamed({ host, port }: Authority): ServiceEntry {
    const { policy, source } = this.#loaded;
    if (policy.unknownHosts === 'deny') {
      throw new MeshError('EGRESS_DENIED', `${host}: no service of ${source} has this host, and unknownHosts is 'deny'`, { service: host });
    }
    const problem = this.egress.portProblem(port) ?? this.egress.addressProblem(host);
    if (problem !== undefined) throw new MeshError('EGRESS_DENIED', `${host}: ${problem}`, { service: host });
    return unnamedEntry(host, policy.defaults);
  }

  #run(entry: ServiceEntry, port: number): RunningService {
    const key = keyOf(entry, port);
    let running = this.#running.get(key);
    if (running === undefined) {
      const transient = !this.#loaded.policy.services.has(entry.name);
      if (transient) this.#makeRoom();
      running = new RunningService(transient ? key : entry.name, entry, ownNameOf(entry, port), this.#deps);
      this.#running.set(key, running);
      if (transient) this.#forgetting ??= this.#forgetSoon();
    }
    return running;
  }

  /** Hosts outside the policy: each costs look-ups as long as it is known, so those that nobody calls any more are let go. */
  #forget(): void {
    const longAgo = this.#deps.clock.now() - FORGET_AFTER;
    const unnamed = this.#unnamedRunning();
    const idle = unnamed.filter(([, running]) => running.idleNow && running.calledAt < longAgo);
    for (const [key, running] of idle) this.#letGo(key, running);
    this.#forgetting = idle.length === unnamed.length ? undefined : this.#forgetSoon();
  }

  #forgetSoon(): Timer {
    return this.#deps.clock.after(FORGET_EVERY, () => this.#forget(), 'background');
  }

  /** For a new one, the one that was called longest ago goes. */
  #makeRoom(): void {
    const unnamed = this.#unnamedRunning();
    if (unnamed.length < UNNAMED_AT_MOST) return;
    const [oldest] = unnamed.filter(([, running]) => running.idleNow).sort(([, one], [, other]) => one.calledAt - other.calledAt);
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
    void running.close(new MeshError('CLIENT_CLOSED', `${running.name}: forgotten, nobody has called it for a while`, { service: running.name }));
  }
}

/** Where any service has its peers looked for. */
function peersNamed({ policy: { defaults, services } }: LoadedPolicy): ReadonlySet<string> {
  const policies = [defaults, ...[...services.values()].map(({ policy }) => policy)];
  return new Set(policies.flatMap(({ subset }) => (subset === 'off' || subset.peers === 'off' ? [] : [subset.peers])));
}

function keyOf(entry: ServiceEntry, port: number): string {
  return entry.source === undefined ? `${entry.name}:${port}` : entry.name;
}

function unnamedEntry(host: string, policy: ServicePolicy): ServiceEntry {
  return { name: host, hosts: [], source: undefined, versions: new Map(), routes: [], policy };
}

/** What is looked up where the policy does not say where endpoints are found. */
function ownNameOf(entry: ServiceEntry, port: number): DiscoverySource {
  return { kind: 'dns', name: entry.hosts[0]?.host ?? entry.name, port };
}
