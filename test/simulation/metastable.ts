/**
 * A metastable failure: a service whose capacity drops for a few seconds and comes back, and that stays down, since what it does is
 * answer requests whose callers have long given up and sent others (Bronson et al., "Metastable Failures in Distributed Systems",
 * HotOS 2021; Huang et al., OSDI 2022).
 *
 * Clients are our own layers, deadline to transport, each with its own budget, as each process of a fleet has. The service is some
 * workers and one queue, first come, first served: as if it were balanced perfectly, for this is not about balancing. It knows nothing of
 * its callers but what the wire says: with deadlines propagated, it drops a request whose time is over when its turn comes. The header is
 * read from the attempt as the propagation layer wrote it.
 */
import { stack, type Attempt, type Call, type Reply, type Service } from '../../src/core/call.ts';
import type { Millis } from '../../src/core/clock.ts';
import { EXPECTED_TIMEOUT_HEADER } from '../../src/core/context-headers.ts';
import type { MeshError } from '../../src/core/errors.ts';
import { defaultServicePolicy, type CircuitKnobs, type RetryKnobs, type ServicePolicy, type Switchable } from '../../src/core/policy.ts';
import { below, seededRandom, type Random } from '../../src/core/random.ts';
import { attemptTimeout } from '../../src/policies/attempt-timeout.ts';
import { RetryBudget } from '../../src/policies/budget.ts';
import { Circuit } from '../../src/policies/circuit.ts';
import { ConcurrencyLimit } from '../../src/policies/concurrency.ts';
import { deadline } from '../../src/policies/deadline.ts';
import { propagation } from '../../src/policies/propagation.ts';
import { retry } from '../../src/policies/retry.ts';
import { Throttle } from '../../src/policies/throttle.ts';
import { Timeouts } from '../../src/policies/timeouts.ts';
import { fakeCall } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { Timeline } from './timeline.ts';

const CLIENTS = 20;
const WORKERS = 8;
/** Of one request, exponentially distributed. */
const WORK: Millis = 10;
const CAPACITY = (WORKERS * 1_000) / WORK;
const ATTEMPT_TIMEOUT: Millis = 100;
const CALL_DEADLINE: Millis = 400;

const TRIGGER_FROM: Millis = 3_000;
export const TRIGGER_UNTIL: Millis = 8_000;
const TRIGGER_SPEED = 0.4;
const STEP: Millis = 50;

export interface Way {
  readonly name: string;
  /** What callers of the service do about a failure; the deadline goes with every attempt where the service shall know of it. */
  readonly retry: Switchable<Partial<RetryKnobs>>;
  readonly propagate: boolean;
  /** With throttle, concurrency limit and circuit as well, at their defaults. */
  readonly allLayers?: boolean;
  /** Where not its defaults. */
  readonly circuit?: Switchable<Partial<CircuitKnobs>>;
  /** It is told the instant at which the trigger ends, and retries nothing from then on: what queues is all that is left to get over. */
  readonly oracle?: boolean;
}

export interface Outcome {
  /** Share of the calls that begin in this while and are answered in time. */
  goodput(from: Millis, until: Millis): number;
  /** Attempts per call that begins in this while. */
  amplification(from: Millis, until: Millis): number;
  /**
   * From the end of the trigger to the first instant from which on 99 % are answered in every second, whenever that begins (in steps of
   * 50 ms); undefined: not while we watched.
   */
  readonly recovery: Millis | undefined;
}

interface Ended {
  readonly at: Millis;
  readonly answered: boolean;
  readonly attempts: number;
}

export async function play(way: Way, utilisation: number, seed: number, duration: Millis): Promise<Outcome> {
  const timeline = new Timeline();
  const [arrivals, work] = [seededRandom(seed), seededRandom(seed + 1_000)];
  const service = new Queue(timeline, work);
  const policy = policyOf(way);
  const clients = Array.from({ length: CLIENTS }, (_, client) => clientOf(timeline, policy, service, seededRandom(seed * 31 + client), way));
  const ended: Ended[] = [];
  const arrive = (): void => {
    if (timeline.now() >= duration) return;
    const call = fakeCall({ policy, startedAt: timeline.now() });
    const over = (answered: boolean) => void ended.push({ at: call.startedAt, answered, attempts: call.attempts });
    clients[below(arrivals, CLIENTS)]!(call).then((reply) => over(reply.status === 200), () => over(false));
    timeline.after((-Math.log(1 - arrivals.next()) * 1_000) / (CAPACITY * utilisation), arrive);
  };
  arrive();
  timeline.after(TRIGGER_FROM, () => (service.speed = TRIGGER_SPEED));
  timeline.after(TRIGGER_UNTIL, () => (service.speed = 1));
  await timeline.runSettling(duration + CALL_DEADLINE + 1);

  const within = (from: Millis, until: Millis) => ended.filter(({ at }) => at >= from && at < until);
  const goodput = (from: Millis, until: Millis): number => {
    const calls = within(from, until);
    return calls.filter(({ answered }) => answered).length / calls.length;
  };
  let recovery: Millis | undefined;
  for (let from = duration - 1_000; from >= TRIGGER_UNTIL && goodput(from, from + 1_000) >= 0.99; from -= STEP) recovery = from - TRIGGER_UNTIL;
  return {
    goodput,
    amplification(from, until) {
      const calls = within(from, until);
      return calls.reduce((sum, { attempts }) => sum + attempts, 0) / calls.length;
    },
    recovery,
  };
}

function policyOf({ retry: knobs, propagate, circuit }: Way): ServicePolicy {
  const common = { on: ['timeout', 'connect-failure', 'reset', 'gateway-error'] as const, backoff: { base: 50, max: 250, jitter: 'full' as const } };
  return {
    ...defaultServicePolicy,
    deadline: CALL_DEADLINE,
    attemptTimeout: ATTEMPT_TIMEOUT,
    retry: knobs === 'off' ? 'off' : { ...defaultServicePolicy.retry, ...common, ...knobs },
    propagate: { ...defaultServicePolicy.propagate, deadline: propagate },
    circuit: circuit === 'off' ? 'off' : { ...defaultServicePolicy.circuit, ...circuit },
  };
}

function clientOf(timeline: Timeline, policy: ServicePolicy, service: Queue, random: Random, { allLayers, oracle }: Way): Service<Call> {
  const timeouts = new Timeouts(timeline);
  const budget = new RetryBudget(() => {
    if (oracle === true && timeline.now() >= TRIGGER_UNTIL) return { perSuccess: 0, cap: 0 };
    return policy.retry === 'off' ? defaultServicePolicy.retry.budget : policy.retry.budget;
  });
  const common = { service: 'reviews', clock: timeline, random, emit: () => {} };
  const attempts = stack<Attempt>(attemptTimeout(timeouts), propagation())((attempt) => {
    attempt.endpoint = { host: '10.0.0.1', port: 80, weight: 1, priority: 0 };
    return service.serve(attempt);
  });
  if (allLayers !== true) return deadline(timeouts)(retry({ ...common, budget })(attempts));
  const throttle = new Throttle({ ...common, knobs: () => policy.throttle });
  const concurrency = new ConcurrencyLimit({ ...common, capacity: () => 0, knobs: () => policy.concurrency });
  const circuit = new Circuit({ ...common, knobs: () => policy.circuit });
  return stack<Call>(deadline(timeouts), throttle.layer, concurrency.layer)(retry({ ...common, budget })(circuit.layer(attempts)));
}

interface Job {
  readonly work: Millis;
  /** When its caller no longer waits, as far as the server was told. */
  readonly until: Millis;
  readonly answer: () => void;
}

/** Some workers, and a queue without end. It never hears that a caller has gone. */
class Queue {
  /** Changes hold for what begins after them. */
  speed = 1;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #waiting: Job[] = [];
  #next = 0;
  #idle = WORKERS;

  constructor(timeline: Timeline, random: Random) {
    this.#timeline = timeline;
    this.#random = random;
  }

  serve(attempt: Attempt): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const listener = { cancelled: (reason: MeshError) => reject(reason) };
      attempt.cancellation.subscribe(listener);
      const answer = (): void => {
        const reply = new FakeReply(200);
        resolve(reply);
        reply.end();
      };
      const told = attempt.headers[attempt.headers.indexOf(EXPECTED_TIMEOUT_HEADER) + 1];
      const until = attempt.headers.includes(EXPECTED_TIMEOUT_HEADER) ? this.#timeline.now() + Number(told) : Infinity;
      this.#waiting.push({ work: -Math.log(1 - this.#random.next()) * WORK, until, answer });
      this.#work();
    });
  }

  #work(): void {
    while (this.#idle > 0 && this.#next < this.#waiting.length) {
      const job = this.#waiting[this.#next++]!;
      if (job.until <= this.#timeline.now()) continue;
      this.#idle -= 1;
      this.#timeline.after(job.work / this.speed, () => {
        this.#idle += 1;
        job.answer();
        this.#work();
      });
    }
  }
}
