/**
 * The same worlds, with clients that are whole: every layer of a `RunningService` in the order in which it runs in production, its
 * poller and its timeouts, on virtual time. Only names and sockets are played. Slower than choosing alone, as every step is a promise.
 */
import type { Attempt, Reply, Transport } from '../../src/core/call.ts';
import type { Millis } from '../../src/core/clock.ts';
import { endpointKey, type EndpointKey } from '../../src/core/endpoint.ts';
import { MeshError } from '../../src/core/errors.ts';
import type { Emit, MeshEventName } from '../../src/core/events.ts';
import { defaultServicePolicy, type ServicePolicy } from '../../src/core/policy.ts';
import { noZones } from '../../src/core/zones.ts';
import { below, seededRandom } from '../../src/core/random.ts';
import type { StubResolver } from '../../src/discovery/stub-resolver.ts';
import { Timeouts } from '../../src/policies/timeouts.ts';
import { RunningService } from '../../src/running-service.ts';
import { fakeCall } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { Figures } from './figures.ts';
import type { Job, Server } from './server.ts';
import { Timeline, type Happening } from './timeline.ts';
import { endpointOf } from './ways/inmesh.ts';
import { exponential } from './weather.ts';
import type { Scenario, Scene } from './world.ts';

export interface LayeredRun {
  readonly figures: Figures;
  /** Attempts per call, less one. */
  readonly extra: number;
  readonly events: ReadonlyMap<MeshEventName, number>;
}

export class LayeredWorld implements Scene {
  readonly timeline = new Timeline();
  readonly servers: readonly Server[];
  /** What the name leads to. */
  #published: readonly number[];
  readonly #scenario: Scenario;
  readonly #seed: number;
  readonly #policy: ServicePolicy;

  constructor(scenario: Scenario, policy: Partial<ServicePolicy>, seed: number) {
    this.#scenario = scenario;
    this.#seed = seed;
    const chance = seededRandom(seed + 2_000);
    this.servers = scenario.servers(this.timeline, () => chance.next());
    this.#published = this.servers.map((_, number) => number);
    this.#policy = {
      ...defaultServicePolicy,
      subset: { ...defaultServicePolicy.subset, size: 1_000 },
      attemptTimeout: scenario.timeout,
      deadline: 3 * scenario.timeout,
      ...policy,
    };
    scenario.weather?.(this, seededRandom(seed + 4_000));
  }

  /** Clients hear of it when they ask. */
  readonly publish = (servers: readonly number[]): void => void (this.#published = servers);

  async play(): Promise<LayeredRun> {
    const { clients, duration, warmUp, rate, steady, timeout, work } = this.#scenario;
    const { timeline } = this;
    const figures = new Figures(timeout, this.servers.length);
    const events = new Map<MeshEventName, number>();
    const emit: Emit = (name) => void events.set(name, (events.get(name) ?? 0) + 1);
    const works = seededRandom(this.#seed + 1_000);
    const transports = Array.from({ length: clients }, (_, client) => new VirtualTransport(this, () => work(works), (server) => this.#scenario.distance?.(client, server) ?? 0));
    const services = transports.map((transport, client) => {
      const random = seededRandom(this.#seed * 7_919 + client * 104_729 + 3_000);
      return new RunningService('reviews', entry(this.#policy), { kind: 'dns', name: 'reviews.', port: 80 }, {
        clock: timeline, random, timeouts: new Timeouts(timeline), stub: this.#names(), self: { service: 'shop', instance: `client-${client}` }, zones: () => noZones,
        warn() {}, transport: () => transport, emit, named: () => { throw new Error('there is one service here'); },
      });
    });
    let calls = 0;
    const call = async (client: number, at: Millis): Promise<void> => {
      let answer: Reply | undefined;
      const counts = at >= warmUp;
      if (counts) calls += 1;
      try {
        answer = await services[client]!.send(fakeCall({ policy: this.#policy, startedAt: at }));
      } catch (error) {
        if (!(error instanceof MeshError)) throw error;
      }
      const failed = answer === undefined || answer.status >= 500;
      if (counts) figures.add(at, timeline.now() - at, failed, -1);
      (answer as FakeReply | undefined)?.end();
    };
    const arrivals = seededRandom(this.#seed);
    const arrival: Happening = {
      happen: (at) => {
        void call(below(arrivals, clients), at);
        const next = at + (steady === true ? 1_000 / rate : exponential(1_000 / rate, arrivals));
        if (next < duration) timeline.at(next, arrival);
      },
    };
    // Names are looked up before anybody calls.
    await timeline.runSettling(0);
    timeline.at(0, arrival);
    let sentBefore = 0;
    await timeline.runSettling(warmUp);
    for (const { sent } of transports) sentBefore += sent;
    await timeline.runSettling(duration + this.#policy.deadline + 1);
    const sent = transports.reduce((sum, transport) => sum + transport.sent, 0) - sentBefore;
    return { figures, extra: sent / calls - 1, events };
  }

  /** Where the next attempt of that address goes. */
  serverAt(key: EndpointKey): number {
    const number = this.#numbers.get(key);
    if (number === undefined) throw new Error(`no server at ${key}`);
    return number;
  }

  get #numbers(): ReadonlyMap<EndpointKey, number> {
    return (this.#numbered ??= new Map(this.servers.map((_, number) => [endpointKey(endpointOf(number)), number])));
  }

  #numbered: Map<EndpointKey, number> | undefined = undefined;

  /** The part of a stub resolver that is asked for a host's addresses. */
  #names(): StubResolver {
    return {
      family: 4,
      hosts: new Map(),
      search: { domains: [], ndots: 1 },
      lookup: async () => ({ records: this.#published.map((server) => ({ address: endpointOf(server).host })), exists: true, truncated: false, ttl: 5 }),
    } as unknown as StubResolver;
  }
}

function entry(policy: ServicePolicy) {
  return { name: 'reviews', hosts: [], source: undefined, versions: new Map(), routes: [], policy };
}

class VirtualTransport implements Transport {
  sent = 0;
  readonly #world: LayeredWorld;
  readonly #work: () => Millis;
  readonly #distance: (server: number) => Millis;

  constructor(world: LayeredWorld, work: () => Millis, distance: (server: number) => Millis) {
    this.#world = world;
    this.#work = work;
    this.#distance = distance;
  }

  send(attempt: Attempt): Promise<Reply> {
    const server = this.#world.serverAt(endpointKey(attempt.endpoint!));
    if (this.#world.servers[server]!.closed) return Promise.reject(new MeshError('CONNECT_FAILED', 'connection refused', { sent: 'no' }));
    this.sent += 1;
    const { timeline, servers } = this.#world;
    const distance = this.#distance(server);
    return new Promise((resolve, reject) => {
      const job: Job = {
        work: this.#work(), found: 0, arrivedAt: 0, startedAt: 0,
        answered: (failed) => void timeline.after(distance / 2, () => resolve(new FakeReply(failed ? 500 : 200))),
      };
      timeline.after(distance / 2, () => servers[server]!.arrive(job, timeline.now()));
      // It stops waiting; the server works on.
      attempt.cancellation.subscribe({ cancelled: (reason: MeshError) => reject(reason) });
    });
  }

  retire(): void {}
  warm(): Promise<void> {
    return Promise.resolve();
  }
  destroy(): Promise<void> {
    return Promise.resolve();
  }
}

export function playLayered(scenario: Scenario, policy: Partial<ServicePolicy>, seed: number): Promise<LayeredRun> {
  return new LayeredWorld(scenario, policy, seed).play();
}
