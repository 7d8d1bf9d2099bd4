/**
 * A row of services, each calling the next, and the last one dead: how many requests reach it for each that somebody asked.
 *
 *     client ──▶ first ──▶ second ──▶ third ──▶ leaf        four hops
 *
 * With three attempts at each hop and nothing to stop them the leaf gets 3⁴ = 81. What stops them here: retries are paid for by successes,
 * of which there are none; and whoever serves a retry does not retry in turn. The circuits would stop them as well, so they are off where the rest is
 * to be seen alone.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { contextFromHeaders, createMeshClient, type MeshClient, type PolicyDocument } from '../../src/index.ts';
import type { Attempt, Reply } from '../../src/core/call.ts';
import { MeshError } from '../../src/core/errors.ts';
import { seededRandom } from '../../src/core/random.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { FakeTransport } from '../support/fake-transport.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

type Knobs = NonNullable<PolicyDocument['defaults']>;

const HOPS = 4;
/** Three attempts each, by budgets that never run out, and nothing else that would stop them. */
const everywhere: Knobs = { retry: { maxRetries: 2, retryOfRetry: true, budget: { perSuccess: '100%', cap: 100_000 } }, circuit: 'off', throttle: 'off', outlier: 'off' };
/** The same budgets, but whoever serves a retry does not retry. */
const noRetryOfRetry: Knobs = { ...everywhere, retry: { maxRetries: 2, budget: { perSuccess: '100%', cap: 100_000 } } };
const ours: Knobs = {};
const withoutCircuits: Knobs = { circuit: 'off', throttle: 'off' };

const cleanup: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0)) await close();
});

/** An empty body, at once. */
function answer(status: number): Reply {
  const reply = new FakeReply(status);
  queueMicrotask(() => reply.end());
  return reply;
}

function call(mesh: MeshClient): Promise<number> {
  return new Promise((resolve, reject) => {
    const handler = { onConnect() {}, onHeaders: (status: number) => (resolve(status), true), onData: () => true, onComplete() {}, onError: reject };
    mesh.dispatcher.dispatch({ origin: 'http://next', path: '/', method: 'GET' }, handler);
  });
}

interface Outcome {
  readonly amplification: number;
  /** Requests beyond one for each call. */
  readonly extra: number;
  /** Of the last half of the calls: what it comes to, when what was saved up is spent. */
  readonly settled: number;
}

async function deadLeaf(knobs: Knobs, calls: number, dead: () => Promise<Reply>): Promise<Outcome> {
  const clock = new VirtualClock(1000);
  let arrived = 0;
  let next = (_attempt: Attempt): Promise<Reply> => {
    arrived += 1;
    return dead();
  };
  let mesh: MeshClient | undefined;
  for (let hop = HOPS; hop >= 1; hop -= 1) {
    const behind = next;
    // A network takes its time.
    const network = new FakeTransport((attempt) => new Promise((resolve, reject) => {
      clock.after(1, () => void behind(attempt).then(resolve, reject));
    }));
    const policy = { version: 1 as const, defaults: knobs, services: { next: { discovery: { endpoints: ['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80'] } } } };
    const server = createMeshClient({ policy, clock, random: seededRandom(hop), transport: () => network, logger: { warn() {} } });
    cleanup.push(async () => {
      const closed = server.close({ timeout: 0 });
      await clock.advance(0);
      await closed;
    });
    mesh = server;
    next = (attempt) => {
      const headers = Object.fromEntries(attempt.headers.flatMap((name, index) => (index % 2 === 0 ? [[name, attempt.headers[index + 1]!] as const] : [])));
      // What it cannot get, it cannot give.
      return server.run(contextFromHeaders(headers), () => call(server).then(answer, () => answer(503)));
    };
  }
  const root = mesh!;
  await root.ready();
  let half = 0;
  for (let index = 0; index < calls; index += 1) {
    if (index === calls / 2) half = arrived;
    void call(root).catch(() => {});
    await clock.advance(20);
  }
  await clock.advance(30_000);
  return { amplification: arrived / calls, extra: arrived - calls, settled: (arrived - half) / (calls / 2) };
}

const unavailable = (): Promise<Reply> => Promise.resolve(answer(503));
const reset = (): Promise<Reply> => Promise.reject(new MeshError('CONNECTION_RESET', 'reset', { sent: 'maybe' }));

describe.each([['answers 503', unavailable], ['resets every connection', reset]])('a call tree four deep whose leaf %s', (name, dead) => {
  it('amplifies 81 times where everybody retries, and hardly at all with us', async () => {
    const naive = await deadLeaf(everywhere, 20, dead);
    const unpaid = await deadLeaf(noRetryOfRetry, 20, dead);
    const alone = await deadLeaf(withoutCircuits, 1000, dead);
    const all = await deadLeaf(ours, 1000, dead);
    console.log(
      `leaf that ${name}, requests per call: three attempts everywhere ${naive.amplification.toFixed(1)}; without retries of retries ${unpaid.amplification.toFixed(1)}; ` +
      `with budgets as well, over 1000 calls, ${alone.amplification.toFixed(3)} (${alone.extra} more in all, then ${alone.settled.toFixed(3)}); with circuits ${all.amplification.toFixed(3)}`,
    );
    expect(naive.amplification).toBeCloseTo(81, 5);
    // 1 + 2 · 4: each hop adds its two retries, and what is done for those is done once.
    expect(unpaid.amplification).toBeCloseTo(9, 5);
    expect(alone.amplification).toBeLessThanOrEqual(1.3);
    // However many calls there are: each of the four clients begins with ten retries, and none of these is multiplied by the hops below.
    expect(alone.extra).toBeLessThanOrEqual(HOPS * 10);
    // When what clients begin with is spent, nothing is retried any more; and no call is kept from the leaf but by a circuit.
    expect(alone.settled).toBe(1);
    expect(alone.amplification).toBeGreaterThan(1);
    expect(all.amplification).toBeLessThanOrEqual(1.3);
  }, 120_000);
});
