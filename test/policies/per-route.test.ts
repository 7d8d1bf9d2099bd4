import { describe, expect, it } from 'vitest';
import type { Attempt, Call } from '../../src/core/call.ts';
import { MeshError } from '../../src/core/errors.ts';
import { defaultServicePolicy, type CircuitKnobs, type ServicePolicy } from '../../src/core/policy.ts';
import { Circuit } from '../../src/policies/circuit.ts';
import { ConcurrencyLimit } from '../../src/policies/concurrency.ts';
import { PerRoute } from '../../src/policies/per-route.ts';
import { fakeAttempt, fakeCall } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { settle, VirtualClock } from '../support/virtual-clock.ts';

const circuit: CircuitKnobs = { ...defaultServicePolicy.circuit, minRequests: 4 };
const policy: ServicePolicy = { ...defaultServicePolicy, circuit };
const touchy: Partial<ServicePolicy> = { ...policy, circuit: { ...circuit, minRequests: 2 } };

function circuits() {
  const clock = new VirtualClock();
  const world = { policy };
  const events: [string, { route?: string | undefined }][] = [];
  const registry = new PerRoute({
    mechanism: 'circuit',
    policy: () => world.policy,
    callOf: (attempt: Attempt) => attempt.call,
    routes: 'instead',
    make: (knobs, route) => new Circuit({ service: 'reviews', route, clock, knobs, emit: (name, event) => void events.push([name, event as { route?: string }]) }),
  });
  let sent = 0;
  const service = registry.layer(async () => {
    sent += 1;
    throw new MeshError('CONNECTION_RESET', 'reset', { sent: 'maybe' });
  });
  const fail = async (call: Call, times = 1) => {
    let last: unknown;
    for (let attempt = 0; attempt < times; attempt += 1) last = await service(fakeAttempt(call)).catch((error: unknown) => error);
    return last;
  };
  return { clock, world, events, registry, fail, get sent() { return sent; } };
}

describe('circuits of a service with routes', () => {
  it('a call without a route, or with one that leaves the circuit alone, is asked of the service’s', async () => {
    const { registry, fail } = circuits();
    await fail(fakeCall({ policy }), 2);
    await fail(fakeCall({ policy: { ...policy, deadline: 1_000 }, route: 'slow' }), 2);
    expect(registry.own.state).toBe('open');
    expect(registry.routes.size).toBe(0);
    expect(registry.of(fakeCall({ policy, route: 'slow' }))).toBe(registry.own);
  });

  it('a route that overrides the circuit has its own: what fails there opens no other, and the other way round', async () => {
    const setting = circuits();
    const canary = fakeCall({ policy: touchy, route: 'canary' });
    expect(await setting.fail(canary, 3)).toMatchObject({ code: 'CIRCUIT_OPEN', message: 'reviews: the circuit of route canary is open, the next attempt may go in 5000 ms' });
    expect(setting.events.map(([name, { route }]) => [name, route])).toEqual([['circuit.opened', 'canary']]);
    expect([setting.registry.own.state, setting.registry.of(canary).state]).toEqual(['closed', 'open']);
    const [before, plain] = [setting.sent, fakeCall({ policy })];
    await setting.fail(plain, 4);
    expect(setting.sent).toBe(before + 4);
    expect(setting.registry.own.state).toBe('open');
    await setting.clock.advance(5_000);
    const other = fakeCall({ policy: touchy, route: 'other' });
    await setting.fail(other, 1);
    expect(setting.registry.of(other).state).toBe('closed');
  });

  it('a reload changes a route’s knobs at once, and forgets nothing', async () => {
    const setting = circuits();
    await setting.fail(fakeCall({ policy: touchy, route: 'canary' }));
    const stricter = { ...policy, circuit: { ...circuit, minRequests: 3 } };
    await setting.fail(fakeCall({ policy: stricter, route: 'canary' }));
    expect(setting.registry.of(fakeCall({ policy: stricter, route: 'canary' })).state).toBe('closed');
    await setting.fail(fakeCall({ policy: stricter, route: 'canary' }));
    expect(setting.registry.of(fakeCall({ policy: stricter, route: 'canary' })).state).toBe('open');
  });

  it('off for a route is off for it alone', async () => {
    const setting = circuits();
    const free = fakeCall({ policy: { ...policy, circuit: 'off' }, route: 'free' });
    await setting.fail(free, 100);
    await setting.fail(fakeCall({ policy }), 4);
    const before = setting.sent;
    await setting.fail(free, 10);
    expect([setting.sent - before, setting.registry.own.state]).toEqual([10, 'open']);
  });

  it('keeps no more than so many, whatever names come', async () => {
    const setting = circuits();
    for (let name = 0; name < 2_000; name += 1) await setting.fail(fakeCall({ policy: touchy, route: `route-${name}` }));
    expect(setting.registry.routes.size).toBe(256);
    expect([...setting.registry.routes.keys()].at(-1)).toBe('route-1999');
  });
});

describe('a concurrency limit of a route', () => {
  it('is within that of the service: a call has a place in both', async () => {
    const policy: ServicePolicy = { ...defaultServicePolicy, concurrency: { max: 3, queue: 0, adaptive: 'off', mode: 'enforce' } };
    const narrow: Partial<ServicePolicy> = { ...policy, concurrency: { max: 2, queue: 0, adaptive: 'off', mode: 'enforce' } };
    const clock = new VirtualClock();
    const limits = new PerRoute({
      mechanism: 'concurrency',
      policy: () => policy,
      callOf: (call: Call) => call,
      routes: 'within',
      make: (knobs) => new ConcurrencyLimit({ service: 'reviews', clock, knobs, capacity: () => 0, emit: () => {} }),
    });
    const replies: FakeReply[] = [];
    const service = limits.layer(async () => {
      replies.push(new FakeReply());
      return replies.at(-1)!;
    });
    const outcomes: string[] = [];
    const start = (parts: Parameters<typeof fakeCall>[0]) => void service(fakeCall(parts)).then(() => outcomes.push('ok'), (error: MeshError) => outcomes.push(error.code));
    for (let call = 0; call < 3; call += 1) start({ policy: narrow, route: 'reports' });
    await settle();
    expect([outcomes.sort(), limits.own.inFlight]).toEqual([['OVERLOADED', 'ok', 'ok'], 2]);
    start({ policy });
    start({ policy });
    await settle();
    expect([replies.length, limits.own.inFlight]).toEqual([3, 3]);
    for (const reply of replies) reply.end();
    await settle();
    expect([limits.own.inFlight, limits.routes.get('reports')!.inFlight]).toEqual([0, 0]);
  });
});
