import { describe, expect, it } from 'vitest';
import type { Attempt, Reply, Transport } from '../../src/core/call.ts';
import { MeshError } from '../../src/core/errors.ts';
import { balance } from '../../src/balancer/balance.ts';
import { fakeAttempt, fakeCall } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { settle } from '../support/virtual-clock.ts';
import { endpointAt, endpoints, peakEwma, SmallCluster } from './small-cluster.ts';

/** A transport whose next answer is told by the test. */
class FakeTransport implements Transport {
  answer: (attempt: Attempt) => Promise<Reply> = () => Promise.resolve(new FakeReply(200));
  readonly sent: string[] = [];

  send(attempt: Attempt): Promise<Reply> {
    this.sent.push(attempt.endpoint!.host);
    return this.answer(attempt);
  }

  retire(): void {}
  warm(): Promise<void> {
    return Promise.resolve();
  }
  destroy(): Promise<void> {
    return Promise.resolve();
  }
}

function setUp(found: number | 'not yet' = 1) {
  const world = new SmallCluster({ knobs: { balancer: peakEwma }, ...(found === 'not yet' ? {} : { endpoints: endpoints(found) }) });
  const transport = new FakeTransport();
  const { clock } = world;
  const service = balance(world.cluster, transport, clock);
  const state = () => world.state('10.0.0.0');
  /** Sends one attempt that ends with this after a while. */
  async function outcomeOf(answer: Reply | MeshError | Error, after = 0, call = fakeCall({ startedAt: clock.now() })) {
    transport.answer = async () => {
      clock.stall(after);
      if (answer instanceof Error) throw answer;
      return answer;
    };
    const attempt = fakeAttempt(call);
    return service(attempt).then(() => undefined, (error: unknown) => error);
  }
  return { world, clock, transport, service, state, outcomeOf };
}

describe('balance', () => {
  it('sends to the endpoint picked, and notes it with the attempt and the call', async () => {
    const { service, transport, clock } = setUp();
    const attempt = fakeAttempt(fakeCall({ startedAt: clock.now() }));
    await service(attempt);
    expect(attempt.endpoint).toEqual(endpointAt(0));
    expect([attempt.call.tried.size, attempt.call.tried.last]).toEqual([1, '10.0.0.0:80']);
    expect(transport.sent).toEqual(['10.0.0.0']);
  });

  it('hears what an endpoint says of its connections, and keeps it while replies say nothing', async () => {
    const { world, outcomeOf } = setUp(30);
    expect(world.cluster.subset().strategy).toBe('rendezvous');
    await outcomeOf(new FakeReply(200, { 'endpoint-load-metrics': 'TEXT named_metrics.conns=12' }));
    expect(world.cluster.subset().strategy).toBe('load-aware');
    for (let time = 0; time < 40; time += 1) await outcomeOf(new FakeReply(200, { 'endpoint-load-metrics': 'unreadable' }));
    expect(world.cluster.subset().strategy).toBe('load-aware');
  });

  it('sends a retry somewhere else', async () => {
    const { service, transport, clock } = setUp(2);
    for (let time = 0; time < 20; time += 1) {
      const call = fakeCall({ startedAt: clock.now() });
      await service(fakeAttempt(call));
      await service(fakeAttempt(call));
      expect(new Set(transport.sent.slice(-2)).size).toBe(2);
    }
  });

  it('waits for the first answer of discovery, and sends then', async () => {
    const { service, transport, clock, world } = setUp('not yet');
    const sent = service(fakeAttempt(fakeCall({ startedAt: clock.now() })));
    await clock.advance(1_000);
    expect(transport.sent).toEqual([]);
    world.resolve(endpoints(1));
    await sent;
    expect(transport.sent).toEqual(['10.0.0.0']);
  });

  it('says that the endpoints were never found, after how many attempts', async () => {
    const { service, clock, world } = setUp('not yet');
    const failed = expect(service(fakeAttempt(fakeCall({ startedAt: clock.now() })))).rejects.toMatchObject({ code: 'DISCOVERY_FAILED', service: 'reviews', attempts: 1 });
    world.cluster.failed(new Error('SERVFAIL'));
    await clock.advance(5_000);
    await failed;
  });

  it('a caller who leaves during the wait is let go at once', async () => {
    const { service, clock } = setUp('not yet');
    const attempt = fakeAttempt(fakeCall({ startedAt: clock.now() }));
    const reason = new MeshError('CANCELLED', 'the caller left');
    const failed = expect(service(attempt)).rejects.toBe(reason);
    attempt.call.cancellation.cancel(reason);
    await failed;
  });

  it('fails at once where discovery knows no endpoint, and asks it again', async () => {
    const { service, clock, world } = setUp(0);
    await expect(service(fakeAttempt(fakeCall({ startedAt: clock.now() })))).rejects.toMatchObject({ code: 'NO_ENDPOINTS', service: 'reviews', attempts: 1, sent: 'no' });
    expect(world.refreshed).toEqual(['none-available']);
  });

  it('an answer counts at its first byte, and is in flight until its end', async () => {
    const { outcomeOf, clock, state } = setUp();
    const reply = new FakeReply(200);
    await outcomeOf(reply, 10);
    expect(state()).toMatchObject({ measured: false, pending: 1 });
    clock.stall(15);
    reply.data();
    expect(state()).toMatchObject({ latency: 25, pending: 1, recent: { successes: 1, failures: 0 } });
    clock.stall(60_000);
    reply.end();
    expect(state()).toMatchObject({ latency: 25, pending: 0, totals: { success: 1, failure: 0 } });
  });

  it('an answer without a body counts at its end', async () => {
    const { outcomeOf, state } = setUp();
    const reply = new FakeReply(204);
    await outcomeOf(reply, 10);
    reply.end();
    expect(state()).toMatchObject({ latency: 10, pending: 0, recent: { successes: 1, failures: 0 } });
  });

  it('a 404 is work done', async () => {
    const { outcomeOf, state } = setUp();
    const reply = new FakeReply(404);
    await outcomeOf(reply);
    reply.end();
    expect(state().recent).toEqual({ successes: 1, failures: 0 });
  });

  it('a failed reply counts at its headers, and once', async () => {
    const { outcomeOf, state, world } = setUp();
    const reply = new FakeReply(500);
    await outcomeOf(reply);
    expect(state()).toMatchObject({ latency: world.knobs.balancer.failurePenalty, pending: 1, recent: { successes: 0, failures: 1 } });
    reply.data();
    reply.end();
    expect(state()).toMatchObject({ pending: 0, recent: { successes: 0, failures: 1 }, totals: { success: 0, failure: 1 } });
  });

  it('an overloaded reply is avoided for as long as it asks, and is no failure', async () => {
    const { outcomeOf, state } = setUp();
    await outcomeOf(new FakeReply(503, { 'retry-after': '20' }));
    expect(state()).toMatchObject({ latency: 20_000, recent: { successes: 0, failures: 0 }, totals: { overload: 1 } });
  });

  it('a body that breaks off by the fault of the endpoint is a failure, before its first byte and after', async () => {
    const { outcomeOf, state } = setUp();
    const reset = new MeshError('CONNECTION_RESET', 'reset', { sent: 'yes' });
    const [early, late] = [new FakeReply(200), new FakeReply(200)];
    await outcomeOf(early);
    early.end(reset);
    expect(state()).toMatchObject({ pending: 0, recent: { successes: 0, failures: 1 } });
    await outcomeOf(late);
    late.data();
    late.end(reset);
    expect(state()).toMatchObject({ pending: 0, recent: { successes: 0, failures: 2 } });
  });

  it('a caller who leaves during the body says nothing', async () => {
    const { outcomeOf, state } = setUp();
    const reply = new FakeReply(200);
    await outcomeOf(reply);
    reply.end(new MeshError('CANCELLED', 'the caller left'));
    expect(state()).toMatchObject({ pending: 0, measured: false, recent: { successes: 0, failures: 0 } });
  });

  it('what was cancelled because a hedge was answered first says how long was waited, and is no failure', async () => {
    for (const outrun of [true, undefined] as const) {
      const { service, transport, clock, state } = setUp();
      const attempt = fakeAttempt(fakeCall({ startedAt: clock.now() }));
      transport.answer = async (sent) => {
        clock.stall(400);
        if (outrun) sent.outrun = true;
        throw new MeshError('CANCELLED', 'attempt 2 was answered first');
      };
      await service(attempt).catch(() => undefined);
      expect(state()).toMatchObject({ pending: 0, measured: outrun === true, recent: { successes: 0, failures: 0 } });
    }
  });

  it('what the transport rejects with says whose fault it was, and carries service, endpoint and attempts', async () => {
    const { outcomeOf, state, world } = setUp();
    const refused = new MeshError('CONNECT_FAILED', 'refused');
    expect(await outcomeOf(refused)).toBe(refused);
    expect(refused).toMatchObject({ service: 'reviews', endpoint: '10.0.0.0:80', attempts: 1 });
    expect(state()).toMatchObject({ pending: 0, recent: { successes: 0, failures: 1 } });
    expect(world.refreshed).toEqual(['connect-error']);
    await outcomeOf(new MeshError('INVALID_REQUEST', 'a header that HTTP does not allow'));
    await outcomeOf(new MeshError('ATTEMPT_TIMEOUT', 'stalled', { outcome: 'local' }));
    expect(state()).toMatchObject({ pending: 0, recent: { successes: 0, failures: 1 }, totals: { local: 2 } });
    expect(world.refreshed).toEqual(['connect-error']);
  });

  it('a fault of this process passes as it is and blames nobody', async () => {
    const { outcomeOf, state } = setUp();
    const bug = new TypeError('undefined is not a function');
    expect(await outcomeOf(bug)).toBe(bug);
    expect(state()).toMatchObject({ pending: 0, recent: { successes: 0, failures: 0 } });
  });

  it('a transport that throws instead of rejecting holds nothing in flight', async () => {
    const { transport, service, clock, state } = setUp();
    transport.answer = () => {
      throw new MeshError('CONNECTION_RESET', 'reset');
    };
    await expect(service(fakeAttempt(fakeCall({ startedAt: clock.now() })))).rejects.toMatchObject({ code: 'CONNECTION_RESET' });
    expect(state().pending).toBe(0);
  });

  it('the end of the whole time is the fault of an endpoint that had at least half of it, and of no other', async () => {
    const { outcomeOf, state, clock } = setUp();
    const over = () => new MeshError('DEADLINE_EXCEEDED', 'the time is over', { sent: 'maybe' });
    await outcomeOf(over(), 0, fakeCall({ startedAt: clock.now() - 16_000, deadline: 30_000 }));
    expect(state()).toMatchObject({ recent: { failures: 0 }, totals: { cancelled: 1 } });
    await outcomeOf(over(), 0, fakeCall({ startedAt: clock.now() - 15_000, deadline: 30_000 }));
    expect(state()).toMatchObject({ recent: { failures: 1 }, totals: { cancelled: 1 } });
  });

  it('an attempt that hangs weighs on its endpoint until it is over, whatever it then says', async () => {
    const { transport, service, clock, state } = setUp();
    let over: (error: MeshError) => void = () => {};
    transport.answer = () => new Promise((_, reject) => (over = reject));
    const attempt = service(fakeAttempt(fakeCall({ startedAt: clock.now() }))).catch(() => {});
    await settle();
    clock.stall(3_000);
    expect(state().load).toBe(2 * 3_000);
    over(new MeshError('CANCELLED', 'the caller left'));
    await attempt;
    expect(state()).toMatchObject({ pending: 0, measured: false });
    expect(state().load).toBeLessThan(100);
  });
});
