/** What a call inherits from the request that is being served, over a network that the test plays, in virtual time. */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { contextFromHeaders, createMeshClient, MeshError, type CallContext, type CallOptions, type MeshClient, type PolicyDocument } from '../src/index.ts';
import type { Attempt, Reply } from '../src/core/call.ts';
import { silence } from './support/fake-call.ts';
import { answered, FakeTransport, headerOf } from './support/fake-transport.ts';
import { VirtualClock } from './support/virtual-clock.ts';

type Knobs = NonNullable<PolicyDocument['defaults']>;

const meshes: [MeshClient, VirtualClock][] = [];
afterEach(async () => {
  for (const [mesh, clock] of meshes.splice(0)) {
    const closed = mesh.close({ timeout: 0 });
    await clock.advance(0);
    await closed;
  }
});

function meshOver(answer: (attempt: Attempt) => Promise<Reply>, knobs: Knobs = {}, clock = new VirtualClock(1000.5)) {
  const network = new FakeTransport(answer);
  const discovery = { endpoints: ['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80'] };
  const mesh = createMeshClient({ policy: { version: 1, defaults: knobs, services: { reviews: { discovery } } }, clock, transport: () => network });
  meshes.push([mesh, clock]);
  return { mesh, clock, network };
}

/** The status, or the error. */
function call(mesh: MeshClient, options?: CallOptions, headers: Record<string, string> = {}): Promise<number | Error> {
  return new Promise((resolve) => {
    const handler = { onConnect() {}, onHeaders: (status: number) => (resolve(status), true), onData: () => true, onComplete() {}, onError: resolve };
    mesh.dispatcher.dispatch({ origin: 'http://reviews', path: '/', method: 'GET', headers, ...(options === undefined ? {} : { mesh: options }) }, handler);
  });
}

const ok = (): Promise<Reply> => answered();
const failing = (): Promise<Reply> => answered(503);

describe('the deadline of a call', () => {
  it('is the earliest of all that bound it, and the error says whose that was', async () => {
    const millis = fc.integer({ min: 1, max: 5000 });
    await fc.assert(
      fc.asyncProperty(millis, fc.option(millis), fc.array(fc.option(millis), { maxLength: 4 }), async (policy, caller, contexts) => {
        const { mesh, clock, network } = meshOver(silence, { deadline: policy, attemptTimeout: 'off' });
        await mesh.ready();
        const begun = clock.now();
        const within = contexts.reduce<() => Promise<number | Error>>(
          (work, deadline) => () => mesh.run(deadline === null ? {} : { deadline }, work),
          () => call(mesh, caller === null ? {} : { deadline: caller }),
        );
        const result = within();
        await clock.advance(0);
        const { deadline } = network.attempts[0]!.call;
        const inbound = contexts.filter((each) => each !== null);
        for (const source of [policy, caller ?? Infinity, ...inbound]) expect(deadline).toBeLessThanOrEqual(begun + source);
        expect(deadline).toBe(begun + Math.min(policy, caller ?? Infinity, ...inbound));
        await clock.advance(Math.max(policy, caller ?? 0, ...inbound) + 50);
        const error = (await result) as MeshError;
        expect(error.code).toBe('DEADLINE_EXCEEDED');
        const least = { policy, caller: caller ?? Infinity, inbound: Math.min(Infinity, ...inbound) }[error.deadlineFrom!];
        expect(begun + least).toBe(deadline);
        await mesh.close({ timeout: 0 });
      }),
      { numRuns: 60 },
    );
  });

  it.each([['policy', { deadline: 100 }, {}, {}, "the policy's"], ['caller', {}, { deadline: 100 }, {}, "the caller's"], ['inbound', {}, {}, { deadline: '100ms' }, "the inbound request's"]] as const)(
    'may be set by: %s',
    async (deadlineFrom, knobs, options, context, whose) => {
      const { mesh, clock } = meshOver(silence, { attemptTimeout: 'off', ...knobs });
      const result = mesh.run(context, () => call(mesh, options));
      await clock.advance(110);
      expect(await result).toMatchObject({ code: 'DEADLINE_EXCEEDED', deadlineFrom, message: expect.stringContaining(`reviews: ${whose} deadline of 100 ms exceeded`) });
    },
  );

  it('that has passed when the call is made sends nothing', async () => {
    const { mesh, clock, network } = meshOver(ok);
    await mesh.ready();
    const result = mesh.run({ deadline: 100 }, async () => {
      await clock.advance(200);
      return call(mesh);
    });
    expect(await result).toMatchObject({ code: 'DEADLINE_EXCEEDED', sent: 'no', outcome: 'local', deadlineFrom: 'inbound' });
    expect(network.attempts).toEqual([]);
  });

  it('is told to the server shorter with each attempt, with its number', async () => {
    const { mesh, clock, network } = meshOver(failing, { deadline: '10s', attemptTimeout: 'off', retry: { maxRetries: 3, backoff: { base: '25ms', jitter: 'none' } } });
    const result = call(mesh);
    await clock.advance(5000);
    expect(await result).toBe(503);
    const told = network.attempts.map((attempt) => Number(headerOf(attempt, 'x-envoy-expected-rq-timeout-ms')));
    expect(told).toEqual([10_000, 9_975, 9_925, 9_825]);
    expect(network.attempts.map((attempt) => headerOf(attempt, 'x-envoy-attempt-count'))).toEqual(['1', '2', '3', '4']);
  });

  it('never grows on its way through any number of hops, and what one hop spends is gone for the next', async () => {
    const hop = fc.record({ policy: fc.integer({ min: 50, max: 5000 }), spent: fc.integer({ min: 0, max: 600 }), grpc: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(hop, { minLength: 2, maxLength: 6 }), async (hops) => {
        const clock = new VirtualClock(1000.5);
        let left = Infinity;
        let inbound: CallContext = {};
        for (const { policy, spent, grpc } of hops) {
          const { mesh, network } = meshOver(ok, { deadline: policy, attemptTimeout: 'off' }, clock);
          await mesh.ready();
          const result = mesh.run(inbound, async () => {
            await clock.advance(spent);
            return call(mesh, undefined, grpc ? { 'content-type': 'application/grpc' } : {});
          });
          const status = await result;
          const [attempt] = network.attempts;
          const over = left - spent <= 0;
          expect(status instanceof MeshError).toBe(over);
          if (over) return;
          const headers = Object.fromEntries(attempt!.headers.flatMap((name, index) => (index % 2 === 0 ? [[name, attempt!.headers[index + 1]!] as const] : [])));
          expect(headers['grpc-timeout'] !== undefined).toBe(grpc);
          inbound = contextFromHeaders(headers);
          expect(inbound.deadline).toBeLessThanOrEqual(Math.min(policy, Math.max(1, left - spent)));
          left = inbound.deadline as number;
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('the context of a request that is served', () => {
  it('makes its calls as critical as it is, unless they say so themselves', async () => {
    const { mesh, network } = meshOver(ok);
    await mesh.run({ criticality: 'sheddable' }, async () => {
      await call(mesh);
      await call(mesh, { criticality: 'critical-plus' });
      await mesh.run({ criticality: 'sheddable-plus' }, () => call(mesh));
    });
    await call(mesh);
    expect(network.attempts.map(({ call }) => call.criticality)).toEqual(['sheddable', 'critical-plus', 'sheddable-plus', 'critical']);
    expect(network.attempts.map((attempt) => headerOf(attempt, 'x-inmesh-criticality'))).toEqual(['sheddable', 'critical-plus', 'sheddable-plus', undefined]);
  });

  it('says that a retry is being served, and calls made for it say so further down', async () => {
    const { mesh, network } = meshOver(ok);
    await mesh.run({ attempt: 1 }, () => call(mesh));
    await mesh.run({ attempt: 2 }, () => mesh.run({ caller: 'checkout' }, () => call(mesh)));
    await call(mesh);
    expect(network.attempts.map(({ call }) => call.servingRetry)).toEqual([false, true, false]);
    expect(network.attempts.map((attempt) => headerOf(attempt, 'x-envoy-attempt-count'))).toEqual(['1', '2', '1']);
  });

  it('can be asked for, with what is left of its time', async () => {
    const { mesh, clock } = meshOver(ok);
    expect(mesh.context()).toBeUndefined();
    await mesh.run({ deadline: '1s', criticality: 'sheddable', caller: 'checkout', attempt: 3 }, async () => {
      await clock.advance(400);
      expect(mesh.context()).toEqual({ deadline: 600, criticality: 'sheddable', caller: 'checkout', attempt: 3 });
      mesh.run({ deadline: '2s', caller: 'cart' }, () => expect(mesh.context()).toEqual({ deadline: 600, criticality: 'sheddable', caller: 'cart', attempt: 3 }));
      await clock.advance(700);
      expect(mesh.context()).toMatchObject({ deadline: 0 });
    });
    expect(mesh.context()).toBeUndefined();
  });

  it('gives back what its work gives back, and throws what it throws', () => {
    const { mesh } = meshOver(ok);
    expect(mesh.run({}, () => 7)).toBe(7);
    expect(() => mesh.run({}, () => { throw new RangeError('mine'); })).toThrow(RangeError);
  });

  it.each([
    [{ dealine: 1 }, 'mesh.run: no such option "dealine" (did you mean deadline? expected: deadline, criticality, attempt, caller, signal)'],
    [{ deadline: 'soon' }, "mesh.run.deadline: \"soon\" (expected: milliseconds, or a duration such as '2s')"],
    [{ attempt: 0 }, 'mesh.run.attempt: 0 (expected: a whole number from 1)'],
    [{ criticality: 'urgent' }, 'mesh.run.criticality: "urgent" (expected: critical-plus, critical, sheddable-plus, sheddable)'],
    [{ caller: 7 }, 'mesh.run.caller: 7 (expected: a string)'],
    [{ signal: { abort: true } }, 'mesh.run.signal: a mapping (expected: an AbortSignal)'],
    [undefined, 'mesh.run: missing (expected: an object)'],
  ])('is refused where it makes no sense: %o', (context, message) => {
    const { mesh } = meshOver(ok);
    const run = (): unknown => mesh.run(context as CallContext, () => expect.unreachable());
    expect(run).toThrow(MeshError);
    expect(run).toThrow(message);
  });
});
