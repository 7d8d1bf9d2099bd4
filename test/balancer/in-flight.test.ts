import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Figures } from '../../src/balancer/figures.ts';
import { Flight, InFlight } from '../../src/balancer/in-flight.ts';

describe('what is in flight', () => {
  it('counts an attempt until its body ends, and lets it age only until its answer begins', () => {
    const figures = new Figures();
    const row = figures.take();
    const inFlight = new InFlight(figures);
    const flight = new Flight(100);
    inFlight.begin(flight, row);
    expect([inFlight.count(row), figures.oldestAge(row, 150)]).toEqual([1, 50]);
    inFlight.answered(flight, row);
    expect([inFlight.count(row), figures.oldestAge(row, 10_000)]).toEqual([1, -Infinity]);
    inFlight.end(row);
    expect(inFlight.count(row)).toBe(0);
  });

  it('knows the oldest unanswered attempt, in whatever order answers come', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 60 }), (steps) => {
        const figures = new Figures();
        const row = figures.take();
        const inFlight = new InFlight(figures);
        const model: Flight[] = [];
        steps.forEach((step, now) => {
          if (step < 3 || model.length === 0) {
            const flight = new Flight(now);
            inFlight.begin(flight, row);
            model.push(flight);
          } else {
            inFlight.answered(model.splice((step * 7 + now) % model.length, 1)[0]!, row);
          }
          expect(figures.oldestAge(row, now + 1)).toBe(model.length === 0 ? -Infinity : now + 1 - model[0]!.startedAt);
        });
      }),
    );
  });
});
