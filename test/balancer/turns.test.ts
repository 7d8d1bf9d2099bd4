import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { Turns } from '../../src/balancer/turns.ts';

interface Member {
  readonly name: string;
  readonly weight: number;
}

function turnsOf(weights: readonly number[], seed: number): { turns: Turns<Member>; members: readonly Member[] } {
  const turns = new Turns<Member>(seededRandom(seed));
  const members = turns.use(weights.map((weight, number) => ({ name: String(number), weight })), ({ weight }) => weight);
  return { turns, members };
}

/** As often as any is the one whose turn it is, by what was due when they began: all are looked at for each turn. */
class EarliestOfAll {
  readonly #due: number[];
  readonly #weights: readonly number[];
  now = 0;

  constructor(members: readonly Member[], turns: Turns<Member>) {
    this.#weights = members.map(({ weight }) => weight);
    this.#due = members.map(({ weight }, place) => turns.wait(place) / weight);
  }

  /** Which are due first; among several that are, any may be. */
  get next(): number[] {
    const earliest = Math.min(...this.#due);
    return this.#due.flatMap((due, place) => (due - earliest < 1e-9 ? [place] : []));
  }

  took(place: number): void {
    this.now = this.#due[place]!;
    this.#due[place] = this.now + 1 / this.#weights[place]!;
  }

  wait(place: number): number {
    return (this.#due[place]! - this.now) * this.#weights[place]!;
  }
}

const seldomEqual = fc.array(fc.double({ min: 0.1, max: 10, noNaN: true }), { minLength: 1, maxLength: 20 });
const oftenEqual = fc.array(fc.constantFrom(1, 2, 5), { minLength: 1, maxLength: 40 });
const allEqual = fc.integer({ min: 1, max: 40 }).map((count) => new Array<number>(count).fill(3));

describe('turns', () => {
  it('are had by whoever is due first, whether few weights are equal, many or all', () => {
    fc.assert(
      fc.property(fc.oneof(seldomEqual, oftenEqual, allEqual), fc.integer(), (weights, seed) => {
        const { turns, members } = turnsOf(weights, seed);
        const all = new EarliestOfAll(members, turns);
        for (let turn = 0; turn < 200; turn += 1) {
          const due = all.next;
          const place = turns.next();
          expect(due).toContain(place);
          all.took(place);
        }
        for (const each of members.keys()) expect(turns.wait(each)).toBeCloseTo(all.wait(each), 6);
      }),
      { numRuns: 100 },
    );
  });

  it('of equal weight are had by each once before anybody has a second', () => {
    const { turns, members } = turnsOf(new Array<number>(100).fill(1), 1);
    const round = () => Array.from(members, () => turns.next());
    const first = round();
    expect(new Set(first).size).toBe(100);
    expect(round()).toEqual(first);
  });

  it('go on where they were when others come and go, and weights change', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(9), fc.constantFrom(1, 2, 4)), { minLength: 1, maxLength: 20 }), fc.nat(30), fc.integer(), (changes, taken, seed) => {
        const turns = new Turns<string>(seededRandom(seed));
        const weights = new Map(Array.from({ length: 6 }, (_, number) => [String(number), 1]));
        let members = turns.use([...weights.keys()], (member) => weights.get(member)!);
        for (const [number, weight] of changes) {
          for (let turn = 0; turn < taken; turn += 1) turns.next();
          const before = new Map(members.map((member, place) => [member, turns.wait(place)]));
          const name = String(number);
          if (weights.has(name) && weights.size > 1 && weight === 4) weights.delete(name);
          else weights.set(name, weight);
          members = turns.use([...weights.keys()], (member) => weights.get(member)!);
          expect([...members].sort()).toEqual([...weights.keys()].sort());
          for (const [place, member] of members.entries()) expect(turns.wait(place)).toBeCloseTo(before.get(member) ?? turns.wait(place), 6);
        }
      }),
    );
  });

  it('begin with anybody as often as the weights say', () => {
    const first = new Map([[1, 0], [3, 0], [6, 0]]);
    for (let seed = 0; seed < 4_000; seed += 1) {
      const { turns, members } = turnsOf([1, 3, 6], seed);
      const { weight } = members[turns.next()]!;
      first.set(weight, first.get(weight)! + 1);
    }
    for (const [weight, times] of first) expect(Math.abs(times / 4_000 - weight / 10)).toBeLessThan(0.03);
  });
});
