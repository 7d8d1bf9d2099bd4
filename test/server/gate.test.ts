import { expect, test } from 'vitest';
import { ambient } from '../../src/core/ambient.ts';
import { admissionOnceOn, defaultInbound } from '../../src/core/inbound-policy.ts';
import { defaultServicePolicy, type ServicePolicy } from '../../src/core/policy.ts';
import { seededRandom } from '../../src/core/random.ts';
import { Connections } from '../../src/server/connections.ts';
import { Drain } from '../../src/server/drain.ts';
import { ServerEvents, type ServerEventMap } from '../../src/server/events.ts';
import { Gate } from '../../src/server/gate.ts';
import { LoadMeter } from '../../src/server/load-meter.ts';
import { Serving } from '../../src/server/serving.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const everything = { 'x-envoy-expected-rq-timeout-ms': '700', 'x-inmesh-criticality': 'sheddable', 'x-envoy-attempt-count': '3' };

function gate(policy: Partial<ServicePolicy> = {}) {
  const clock = new VirtualClock(1_000_000);
  const knobs: { current: ServicePolicy } = { current: { ...defaultServicePolicy, ...policy } };
  const events = new ServerEvents();
  const seen: ServerEventMap['request.refused'][] = [];
  events.on('request.refused', (event) => seen.push(event));
  const drain = new Drain({ service: 'orders', clock, random: seededRandom(1), connections: new Connections(), events, inFlight: () => load.inFlight });
  const load = new LoadMeter(clock, () => ({ active: 0, idle: 0 }), () => undefined);
  const made = new Gate({ service: 'orders', clock, own: () => ({ policy: knobs.current }), load, events, drain, readiness: '/readyz' });
  const enter = (headers: Record<string, string>, target = '/') => made.enter({ method: 'GET', target, headers, socket: undefined });
  return { enter, load, knobs, clock, seen, drain };
}

function serving(verdict: ReturnType<ReturnType<typeof gate>['enter']>): Serving {
  expect(verdict).toBeInstanceOf(Serving);
  return verdict as Serving;
}

test('believes what the policy lets it believe, and each by itself', () => {
  const { enter, knobs } = gate();
  const within = () => serving(enter(everything)).run(ambient)!;
  expect(within()).toMatchObject({ deadline: 1_000_700, criticality: 'sheddable', attempt: 3 });
  const honour = (key: string) => {
    knobs.current = { ...knobs.current, inbound: { ...defaultInbound, honour: { ...defaultInbound.honour, [key]: false } } };
    return within();
  };
  expect(honour('deadline')).toMatchObject({ deadline: 1_030_000, criticality: 'sheddable', attempt: 3 });
  expect(honour('criticality')).toMatchObject({ deadline: 1_000_700, criticality: undefined, attempt: 3 });
  expect(honour('attempt')).toMatchObject({ deadline: 1_000_700, criticality: 'sheddable', attempt: 1 });
});

test('a deadline that is not believed refuses nobody', () => {
  const { enter, seen } = gate({ inbound: { ...defaultInbound, honour: { ...defaultInbound.honour, deadline: false } } });
  serving(enter({ 'grpc-timeout': '0m' }));
  expect(seen).toEqual([]);
});

test('counts a request once, however its end is told', () => {
  const { enter, load } = gate();
  const one = serving(enter({}));
  const other = serving(enter({}));
  expect(load.inFlight).toBe(2);
  one.over(true);
  one.over(false);
  expect(load.inFlight).toBe(1);
  expect(one.run(ambient)!.signals[0]!.aborted).toBe(false);
  other.over(false);
  expect(load.inFlight).toBe(0);
  expect(other.run(ambient)!.signals[0]!.aborted).toBe(true);
});

test('says nothing of the load where the policy would not have it', () => {
  const { enter, knobs } = gate();
  expect(serving(enter({})).answering(200).load).toContain('named_metrics.rif=1');
  knobs.current = { ...knobs.current, inbound: { ...defaultInbound, loadReport: false } };
  expect(serving(enter({})).answering(200).load).toBeUndefined();
});

test('makes no claim about an address that it does not know', () => {
  const verdict = gate().enter({ 'grpc-timeout': '0m' });
  expect(verdict).toMatchObject({ status: 504 });
  expect(Object.keys((verdict as { headers: object }).headers)).not.toContain('x-inmesh-not-processed');
});

const admission = { ...admissionOnceOn, initial: 10, max: 10 };

test('turns away whom there is no room for, says so, and begins nothing', () => {
  const { enter, load, seen } = gate({ inbound: { ...defaultInbound, admission } });
  for (let n = 0; n < 20; n += 1) enter({});
  const served = load.inFlight;
  expect(served).toBeGreaterThan(2);
  expect(served).toBeLessThanOrEqual(10);
  const verdict = enter({ 'x-inmesh-criticality': 'sheddable' });
  expect(verdict).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  expect(load.inFlight).toBe(served);
  expect(seen.at(-1)).toEqual({ service: 'orders', reason: 'overload', method: 'GET', path: '/', criticality: 'sheddable', caller: undefined, enforced: true });
});

test('only says so, where it is to observe', () => {
  const { enter, load, seen } = gate({ inbound: { ...defaultInbound, admission: { ...admission, mode: 'observe' } } });
  for (let n = 0; n < 50; n += 1) serving(enter({}));
  expect(load.inFlight).toBe(50);
  expect(seen.length).toBeGreaterThan(30);
  expect(seen.every(({ enforced }) => !enforced)).toBe(true);
});

test('says whether it is ready, to whoever asks, and counts that as nothing', async () => {
  const { enter, load, drain, clock } = gate();
  expect(enter({}, '/readyz?verbose')).toMatchObject({ status: 200, body: '{"service":"orders","phase":"serving"}\n' });
  const drained = drain.begin({ delay: 1000, timeout: 5000 });
  expect(enter({ 'grpc-timeout': '0m' }, '/readyz')).toMatchObject({ status: 503, body: '{"service":"orders","phase":"leaving"}\n' });
  serving(enter({}, '/readyz/deeper')).over(true);
  expect(load.inFlight).toBe(0);
  await clock.advance(5000);
  expect(await drained).toEqual({ brokenOff: 0 });
});
