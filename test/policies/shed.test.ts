/** A call that a limit of ours turns away is nobody else's business: not the endpoint's, not the circuit's, not the network's. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createMeshClient } from '../../src/client.ts';
import type { Attempt, Reply, Transport } from '../../src/core/call.ts';
import { criticalities } from '../../src/core/criticality.ts';
import { MeshError } from '../../src/core/errors.ts';
import { seededRandom } from '../../src/core/random.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { settle, VirtualClock } from '../support/virtual-clock.ts';

class Answers implements Transport {
  readonly pending: ((status: number) => void)[] = [];
  sent = 0;

  send(_attempt: Attempt): Promise<Reply> {
    this.sent += 1;
    return new Promise((resolve) =>
      this.pending.push((status) => {
        const reply = new FakeReply(status);
        resolve(reply);
        // Once the layers have seen it.
        void settle().then(() => reply.end());
      }),
    );
  }
  retire(): void {}
  warm = (): Promise<void> => Promise.resolve();
  destroy = (): Promise<void> => Promise.resolve();
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('call' as const), criticality: fc.constantFrom(...criticalities), times: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ kind: fc.constant('answer' as const), status: fc.constantFrom(200, 429, 429, 429, 500), times: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant('wait' as const), time: fc.integer({ min: 0, max: 300 }) }),
);

it('a shed call never touches an endpoint’s record, and never counts in the circuit', async () => {
  const shedBy = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: '+1' }), async (steps) => {
      const clock = new VirtualClock(1_000);
      const transport = new Answers();
      const mesh = createMeshClient({
        clock, random: seededRandom(1), transport: () => transport,
        policy: {
          version: 1,
          services: {
            reviews: {
              discovery: { endpoints: ['10.0.0.1:80', '10.0.0.2:80'] }, retry: 'off', circuit: { minRequests: 1_000_000 }, outlier: 'off',
              concurrency: { max: 3, queue: 2 }, rateLimit: { rate: '50/s', burst: 8 }, throttle: { minRequests: 4 },
            },
          },
        },
      });
      let shed = 0;
      await settle();
      await clock.advance(1);
      const calls: Promise<void>[] = [];
      const call = async (criticality: (typeof criticalities)[number]): Promise<void> => {
        try {
          const { body } = await mesh.request('http://reviews/', { mesh: { criticality } });
          await body.dump();
        } catch (error) {
          if (error instanceof MeshError && error.shedBy !== undefined) {
            shed += 1;
            shedBy.set(error.shedBy, (shedBy.get(error.shedBy) ?? 0) + 1);
          }
        }
      };
      for (const each of steps) {
        if (each.kind === 'call') for (let time = 0; time < each.times; time += 1) calls.push(call(each.criticality));
        else if (each.kind === 'wait') await clock.advance(each.time);
        for (let time = 0; each.kind === 'answer' && time < each.times; time += 1) {
          transport.pending.shift()?.(each.status);
          // Whoever waited takes the place that was made.
          await settle();
          await settle();
        }
        await settle();
      }
      for (let round = 0; round < 200 && transport.pending.length > 0; round += 1) {
        transport.pending.shift()!(200);
        await settle();
        await settle();
      }
      await Promise.all(calls);
      const { endpoints, circuit } = mesh.inspect().services[0] ?? { endpoints: [], circuit: undefined };
      const recorded = endpoints.flatMap(({ totals }) => Object.values(totals)).reduce((sum, count) => sum + count, 0);
      expect(recorded).toBe(transport.sent);
      expect(transport.sent + shed).toBe(calls.length);
      expect(circuit?.requests ?? 0).toBeLessThanOrEqual(transport.sent);
      await mesh.close();
    }),
    { numRuns: 60 },
  );
  // Or there was nothing to see. Each of the three has turned calls away.
  for (const by of ['concurrency.max', 'rateLimit', 'throttle']) expect(shedBy.get(by), by).toBeGreaterThan(20);
});
