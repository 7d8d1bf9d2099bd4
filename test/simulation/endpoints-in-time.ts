/**
 * A discrete simulation: real cluster, real balance, virtual endpoints, virtual time. Requests arrive as a Poisson stream; an
 * endpoint serves them on a few workers, first come first served, and behaves as its script says. The same seed gives the same
 * arrivals and service times to every way of choosing, so what differs is the choice.
 */
import type { Attempt, Reply, Service, Transport } from '../../src/core/call.ts';
import type { Millis } from '../../src/core/clock.ts';
import type { Endpoint, EndpointKey } from '../../src/core/endpoint.ts';
import { endpointKey } from '../../src/core/endpoint.ts';
import { MeshError } from '../../src/core/errors.ts';
import type { MeshEventName } from '../../src/core/events.ts';
import { defaultServicePolicy } from '../../src/core/policy.ts';
import { seededRandom, type Random } from '../../src/core/random.ts';
import { balance } from '../../src/balancer/balance.ts';
import { Cluster } from '../../src/balancer/cluster.ts';
import { fakeAttempt, fakeCall } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** How an endpoint serves one request: after how long it answers with which status; `never`: until the attempt's timeout. */
export type Behaviour = (now: Millis, random: Random) => { after: Millis; status: number } | 'never';

/** 10 ms ± half of it. */
export const ordinary: Behaviour = (_, random) => ({ after: 5 + 10 * random.next(), status: 200 });

export interface Scenario {
  readonly seed: number;
  readonly behaviours: readonly Behaviour[];
  /** Per second. */
  readonly rate: number;
  readonly duration: Millis;
  readonly attemptTimeout?: Millis;
  /** Endpoints of these numbers are found only at this time. */
  readonly late?: { readonly numbers: readonly number[]; readonly at: Millis };
}

export interface Run {
  readonly requests: number;
  readonly successes: number;
  /** When each endpoint was sent an attempt. */
  readonly sentAt: readonly (readonly Millis[])[];
  readonly events: readonly { readonly name: MeshEventName; readonly at: Millis; readonly event: unknown }[];
}

/** Share of the attempts begun since `from` that went to this endpoint. */
export function share(run: Run, number: number, from: Millis = 0, to: Millis = Infinity): number {
  const counts = run.sentAt.map((times) => times.filter((at) => at >= from && at < to).length);
  return counts[number]! / counts.reduce((sum, count) => sum + count, 0);
}

const WORKERS = 4;

export async function simulate(choice: 'cluster' | 'round-robin', scenario: Scenario): Promise<Run> {
  const { seed, behaviours, rate, duration, late, attemptTimeout = 1_000 } = scenario;
  const clock = new VirtualClock();
  const [arrivals, work] = [seededRandom(seed), seededRandom(seed + 1_000)];
  const all: Endpoint[] = behaviours.map((_, number) => ({ host: `10.0.0.${number}`, port: 80, weight: 1, priority: 0 }));
  const early = late === undefined ? all : all.filter((_, number) => !late.numbers.includes(number));
  const events: Run['events'][number][] = [];
  const sentAt: Millis[][] = all.map(() => []);
  const transport = new VirtualEndpoints(clock, work, attemptTimeout, new Map(all.map((endpoint, number) => [endpointKey(endpoint), behaviours[number]!])));
  const cluster = new Cluster({
    service: 'reviews',
    identity: 'client',
    clock,
    random: seededRandom(seed + 2_000),
    knobs: () => ({ ...defaultServicePolicy, maxPerEndpoint: defaultServicePolicy.connection.maxPerEndpoint }),
    emit: (name, event) => void events.push({ name, at: clock.now(), event }),
    retire: () => {},
    refresh: () => {},
  });
  let known = early;
  let turn = 0;
  const roundRobin: Service<Attempt> = (attempt) => {
    attempt.endpoint = known[turn++ % known.length]!;
    return transport.send(attempt);
  };
  const counted = { requests: 0, successes: 0 };
  const service = choice === 'cluster' ? balance(cluster, transport, clock) : roundRobin;
  async function request(): Promise<void> {
    counted.requests += 1;
    const attempt = fakeAttempt(fakeCall({ startedAt: clock.now() }));
    const sent = clock.now();
    const answer = await service(attempt).catch(() => undefined);
    sentAt[all.indexOf(attempt.endpoint!)]!.push(sent);
    if (answer?.status === 200) counted.successes += 1;
    (answer as FakeReply | undefined)?.end();
  }
  function resolve(): void {
    cluster.reconcile({ endpoints: known, complete: true, source: 'a simulation' });
  }

  resolve();
  if (late !== undefined) {
    clock.after(late.at, () => {
      known = all;
      resolve();
    });
  }
  function arrive(): void {
    if (clock.now() >= duration) return;
    void request();
    clock.after((-Math.log(1 - arrivals.next()) / rate) * 1_000, arrive);
  }
  arrive();
  await clock.advance(duration + 5_000);
  return { ...counted, sentAt, events };
}

class VirtualEndpoints implements Transport {
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #timeout: Millis;
  readonly #behaviours: ReadonlyMap<EndpointKey, Behaviour>;
  /** When each worker of each endpoint is free again. */
  readonly #freeAt = new Map<EndpointKey, Millis[]>();

  constructor(clock: VirtualClock, random: Random, timeout: Millis, behaviours: ReadonlyMap<EndpointKey, Behaviour>) {
    this.#clock = clock;
    this.#random = random;
    this.#timeout = timeout;
    this.#behaviours = behaviours;
  }

  send(attempt: Attempt): Promise<Reply> {
    const key = endpointKey(attempt.endpoint!);
    const now = this.#clock.now();
    const served = this.#behaviours.get(key)!(now, this.#random);
    const workers = this.#freeAt.get(key) ?? new Array<Millis>(WORKERS).fill(0);
    this.#freeAt.set(key, workers);
    const worker = workers.indexOf(Math.min(...workers));
    const doneAt = served === 'never' ? Infinity : Math.max(now, workers[worker]!) + served.after;
    if (served !== 'never') workers[worker] = doneAt;
    return new Promise((resolve, reject) => {
      if (served === 'never' || doneAt - now > this.#timeout) {
        this.#clock.after(this.#timeout, () => reject(new MeshError('ATTEMPT_TIMEOUT', 'no answer in time', { sent: 'maybe' })));
      } else {
        this.#clock.after(doneAt - now, () => resolve(new FakeReply(served.status)));
      }
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
