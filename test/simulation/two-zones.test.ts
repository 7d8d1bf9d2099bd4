/** Who measures latency needs not be told of zones; who is told keeps more at home, and no more than fits there. */
import { expect, it } from 'vitest';
import { Zones } from '../../src/core/zones.ts';
import { compare, range, record, seeds, whole, type Cells, type Range } from './compare.ts';
import { crowdedZone, twoZones, zoneOfClient, zoneOfServer } from './scenarios.ts';
import type { NamedWay } from './way.ts';
import { finaglePeakEwma } from './ways/finagle.ts';
import { endpointOf, inmesh, ours } from './ways/inmesh.ts';
import { prequal } from './ways/prequal.ts';
import { leastRequest, roundRobin } from './ways/simple.ts';
import { play } from './world.ts';

it('where half of the servers are 3 ms away, the mean is 3 ms or less without anybody having said so (H17)', () => {
  const all = compare(twoZones, [leastRequest(2), ours, ...(whole ? [roundRobin, finaglePeakEwma, prequal()] : [])]);
  record({
    row: 'H17', title: 'Two zones, 3 ms apart', published: 'not published',
    tables: [{ caption: '', lines: [...all.values()].map(({ line: { way, mean, p50, p99 } }) => ({ way, mean, p50, p99 })) }],
    plot: { kind: 'bars', table: 0, figure: 'mean', scale: 'linear' },
  });
  expect(all.get(leastRequest(2).name)!.line.mean.mean).toBeGreaterThan(4);
  expect(all.get('inmesh')!.line.mean.mean).toBeLessThan(3);
});

/** Where each server is, as a policy says it. */
const table = new Map(Array.from({ length: 20 }, (_, server) => [`${endpointOf(server).host}/32`, `zone-${zoneOfServer(server)}`]));

const told: NamedWay = {
  name: 'inmesh, told of zones',
  make: (context) => inmesh('', { outlier: 'off', zones: new Zones(table, `zone-${zoneOfClient(context.client)}`, () => []) }).make(context),
};

/** Only servers of the own zone, whatever happens. */
const homeOnly: NamedWay = {
  name: 'least request, own zone alone',
  make: (context) => leastRequest(2).make({ ...context, known: context.known.filter((server) => zoneOfServer(server) === zoneOfClient(context.client)) }),
};

/** Counts the requests that leave the zone of their client. */
class Borders {
  sent = 0;
  crossed = 0;

  watch(way: NamedWay): NamedWay {
    return {
      name: way.name,
      make: (context) => {
        const made = way.make(context);
        return {
          ...made,
          send: (now) => {
            const sent = made.send(now);
            this.sent += 1;
            if (zoneOfServer(sent.server) !== zoneOfClient(context.client)) this.crossed += 1;
            return sent;
          },
        };
      },
    };
  }
}

interface Crossing extends Cells {
  readonly success: Range;
  readonly mean: Range;
  readonly p99: Range;
  readonly crossing: Range;
}

it('told of zones, hardly any request leaves while there is room at home, and what does not fit there is spread over both', () => {
  const utilisations = [0.2, 0.5, 0.7];
  const tables = utilisations.map((utilisation) => {
    const lines = [leastRequest(2), homeOnly, ours, told].map((way): Crossing => {
      const borders = seeds.map(() => new Borders());
      const summaries = seeds.map((seed, place) => play(crowdedZone(utilisation), borders[place]!.watch(way), seed).summary());
      const of = (figure: 'success' | 'mean' | 'p99') => range(summaries.map((summary) => summary[figure]));
      return { way: way.name, success: of('success'), mean: of('mean'), p99: of('p99'), crossing: range(borders.map(({ sent, crossed }) => crossed / sent)) };
    });
    return { caption: `At ${100 * utilisation} %: ${Math.round(160 * utilisation)} % of what the crowded zone can do`, lines };
  });
  record({
    row: 'locality', title: 'Four fifths of the clients in one of two zones', published: 'not published',
    tables, plot: { kind: 'bars', table: 1, figure: 'crossing', scale: 'linear' },
  });
  const [quiet, busy, over] = tables.map(({ lines }) => new Map(lines.map((line) => [line.way, line])));
  for (const all of [quiet!, busy!]) {
    const [mine, untold] = [all.get(told.name)!, all.get(ours.name)!];
    expect(mine.crossing.most).toBeLessThan(0.005);
    expect(mine.crossing.most).toBeLessThan(untold.crossing.least / 3);
    expect(mine.mean.mean).toBeLessThan(1.03 * untold.mean.mean);
  }
  // Of 14 servers' worth of work 11.2 come from the crowded zone, which has 10: at least 1.2 of 14 have to leave.
  expect(over!.get(told.name)!.success.least).toBe(1);
  expect(over!.get(told.name)!.crossing.least).toBeGreaterThan(1.2 / 14);
  expect(over!.get(told.name)!.crossing.most).toBeLessThan(0.1);
  expect(over!.get(ours.name)!.crossing.least).toBeGreaterThan(0.11);
  // Who divides by zones alone fails there, with half of the other zone idle.
  expect(over!.get(homeOnly.name)!.success.most).toBeLessThan(0.75);
});
