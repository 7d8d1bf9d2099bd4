/**
 * H4, "The Tail at Scale" (Dean and Barroso, CACM 2013): a read of 1000 keys from 100 servers waits for the slowest of them. With a hedge
 * after 10 ms their p99.9 fell from 1800 to 74 ms, for 2 % more requests.
 *
 * The tail here is synthetic, and so 74 ms is no hard test: latencies are drawn independently, 2 in 100 take longer than 10 ms, and of
 * those a Pareto tail is fitted so that the read has the published 1800 ms without hedges,
 *
 *     P(latency > t) = 0.02 · (10/t)^1.907,   since   1000 · 0.02 · (10/1800)^1.907 = 1/1000
 *
 * What is ours are the layers: retry, hedging and the balancer of one client, in virtual time. Two knobs are not the defaults. All
 * hedges of a read fall due at one instant, so `retry.budget.cap` is 40, as many as `extraLoad` saves up. And `extraLoad` is 4 %, twice
 * what is wanted: with exactly what is wanted, chance would empty it now and then, and one refused hedge spoils a read.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { balance } from '../../src/balancer/balance.ts';
import { Cluster } from '../../src/balancer/cluster.ts';
import type { Attempt, Reply, Transport } from '../../src/core/call.ts';
import type { Millis } from '../../src/core/clock.ts';
import type { MeshError } from '../../src/core/errors.ts';
import { defaultServicePolicy, type ServicePolicy } from '../../src/core/policy.ts';
import { noZones } from '../../src/core/zones.ts';
import { seededRandom, type Random } from '../../src/core/random.ts';
import { RetryBudget } from '../../src/policies/budget.ts';
import { Hedging } from '../../src/policies/hedge.ts';
import { retry } from '../../src/policies/retry.ts';
import { Timeouts } from '../../src/policies/timeouts.ts';
import { endpoints } from '../balancer/small-cluster.ts';
import { fakeCall } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { Timeline } from './timeline.ts';

const KEYS = 1_000;
const SERVERS = 100;
const READS = 200;
const held = [101, 102, 103, 104, 105];

const SLOW: Millis = 10;
const SLOW_SHARE = 0.02;
const ALPHA = 1.907;

function latency(random: Random): Millis {
  const chance = random.next();
  if (chance < SLOW_SHARE) return SLOW * (SLOW_SHARE / chance) ** (1 / ALPHA);
  // Whatever is quick: between 2 and 10 ms.
  return 2 + 8 * ((chance - SLOW_SHARE) / (1 - SLOW_SHARE)) ** 3;
}

class Servers implements Transport {
  requests = 0;
  readonly #timeline: Timeline;
  readonly #random: Random;

  constructor(timeline: Timeline, random: Random) {
    this.#timeline = timeline;
    this.#random = random;
  }

  send(attempt: Attempt): Promise<Reply> {
    this.requests += 1;
    return new Promise((resolve, reject) => {
      const timer = this.#timeline.after(latency(this.#random), () => {
        const reply = new FakeReply(200);
        resolve(reply);
        reply.end();
      });
      const cancelled = (reason: MeshError): void => {
        timer.cancel();
        reject(reason);
      };
      attempt.cancellation.subscribe({ cancelled });
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

interface Reads {
  /** How long each took. */
  readonly times: readonly Millis[];
  readonly extra: number;
}

async function read(hedge: ServicePolicy['hedge'], seed: number): Promise<Reads> {
  const timeline = new Timeline();
  const timeouts = new Timeouts(timeline);
  const budgetKnobs = { perSuccess: 0.1, cap: 40, mode: 'enforce' } as const;
  const policy: ServicePolicy = { ...defaultServicePolicy, subset: 'off', hedge, retry: { ...defaultServicePolicy.retry, budget: budgetKnobs } };
  const cluster = new Cluster({
    service: 'reviews', identity: 'client', clock: timeline, random: seededRandom(seed), emit: () => {}, retire: () => {}, refresh: () => {},
    knobs: () => ({ ...policy, zones: noZones, maxPerEndpoint: policy.connection.maxPerEndpoint }),
  });
  cluster.reconcile({ endpoints: endpoints(SERVERS), complete: true, source: 'a simulation' });
  const servers = new Servers(timeline, seededRandom(seed + 1_000));
  const budget = new RetryBudget(() => budgetKnobs);
  const hedging = new Hedging({ service: 'reviews', clock: timeline, timeouts, budget, elsewhere: (call) => cluster.hasOther(call), emit: () => {} });
  const service = retry({ clock: timeline, random: seededRandom(seed + 2_000), budget, emit: () => {}, hedging })(balance(cluster, servers, timeline));

  const times: Millis[] = [];
  for (let reading = 0; reading < READS; reading += 1) {
    const startedAt = timeline.now();
    const keys = Promise.all(Array.from({ length: KEYS }, () => service(fakeCall({ policy, startedAt }))));
    let over = false;
    void keys.then(() => {
      over = true;
      times.push(timeline.now() - startedAt);
    });
    while (!over) await timeline.runSettling(timeline.now() + 1);
  }
  return { times, extra: servers.requests / (READS * KEYS) - 1 };
}

const percentile = (times: readonly Millis[], share: number): Millis => [...times].sort((a, b) => a - b)[Math.ceil(share * times.length) - 1]!;

/** Without hedges a read is the slowest of a thousand draws, and layers would change nothing. */
function drawn(reads: number, seed: number): Reads {
  const random = seededRandom(seed);
  const slowest = (): Millis => {
    let most = 0;
    for (let key = 0; key < KEYS; key += 1) most = Math.max(most, latency(random));
    return most;
  };
  return { times: Array.from({ length: reads }, slowest), extra: 0 };
}

const rows: string[] = [];
afterAll(() => console.log(['', `a read of ${KEYS} keys from ${SERVERS} servers; the tail is synthetic`, ...rows].join('\n')));

function row(name: string, reads: readonly Reads[], published: string): { p999: Millis; extra: number } {
  const all = reads.flatMap(({ times }) => times);
  const extra = reads.reduce((sum, each) => sum + each.extra, 0) / reads.length;
  const [p50, p99, p999] = [0.5, 0.99, 0.999].map((share) => percentile(all, share)) as [Millis, Millis, Millis];
  const figures = [`p50 ${p50.toFixed(0)} ms`, `p99 ${p99.toFixed(0)} ms`, `p99.9 ${p999.toFixed(0)} ms`, `extra ${(100 * extra).toFixed(2)} %`];
  rows.push([name.padEnd(46), ...figures, `${all.length} reads`, `(published ${published})`].join('  '));
  return { p999, extra };
}

describe('a read that waits for the slowest of a thousand', () => {
  it('takes 74 ms or less at p99.9 for at most 2.1 % more requests', { timeout: 900_000 }, async () => {
    const hedged: Reads[] = [];
    for (const seed of held) hedged.push(await read({ after: SLOW, max: 1, extraLoad: 0.04, mode: 'enforce' }, seed));
    const auto = [await read({ after: 'auto', max: 1, extraLoad: 0.08, mode: 'enforce' }, held[0]!)];

    const before = row('no hedges', held.map((seed) => drawn(4_000, seed)), 'p99.9 1800 ms');
    const after = row('hedged after 10 ms, extraLoad 4 %', hedged, 'p99.9 74 ms, 2 %');
    const measured = row('hedged after auto, extraLoad 8 %', auto, 'none');
    expect(before.p999).toBeGreaterThan(1_500);
    expect(before.p999).toBeLessThan(2_200);
    expect(after.p999).toBeLessThanOrEqual(74);
    for (const { extra } of hedged) expect(extra).toBeLessThanOrEqual(0.021);
    // A losing row: 3 × p50 is 9 ms here, which 50 keys of a read take. Their hedges fall due in one instant, and 40 are saved up.
    expect(measured.extra).toBeLessThanOrEqual(0.06);
    expect(measured.p999).toBeLessThanOrEqual(before.p999 / 4);
  });
});
