/** One client's subset, and the ways of choosing it that the contract is about. */
import type { Millis } from '../../src/core/clock.ts';
import type { Endpoint } from '../../src/core/endpoint.ts';
import type { SubsetKnobs } from '../../src/core/policy.ts';
import { seededRandom } from '../../src/core/random.ts';
import { Directory } from '../../src/balancer/directory.ts';
import { positionOf } from '../../src/balancer/position.ts';
import { Subset } from '../../src/balancer/subset.ts';

export interface Contender {
  readonly name: string;
  readonly strategy: SubsetKnobs['strategy'];
  /** Whether the endpoints have numbers. */
  readonly numbered: boolean;
  /** How many clients each client knows of; undefined: none. */
  readonly peers?: number;
  /** The fewest and the most members, of 20 asked for. */
  readonly members: readonly [number, number];
  /** 400 clients with 20 of 100 endpoints each: the most connections of one endpoint, as a multiple of the mean. */
  readonly unevenness: number;
}

export const contenders: readonly Contender[] = [
  // Binomial: 80 ± 8 each; of a hundred draws hardly any is beyond four standard deviations.
  { name: 'rendezvous', strategy: 'rendezvous', numbered: false, members: [20, 20], unevenness: 1.45 },
  // Without reports: as rendezvous.
  { name: 'load-aware', strategy: 'load-aware', numbered: false, members: [20, 20], unevenness: 1.45 },
  { name: 'deterministic, by lots', strategy: 'deterministic', numbered: true, members: [20, 20], unevenness: 1.001 },
  // Each endpoint has its 80, but for clients that take no more or no fewer than they may.
  { name: 'deterministic, by peers', strategy: 'deterministic', numbered: false, peers: 400, members: [10, 30], unevenness: 1.02 },
];

export class SubsetClient {
  readonly #directory: Directory;
  readonly #subset: Subset;
  readonly #knobs: SubsetKnobs;
  /** By key: these cannot be used. */
  readonly outOfUse = new Set<string>();
  now: Millis = 0;
  /** Keys of the endpoints in use. */
  chosen: ReadonlySet<string> = new Set();

  constructor(contender: Contender, number: number, size = 20) {
    this.#directory = new Directory(`shop/shop-${number}`);
    this.#subset = new Subset({ outOfUse: ({ key }) => this.outOfUse.has(key), position: () => positionOf(this.#knobs, { service: 'shop', instance: `shop-${number}` }, undefined), random: seededRandom(number) });
    this.#knobs = { size, strategy: contender.strategy, ordinal: contender.peers === undefined ? 'auto' : { index: number, of: contender.peers }, peers: 'off' };
  }

  resolve(endpoints: readonly Endpoint[]): ReadonlySet<string> {
    this.#directory.learn({ endpoints, complete: true, source: 'a test' });
    return (this.chosen = new Set(this.#subset.choose(this.#directory.groups, this.#knobs, this.now).map(({ key }) => key)));
  }

  /** Health moved, or time did. */
  review(): ReadonlySet<string> {
    const members = this.#subset.review(this.now);
    if (members !== undefined) this.chosen = new Set(members.map(({ key }) => key));
    return this.chosen;
  }

  get dueAt(): Millis {
    return this.#subset.dueAt;
  }
}

/** Those of `after` that are not in `before`. */
export function joined(before: ReadonlySet<string>, after: ReadonlySet<string>): string[] {
  return [...after].filter((key) => !before.has(key));
}
