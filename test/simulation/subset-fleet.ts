/**
 * A fleet of clients, each with the library's own directory and subset, in virtual time: who is connected to whom, how evenly, and how
 * many connections are made when endpoints or clients come and go. Servers report their connections where a scenario says so.
 *
 * For plots: `evenness` runs the events of H10 and H11 (one endpoint more, one less, a rolling restart) for any way of choosing, and
 * gives the figures as plain data.
 */
import type { Millis } from '../../src/core/clock.ts';
import type { Endpoint } from '../../src/core/endpoint.ts';
import { seededRandom } from '../../src/core/random.ts';
import { Directory, type Entry } from '../../src/balancer/directory.ts';
import type { Node } from '../../src/balancer/node.ts';
import { nowhere, type Position } from '../../src/balancer/position.ts';
import { Subset } from '../../src/balancer/subset.ts';

/** A way of choosing: the library's, or another's, to compare. */
export interface WayOfChoosing {
  readonly name: string;
  /** Endpoints keep their number when they are replaced. */
  readonly numbered: boolean;
  /** Endpoints say how many connections they have. */
  readonly reports: boolean;
  client(index: number, clients: number, seed: number, size: number): Chooser;
}

export interface Chooser {
  /** Keys of those in use. */
  choose(endpoints: readonly Endpoint[], now: Millis, connections: (key: string) => number | undefined): readonly string[];
  /** When it wants to look again. */
  readonly dueAt: Millis;
}

/** The library's own. */
export function library(name: string, strategy: 'rendezvous' | 'load-aware' | 'deterministic', knows: 'nothing' | 'number' | 'peers'): WayOfChoosing {
  return { name, numbered: knows === 'number', reports: strategy === 'load-aware', client: (index, clients, seed, size) => new LibraryClient(strategy, knows, index, clients, seed, size) };
}

class LibraryClient implements Chooser {
  readonly #directory: Directory;
  readonly #subset: Subset;
  readonly #knobs;
  #last: readonly Endpoint[] = [];

  constructor(strategy: 'rendezvous' | 'load-aware' | 'deterministic', knows: 'nothing' | 'number' | 'peers', index: number, clients: number, seed: number, size: number) {
    const name = (number: number) => `10.${(seed * 7) % 250}.${number >> 8}.${number & 255}`;
    const all = knows === 'peers' ? Array.from({ length: clients }, (_, number) => name(number)) : [];
    const position: Position = {
      ...nowhere,
      ordinal: knows === 'number' ? { index, of: undefined, set: `shop-${seed}` } : undefined,
      peers: knows === 'peers' ? { own: name(index), all } : undefined,
    };
    this.#knobs = { size, strategy, ordinal: 'off', peers: 'off' } as const;
    this.#directory = new Directory(`shop/${seed}-${index}`);
    this.#subset = new Subset({ outOfUse: () => false, position: () => position, random: seededRandom(seed * 100_003 + index) });
  }

  get dueAt(): Millis {
    return this.#subset.dueAt;
  }

  choose(endpoints: readonly Endpoint[], now: Millis, connections: (key: string) => number | undefined): readonly string[] {
    for (const group of this.#directory.groups) {
      for (const entry of group) {
        const count = connections(entry.key);
        entry.node = count === undefined ? undefined : ({ report: { at: now, connections: count } } as Node);
      }
    }
    let chosen: readonly Entry[] | undefined;
    if (endpoints === this.#last) {
      chosen = this.#subset.review(now);
    } else {
      this.#last = endpoints;
      this.#directory.learn({ endpoints, complete: true, source: 'a simulation' });
      chosen = this.#subset.choose(this.#directory.groups, this.#knobs, now);
    }
    return (this.#members = chosen?.map(({ key }) => key) ?? this.#members);
  }

  #members: readonly string[] = [];
}

export interface Fleet {
  readonly clients: number;
  readonly endpoints: number;
  readonly size: number;
}

export interface Figures {
  /** Connections of the worst endpoint per mean, to begin with … */
  readonly first: number;
  /** … and after an hour. */
  readonly settled: number;
  /** Requests of the worst endpoint per mean after an hour, with those of each client spread evenly over its subset. */
  readonly requests: number;
  /** Of all connections, made when one endpoint comes, within the answer that names it … */
  readonly came: number;
  /** … and the worst endpoint after that. */
  readonly evenAfter: number;
  /** Made when one goes. */
  readonly went: number;
  /** How often each connection is made while each endpoint is replaced once, a new one first, every 30 s. */
  readonly restart: number;
}

const MINUTE: Millis = 60_000;

class World {
  now: Millis = 0;
  made = 0;
  readonly #way: WayOfChoosing;
  readonly #choosers: readonly Chooser[];
  #endpoints: readonly Endpoint[] = [];
  #chosen: ReadonlySet<string>[];
  #counts = new Map<string, number>();

  constructor(way: WayOfChoosing, { clients, size }: Fleet, seed: number) {
    this.#way = way;
    this.#choosers = Array.from({ length: clients }, (_, index) => way.client(index, clients, seed, size));
    this.#chosen = this.#choosers.map(() => new Set());
  }

  resolve(endpoints: readonly Endpoint[]): void {
    this.#endpoints = endpoints;
    const present = new Set(endpoints.map(keyOf));
    for (const key of present) if (!this.#counts.has(key)) this.#counts.set(key, 0);
    this.#choosers.forEach((_, index) => this.#ask(index));
    for (const key of [...this.#counts.keys()]) if (!present.has(key)) this.#counts.delete(key);
  }

  /** Time passes; whoever wants to look again does. */
  pass(duration: Millis): void {
    const until = this.now + duration;
    for (;;) {
      let next = -1;
      let at = until;
      this.#choosers.forEach(({ dueAt }, index) => {
        if (dueAt < at) [next, at] = [index, dueAt];
      });
      if (next === -1) break;
      this.now = Math.max(this.now, at);
      this.#ask(next);
    }
    this.now = until;
  }

  /** Connections of the worst endpoint per mean. */
  unevenness(): number {
    const counts = [...this.#counts.values()];
    return (Math.max(...counts) * counts.length) / counts.reduce((sum, count) => sum + count, 0);
  }

  requests(): number {
    const rates = new Map<string, number>();
    for (const chosen of this.#chosen) for (const key of chosen) rates.set(key, (rates.get(key) ?? 0) + 1 / chosen.size);
    return (Math.max(...rates.values()) * this.#counts.size) / this.#chosen.length;
  }

  #ask(index: number): void {
    const before = this.#chosen[index]!;
    // A client hears of those it talks to, and of nobody else.
    const said = (key: string) => (this.#way.reports && before.has(key) ? this.#counts.get(key) : undefined);
    const after = new Set(this.#choosers[index]!.choose(this.#endpoints, this.now, said));
    for (const key of before) if (!after.has(key)) this.#count(key, -1);
    for (const key of after) {
      if (before.has(key)) continue;
      this.#count(key, 1);
      this.made += 1;
    }
    this.#chosen[index] = after;
  }

  #count(key: string, change: number): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + change);
  }
}

/** All events, one after another, on one fleet. */
export function evenness(way: WayOfChoosing, fleet: Fleet, seed: number): Figures {
  const world = new World(way, fleet, seed);
  const connections = fleet.clients * fleet.size;
  const endpoint = (address: number, ordinal: number): Endpoint => ({
    host: `10.${200 + (seed % 50)}.${address >> 8}.${address & 255}`, port: 8080, weight: 1, priority: 0, ...(way.numbered ? { ordinal } : {}),
  });
  const share = (event: () => void) => {
    const before = world.made;
    event();
    return (world.made - before) / connections;
  };
  let all = Array.from({ length: fleet.endpoints }, (_, number) => endpoint(number, number));
  world.resolve(all);
  const first = world.unevenness();
  world.pass(60 * MINUTE);
  const [settled, requests] = [world.unevenness(), world.requests()];

  const came = share(() => world.resolve([...all, endpoint(fleet.endpoints, fleet.endpoints)]));
  const evenAfter = world.unevenness();
  world.pass(10 * MINUTE);
  const went = share(() => world.resolve(all));
  world.pass(10 * MINUTE);

  const restart = share(() => {
    for (let number = 0; number < fleet.endpoints; number += 1) {
      const replaced = endpoint(fleet.endpoints + 1 + number, number);
      const others = all.filter((_, at) => at !== number);
      // A StatefulSet takes a pod away before its number comes back; a Deployment begins the new one first.
      world.resolve(way.numbered ? others : [...all, replaced]);
      world.pass(MINUTE / 4);
      all = all.map((each, at) => (at === number ? replaced : each));
      world.resolve(all);
      world.pass(MINUTE / 4);
    }
  });
  return { first, settled, requests, came, evenAfter, went, restart };
}

function keyOf({ host, port }: Endpoint): string {
  return `${host}:${port}`;
}
