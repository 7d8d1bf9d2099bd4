/**
 * Clients that call a service more than it can serve, through the real deadline and concurrency layers, on virtual time. What
 * sets the limit is the library, or somebody else's idea of it (overload-limiters.ts): either way the same layer acts on it.
 *
 * The server has so many workers and serves first come, first served. It never learns that a caller gave up: work that is late is
 * done all the same, and lost.
 */
import { stack, type Call, type Reply } from '../../src/core/call.ts';
import type { Clock, Millis } from '../../src/core/clock.ts';
import { criticalities, type Criticality } from '../../src/core/criticality.ts';
import { MeshError } from '../../src/core/errors.ts';
import { defaultServicePolicy, type ConcurrencyKnobs, type Switchable } from '../../src/core/policy.ts';
import { below, seededRandom, type Random } from '../../src/core/random.ts';
import { ConcurrencyLimit } from '../../src/policies/concurrency.ts';
import { deadline } from '../../src/policies/deadline.ts';
import { Timeouts } from '../../src/policies/timeouts.ts';
import { fakeCall } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { FifoServer, type Job } from './server.ts';
import { Timeline, type Happening } from './timeline.ts';
import { exponential, normal } from './weather.ts';

/** Milliseconds of work a request; all of mean 10. */
export const distributions = {
  exponential: (random: Random): Millis => exponential(10, random),
  'lognormal, s = 1.5': (random: Random): Millis => 10 * Math.exp(normal(-1.125, 1.5, random)),
  'bimodal, 5 or 55': (random: Random): Millis => (random.next() < 0.9 ? 5 : 55),
  'nearly constant': (random: Random): Millis => 9.5 + random.next(),
} as const;

export type Distribution = keyof typeof distributions;

const MEAN_WORK = 10;

export interface Overload {
  readonly workers: number;
  readonly clients?: number;
  readonly work: Distribution;
  /** Calls, as a multiple of what the server can serve; may change with time. */
  readonly load: number | ((now: Millis) => number);
  readonly duration: Millis;
  /** What comes before this is not counted. */
  readonly warmUp: Millis;
  readonly deadline?: Millis;
  /** How far the time of day of a client is off. */
  readonly skew?: (client: number) => Millis;
}

/** Sets the limit of one client. */
export interface Limiter {
  knobs(): Switchable<ConcurrencyKnobs>;
  /** A call has ended, one of so many in flight; Infinity: it got no answer in time. */
  ended?(latency: Millis, inFlight: number, now: Millis): void;
}

export interface NamedLimiter {
  readonly name: string;
  make(client: number, clock: Clock): Limiter;
}

export interface OverloadRun {
  /** Calls answered in time, as a share of what the server could serve, or of what came where that is less. */
  readonly goodput: number;
  readonly p50: Millis;
  readonly p99: Millis;
  /** Share of the calls of each tier that were answered in time. */
  readonly success: Readonly<Record<Criticality, number>>;
  /** At the end, of each client. */
  readonly limits: readonly number[];
  readonly bases: readonly (number | undefined)[];
  /** Most requests that were at the server at one time, after the warm-up. */
  readonly most: number;
}

/** A fifth of the calls matter to users, half can be repeated, the rest may go. */
const mix: readonly (readonly [number, Criticality])[] = [[0.05, 'critical-plus'], [0.2, 'critical'], [0.7, 'sheddable-plus'], [1, 'sheddable']];

export async function overload(scenario: Overload, limiter: NamedLimiter, seed: number): Promise<OverloadRun> {
  const { workers, clients = 1, duration, warmUp, load, deadline: patience = 250, skew = () => 0 } = scenario;
  const timeline = new Timeline();
  const [arrivals, works, tiers] = [seededRandom(seed), seededRandom(seed + 1_000), seededRandom(seed + 2_000)];
  const server = new FifoServer(timeline, () => 1, workers);
  const timeouts = new Timeouts(timeline);
  const policy = { ...defaultServicePolicy, deadline: patience };
  const all = Array.from({ length: clients }, (_, client) => {
    const clock: Clock = { now: () => timeline.now(), wall: () => timeline.wall() + skew(client), after: (delay, fire) => timeline.after(delay, fire) };
    const own = limiter.make(client, clock);
    const limit = new ConcurrencyLimit({ service: 'reviews', clock, knobs: () => own.knobs(), capacity: () => 0, emit: () => {} });
    const serve = (call: Call): Promise<Reply> =>
      new Promise((resolve, reject) => {
        const sentAt = timeline.now();
        call.attempts = 1;
        call.tried.add('10.0.0.1:80');
        const job: Job = {
          work: distributions[scenario.work](works), found: 0, arrivedAt: 0, startedAt: 0,
          answered: (_failed, now) => {
            call.cancellation.unsubscribe(left);
            if (call.cancellation.reason !== undefined) return;
            own.ended?.(now - sentAt, limit.inFlight, now);
            resolve(new FakeReply());
          },
        };
        const left = {
          cancelled: (reason: MeshError) => {
            own.ended?.(Infinity, limit.inFlight, timeline.now());
            reject(reason);
          },
        };
        call.cancellation.subscribe(left);
        server.arrive(job, sentAt);
      });
    return { limit, service: stack<Call>(deadline(timeouts), limit.layer)(serve) };
  });

  const came = new Map<Criticality, number>(criticalities.map((tier) => [tier, 0]));
  const answered = new Map(came);
  const latencies: Millis[] = [];
  let most = 0;
  const call = async (at: Millis): Promise<void> => {
    const draw = tiers.next();
    const criticality = mix.find(([up]) => draw < up)![1];
    if (at >= warmUp) came.set(criticality, came.get(criticality)! + 1);
    let reply: Reply | undefined;
    try {
      reply = await all[clients === 1 ? 0 : below(arrivals, clients)]!.service(fakeCall({ policy, criticality, startedAt: at }));
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
    }
    if (at >= warmUp && reply !== undefined) {
      answered.set(criticality, answered.get(criticality)! + 1);
      latencies.push(timeline.now() - at);
    }
    (reply as FakeReply | undefined)?.end();
  };
  const capacity = workers / MEAN_WORK;
  const loadAt = typeof load === 'number' ? () => load : load;
  const arrival: Happening = {
    happen: (at) => {
      void call(at);
      if (at >= warmUp) most = Math.max(most, server.inFlight);
      const next = at + exponential(1 / (loadAt(at) * capacity), arrivals);
      if (next < duration) timeline.at(next, arrival);
    },
  };
  timeline.at(0, arrival);
  await timeline.runSettling(duration);
  const { limits, bases } = { limits: all.map(({ limit }) => limit.snapshot().limit), bases: all.map(({ limit }) => limit.snapshot().adaptive?.base) };
  await timeline.runSettling(duration + patience + 1);

  latencies.sort((one, other) => one - other);
  const [offered, served] = [came, answered].map((counts) => [...counts.values()].reduce((sum, count) => sum + count, 0)) as [number, number];
  return {
    goodput: served / Math.min(offered, capacity * (duration - warmUp)),
    p50: latencies[latencies.length >> 1] ?? NaN,
    p99: latencies[Math.floor(latencies.length * 0.99)] ?? NaN,
    success: Object.fromEntries(criticalities.map((tier) => [tier, answered.get(tier)! / Math.max(1, came.get(tier)!)])) as Record<Criticality, number>,
    limits, bases, most,
  };
}
