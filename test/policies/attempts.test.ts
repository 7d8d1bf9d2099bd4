/**
 * Every attempt of every call, under any pattern of failures: retries, hedges, circuit, timeouts and deadlines over the real
 * balancer, and below it a network that does as it likes. What must hold whatever it does.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { balance } from '../../src/balancer/balance.ts';
import { stack, type Attempt, type Call, type Reply, type Transport } from '../../src/core/call.ts';
import type { Millis } from '../../src/core/clock.ts';
import { endpointKey } from '../../src/core/endpoint.ts';
import { MeshError, type Sent } from '../../src/core/errors.ts';
import { defaultServicePolicy, type HedgeKnobs, type ServicePolicy } from '../../src/core/policy.ts';
import { seededRandom } from '../../src/core/random.ts';
import { attemptTimeout } from '../../src/policies/attempt-timeout.ts';
import { RetryBudget } from '../../src/policies/budget.ts';
import { Circuit } from '../../src/policies/circuit.ts';
import { deadline } from '../../src/policies/deadline.ts';
import { Hedging } from '../../src/policies/hedge.ts';
import { retry } from '../../src/policies/retry.ts';
import { Timeouts } from '../../src/policies/timeouts.ts';
import { SmallCluster, endpoints } from '../balancer/small-cluster.ts';
import { FakeBody, fakeCall } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const CAP = 6;
const PER_SUCCESS = 0.3;
const EXTRA_LOAD = 0.6;
const MAX_RETRIES = 2;

function policyWith(hedge: Pick<HedgeKnobs, 'after' | 'max'> | 'off'): ServicePolicy {
  return {
    ...defaultServicePolicy,
    deadline: 2_000,
    attemptTimeout: 400,
    retry: { ...defaultServicePolicy.retry, on: ['5xx', 'reset', 'connect-failure', 'overload', 'timeout'], maxRetries: MAX_RETRIES, budget: { perSuccess: PER_SUCCESS, cap: CAP, mode: 'enforce' } },
    hedge: hedge === 'off' ? 'off' : { ...hedge, extraLoad: EXTRA_LOAD, mode: 'enforce' },
    circuit: { failureRate: 0.6, window: 5_000, minRequests: 10, openFor: 500, maxOpenFor: 2_000, probes: 1, mode: 'enforce' },
  };
}

type Kind = 'ok' | 'refused' | 'reset' | 'silence' | '500' | '503' | '409' | '429' | '503 later' | 'broken body' | 'endless body';

interface Fate {
  readonly kind: Kind;
  /** To the headers, and from there to the end of the body. */
  readonly delay: Millis;
}

interface Sending {
  readonly attempt: Attempt;
  readonly at: Millis;
  readonly key: string;
  /** Its place in the order of all beginnings and ends. */
  readonly begun: number;
  /** Of its headers or its failure. */
  ended: number;
  evidence: Sent;
  /** The body, too. */
  over: boolean;
  reply: FakeReply | undefined;
}

/** Does with the attempts as the fates say, one after the other, and is as quick to end what is cancelled as sockets are. */
class Network implements Transport {
  readonly sent: Sending[] = [];
  #order = 0;
  readonly #clock: VirtualClock;
  readonly #fates: readonly Fate[];

  constructor(clock: VirtualClock, fates: readonly Fate[]) {
    this.#clock = clock;
    this.#fates = fates;
  }

  send(attempt: Attempt): Promise<Reply> {
    const { kind, delay } = this.#fates[this.sent.length % this.#fates.length]!;
    const sending: Sending = { attempt, at: this.#clock.now(), key: endpointKey(attempt.endpoint!), begun: this.#order++, ended: Infinity, evidence: 'maybe', over: false, reply: undefined };
    this.sent.push(sending);
    if (attempt.call.request.body !== undefined) attempt.uploadedAt = this.#clock.now();
    return new Promise((resolve, reject) => {
      const fail = (error: MeshError) => {
        sending.over = true;
        sending.ended = this.#order++;
        attempt.cancellation.unsubscribe(cancelled);
        reject(error);
      };
      const answer = (reply: FakeReply) => {
        sending.reply = reply;
        sending.ended = this.#order++;
        attempt.cancellation.unsubscribe(cancelled);
        const cut = { cancelled: (reason: MeshError) => reply.end(reason) };
        attempt.cancellation.subscribe(cut);
        reply.watch({ end: () => void ((sending.over = true), attempt.cancellation.unsubscribe(cut)) });
        if (kind !== 'endless body') this.#clock.after(delay, () => reply.end(kind === 'broken body' ? new MeshError('CONNECTION_RESET', 'broken', { sent: 'yes' }) : undefined));
        resolve(reply);
      };
      const timer = kind === 'silence' ? undefined : this.#clock.after(delay, () => {
        sending.evidence = kind === 'refused' ? 'no' : kind === 'reset' ? 'maybe' : 'yes';
        if (kind === 'refused') return fail(new MeshError('CONNECT_FAILED', 'refused', { sent: 'no' }));
        if (kind === 'reset') return fail(new MeshError('CONNECTION_RESET', 'reset', { sent: 'maybe' }));
        return answer(new FakeReply(Number.parseInt(kind, 10) || 200, kind === '503 later' ? { 'retry-after': '1' } : {}));
      });
      const cancelled = {
        cancelled(reason: MeshError) {
          timer?.cancel();
          reason.sent = sending.evidence;
          fail(reason);
        },
      };
      attempt.cancellation.subscribe(cancelled);
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

function mesh(fates: readonly Fate[], policy: ServicePolicy, size: number) {
  const clock = new VirtualClock(1_000_000.1);
  const timeouts = new Timeouts(clock);
  const small = new SmallCluster({ clock, endpoints: endpoints(size), seed: 3 });
  const network = new Network(clock, fates);
  const budget = new RetryBudget(() => (policy.retry as typeof defaultServicePolicy.retry).budget);
  let hedges = 0;
  const emit = (name: string) => void (name === 'hedge.sent' && (hedges += 1));
  const circuit = new Circuit({ service: 'reviews', clock, knobs: () => policy.circuit, emit: () => {} });
  const hedging = new Hedging({ service: 'reviews', clock, timeouts, budget, elsewhere: (call) => small.cluster.hasOther(call), emit });
  const attempts = stack<Attempt>(circuit.layer, attemptTimeout(timeouts))(balance(small.cluster, network, clock));
  const service = deadline(timeouts)(retry({ clock, random: seededRandom(1), budget, emit, hedging })(attempts));
  return { clock, timeouts, cluster: small.cluster, network, service, hedgesSent: () => hedges };
}

/** Of the attempts of one call: hedges, and retries but of rounds in which nothing was sent. */
function paidFor(sendings: readonly Sending[]): number {
  let paid = 0;
  let round: Sending[] = [];
  for (const sending of sendings) {
    const beside = round.some(({ ended }) => ended > sending.begun);
    if (beside || round.some(({ evidence }) => evidence !== 'no')) paid += 1;
    if (!beside) round = [];
    round.push(sending);
  }
  return paid;
}

const kinds: Kind[] = ['refused', 'reset', 'silence', '500', '503', '409', '429', '503 later', 'broken body', 'endless body'];
const fate = fc.record({ kind: fc.oneof({ arbitrary: fc.constant<Kind>('ok'), weight: 3 }, { arbitrary: fc.constantFrom(...kinds), weight: 2 }), delay: fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 500 })) });
const arrival = fc.record({
  wait: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 300 })),
  /** This process stands still for so long, and whatever was due meanwhile comes late. */
  stall: fc.oneof({ arbitrary: fc.constant(0), weight: 9 }, { arbitrary: fc.integer({ min: 1, max: 2_500 }), weight: 1 }),
  method: fc.constantFrom('GET', 'GET', 'GET', 'PUT', 'POST'),
  key: fc.boolean(),
  body: fc.constantFrom<'none' | 'whole' | 'spent'>('none', 'none', 'none', 'whole', 'spent'),
  servingRetry: fc.oneof({ arbitrary: fc.constant(false), weight: 5 }, { arbitrary: fc.constant(true), weight: 1 }),
  deadline: fc.constantFrom(2_000, 2_000, 2_000, 150, 37.3),
  cancelAfter: fc.option(fc.integer({ min: 0, max: 1_500 }), { freq: 5 }),
});
const hedge = fc.oneof(
  { arbitrary: fc.constant('off' as const), weight: 1 },
  { arbitrary: fc.record({ after: fc.constantFrom<HedgeKnobs['after']>(5, 40, 'auto'), max: fc.integer({ min: 1, max: 3 }) }), weight: 4 },
);

describe('the attempts of all calls', () => {
  it('are within the budget, safe, and each of them ends once', async () => {
    let [hedged, retried] = [0, 0];
    await fc.assert(
      fc.asyncProperty(fc.array(fate, { minLength: 1, maxLength: 40, size: '+1' }), fc.array(arrival, { maxLength: 60, size: '+1' }), hedge, fc.integer({ min: 1, max: 5 }), async (fates, arrivals, knobs, size) => {
        const policy = policyWith(knobs);
        const { clock, timeouts, cluster, network, service, hedgesSent } = mesh(fates, policy, size);
        const calls: Call[] = [];
        const bodies: FakeBody[] = [];
        const results: { call: Call; reply?: FakeReply; error?: MeshError }[] = [];
        for (const { wait, stall, method, key, body, deadline, cancelAfter, servingRetry } of arrivals) {
          await clock.advance(wait);
          clock.stall(stall);
          const given = body === 'none' ? undefined : new FakeBody(body === 'whole');
          if (given !== undefined) {
            given.whole = body === 'whole';
            bodies.push(given);
          }
          const call = fakeCall({ policy, request: { method, body: given }, startedAt: clock.now(), deadline, servingRetry, options: key ? { idempotencyKey: 'k' } : {} });
          calls.push(call);
          service(call).then(
            (reply) => void results.push({ call, reply: reply as FakeReply }),
            (error: MeshError) => void results.push({ call, error }),
          );
          if (cancelAfter !== null) clock.after(cancelAfter, () => call.cancellation.cancel(new MeshError('CANCELLED', 'the caller left', { sent: 'maybe' })));
        }
        await clock.advance(60_000);

        // Everybody got an answer, and nothing is left of anything: no timer, no attempt in flight, no body open.
        expect(results.length).toBe(calls.length);
        expect([timeouts.size, clock.timers]).toEqual([0, 0]);
        expect(network.sent.filter(({ over }) => !over)).toEqual([]);
        for (const body of bodies) expect(body.released).toBe(1);

        // Each attempt that was sent is settled once and released once.
        const nodes = cluster.snapshot();
        expect(nodes.reduce((sum, { pending }) => sum + pending, 0)).toBe(0);
        expect(nodes.reduce((sum, { totals }) => sum + Object.values(totals).reduce((a, b) => a + b, 0), 0)).toBe(network.sent.length);

        // What was not proven unsent is paid for by successes; hedges are in that, and a share of their own.
        const successes = network.sent.filter(({ reply }) => reply !== undefined && (reply.status === 200 || reply.status === 409)).length;
        const sentBy = new Map<Call, Sending[]>(calls.map((call) => [call, network.sent.filter(({ attempt }) => attempt.call === call)]));
        const paid = [...sentBy.values()].map(paidFor).reduce((sum, each) => sum + each, 0);
        expect(paid).toBeLessThanOrEqual(CAP + PER_SUCCESS * successes + 1e-6);
        expect(hedgesSent()).toBeLessThanOrEqual(EXTRA_LOAD * successes + 1e-6);
        hedged += hedgesSent();

        for (const { call, reply, error } of results) {
          const sendings = sentBy.get(call)!;
          const most = 1 + MAX_RETRIES + (policy.hedge === 'off' ? 0 : policy.hedge.max);
          expect(call.attempts).toBeLessThanOrEqual(most);
          expect(sendings.length).toBeLessThanOrEqual(call.attempts);
          retried += Math.max(0, sendings.length - 1);
          if (error !== undefined) expect(error).toMatchObject({ attempts: call.attempts });
          for (const sending of sendings) {
            // No attempt begins after the deadline, and none is still open that was not the answer.
            expect(sending.at).toBeLessThan(call.deadline);
            if (sending.reply !== undefined && sending.reply !== reply) expect(sending.reply.discarded || sending.attempt.cancellation.reason !== undefined).toBe(true);
          }
          const { method, body } = call.request;
          const keyed = call.options.idempotencyKey !== undefined;
          // What is not idempotent is never sent again but after proof that it was not sent.
          if (method === 'POST' && !keyed) for (const { evidence } of sendings.slice(0, -1)) expect(evidence).toBe('no');
          if (body !== undefined && !body.replayable) expect(sendings.length).toBeLessThanOrEqual(1);
          // Two at a time are safe or keyed, and at different endpoints.
          for (const sending of sendings) {
            for (const other of sendings) {
              if (other.begun >= sending.begun || other.ended < sending.begun) continue;
              expect(method === 'GET' || keyed).toBe(true);
              expect(other.key).not.toBe(sending.key);
            }
          }
        }
      }),
      { numRuns: 200 },
    );
    // It was about something.
    expect(hedged).toBeGreaterThan(50);
    expect(retried).toBeGreaterThan(50);
  });
});
