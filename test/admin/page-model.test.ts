/** What the page makes of what it is told; what it looks like is for test/integration/admin-page.test.ts. */
import { describe, expect, it } from 'vitest';
import type { Frame } from '../../src/admin/frame.ts';
import { Frames } from '../../src/admin/frame.ts';
import { TrafficRecord } from '../../src/admin/traffic.ts';
import * as format from '../../src/admin/page/format.ts';
import { Model } from '../../src/admin/page/model.ts';
import type { ObservedMesh } from '../../src/admin/port.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { observedMesh, observedService } from './observed.ts';

function told() {
  const frames = new Frames();
  const traffic = new TrafficRecord(new VirtualClock(0));
  const model = new Model();
  let wall = 1_800_000_000_000;
  return {
    model,
    next(mesh: ObservedMesh): Frame | undefined {
      wall += 1000;
      const frame = frames.next({ ...mesh, policy: { ...mesh.policy, age: wall - 1_800_000_000_000 } }, traffic, { wall, phase: 'open', every: 1000 });
      if (frame !== undefined) model.apply(frame, wall);
      return frame;
    },
    /** As somebody gets it who comes now. */
    late(): Model {
      const other = new Model();
      other.apply(frames.full()!, wall);
      return other;
    },
  };
}

function served(mesh: ObservedMesh, success: number, failure: number): ObservedMesh {
  const [service] = mesh.services;
  return { ...mesh, services: [{ ...service!, endpoints: service!.endpoints.map((endpoint) => ({ ...endpoint, totals: { ...endpoint.totals, success, failure } })) }] };
}

describe('the page', () => {
  it('knows from what differs what those know who get everything', () => {
    const { model, next, late } = told();
    next(observedMesh());
    next(observedMesh({ states: ['available', 'ejected'] }));
    next(observedMesh({ services: [observedService('ratings'), observedService('reviews', { states: ['trial'] })] }));
    const shape = (of: Model) => [[...of.services.keys()], [...of.groups.keys()], [...of.endpoints].map(([id, group]) => [id, [...group.values()].map(({ key, state }) => [key, state])])];
    expect(shape(model).map((each) => [...each].sort())).toEqual(shape(late()).map((each) => [...each].sort()));
    expect(model.totals()).toMatchObject({ known: 4, available: 3, out: 1 });
  });

  it('works out how many attempts a second an endpoint had, and how many failed', () => {
    const { model, next } = told();
    next(served(observedMesh(), 100, 0));
    next(served(observedMesh(), 120, 5));
    expect(model.endpointsOf('reviews')[0]).toMatchObject({ rate: 25, failures: 5, failed: 5 });
    // Nothing differs any more.
    next(served({ ...observedMesh(), calls: 1 }, 120, 5));
    expect(model.endpointsOf('reviews')[0]).toMatchObject({ rate: 0, failures: 0 });
  });

  it('counts nothing for what was before it looked, nor below zero where a process began anew', () => {
    const { model, next } = told();
    next(served(observedMesh(), 1000, 10));
    expect(model.endpointsOf('reviews')[0]).toMatchObject({ rate: 0, failures: 0 });
    next(served(observedMesh(), 1, 0));
    expect(model.endpointsOf('reviews')[0]!.rate).toBe(0);
  });
});

describe('numbers on the page', () => {
  it.each([[1, '100 %'], [0.99999, '99.99 %'], [0.9999, '99.99 %'], [0.5, '50.0 %'], [0, '0.0 %'], [null, '–']])('a share of %s is %s, never rounded up to all', (value, text) => {
    expect(format.share(value)).toBe(text);
  });

  it.each([[0.123, '0.12 ms'], [12.34, '12.3 ms'], [123.4, '123 ms'], [1234, '1.23 s'], [12_340, '12.3 s'], [null, '–'], [-1, '–']])('%s ms are %s', (value, text) => {
    expect(format.milliseconds(value)).toBe(text);
  });

  it.each([[900, '1 s'], [61_000, '1 m 1 s'], [3_700_000, '1 h 1 m'], [90_000_000, '1 d 1 h'], [-5, '0 s']])('%s ms ago is %s', (value, text) => {
    expect(format.age(value)).toBe(text);
  });
});
