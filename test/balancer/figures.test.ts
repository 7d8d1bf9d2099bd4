import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Figures, IN_FLIGHT, RESTS_UNTIL, SENT_SINCE, TRIED_AT, WEIGHT, type Row } from '../../src/balancer/figures.ts';
import { endpointAt, SmallCluster } from './small-cluster.ts';

/** The first or the last of each array. */
const some = [['numbers', IN_FLIGHT], ['predicted', RESTS_UNTIL], ['weights', WEIGHT], ['reported', SENT_SINCE], ['history', TRIED_AT]] as const;

describe('rows of figures', () => {
  it('are one for each who has one, whoever comes, goes and writes, and no more than there ever were at a time', () => {
    const steps = fc.array(fc.oneof(fc.constant('take' as const), fc.nat(20), fc.record({ reserve: fc.nat(40) })), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (all) => {
        const figures = new Figures();
        const rows: Row[] = [];
        const given = new Set<Row>();
        let [said, most, reserved] = [0, 0, 0];
        const written = new Map<Row, number>();
        for (const step of all) {
          if (step === 'take') {
            const row = figures.take();
            expect([rows.includes(row), figures.numbers[row + IN_FLIGHT], figures.reported[row + SENT_SINCE], figures.isMeasured(row)]).toEqual([false, 0, 0, false]);
            rows.push(row);
            given.add(row);
            most = Math.max(most, rows.length);
            for (const [array, which] of some) figures[array][row + which] = said += 1;
            written.set(row, said);
          } else if (typeof step === 'object') {
            figures.reserve(step.reserve);
            reserved = Math.max(reserved, step.reserve);
          } else if (rows.length > 0) {
            const nobodys = figures.give(rows.splice(step % rows.length, 1)[0]!);
            // Whoever is not heard yet may write there whatever it likes.
            figures.numbers[nobodys + IN_FLIGHT]! -= 1;
            expect(figures.give(nobodys)).toBe(nobodys);
          }
          for (const row of rows) expect(some.map(([array, which]) => figures[array][row + which])).toEqual([4, 3, 2, 1, 0].map((before) => written.get(row)! - before));
        }
        expect(given.size).toBe(most);
        // Those that there were, nobody's, and what it grows by beforehand.
        expect(figures.numbers.buffer.byteLength / 8).toBeLessThan(20 * (1.25 * (Math.max(most, reserved) + 1) + 3));
      }),
    );
  });

  it('go to another when an endpoint is forgotten for good, and what was in flight to it is of no account to that one', () => {
    const world = new SmallCluster({ endpoints: [endpointAt(1)], knobs: { subset: 'off', slowStart: 'off' } });
    const gone = world.pick();
    const row = gone.row;
    const [answered, hangs] = [gone.begin(), gone.begin()];
    world.resolve([endpointAt(2)]);
    expect(gone.row).toBe(row);
    world.clock.stall(61_000);
    world.resolve([endpointAt(3)]);
    expect([gone.row === row, gone.pending]).toEqual([false, 0]);
    world.resolve([endpointAt(3), endpointAt(4)]);
    const other = world.node(endpointAt(4).host);
    expect(other.row).toBe(row);
    const ticket = other.begin();
    const before = { ...world.state(endpointAt(4).host), pending: 1 };
    answered.settle({ kind: 'success' });
    answered.release();
    hangs.breakOff({ kind: 'failure' });
    expect(world.state(endpointAt(4).host)).toEqual(before);
    ticket.release();
    expect([other.pending, other.measured]).toEqual([0, false]);
  });

  it('stay with an endpoint that is back within a minute, and with what is in flight to it', () => {
    const world = new SmallCluster({ endpoints: [endpointAt(1), endpointAt(2)], knobs: { subset: 'off', slowStart: 'off' } });
    const node = world.node(endpointAt(1).host);
    const ticket = node.begin();
    const { row } = node;
    for (const found of [[2], [2, 3], [1, 2, 3]]) {
      world.resolve(found.map((number) => endpointAt(number)));
      world.clock.stall(20_000);
    }
    expect([world.node(endpointAt(1).host) === node, node.row === row, node.pending]).toEqual([true, true, 1]);
    ticket.settle({ kind: 'success' });
    ticket.release();
    expect([node.pending, node.measured]).toEqual([0, true]);
  });

  it('are as many as endpoints, however often all of them are replaced', () => {
    const world = new SmallCluster({ knobs: { subset: 'off', slowStart: 'off' } });
    let most = 0;
    for (let turn = 0; turn < 30; turn += 1) {
      world.resolve(Array.from({ length: 50 }, (_, number) => endpointAt(50 * turn + number)));
      most = Math.max(most, world.pick().row / 4);
      world.clock.stall(61_000);
    }
    // Those that left are kept until others leave after them: of three sets, and nobody's.
    expect(most).toBeLessThanOrEqual(3 * 50 + 1);
  });

  it('are given back by whoever was at an address that is another\'s now', () => {
    const world = new SmallCluster({ knobs: { subset: 'off', slowStart: 'off' } });
    const rows = new Set<Row>();
    for (let generation = 0; generation < 30; generation += 1) {
      world.resolve([endpointAt(1, { generation: String(generation) })]);
      rows.add(world.pick().row);
    }
    expect(rows.size).toBeLessThanOrEqual(3);
  });
});
