/**
 * World: clients, servers, and requests between them. A Poisson stream of requests falls on the clients by chance; each client chooses
 * a server in its own way. Arrivals, clients and work are drawn from seeds of their own, so every way of choosing meets the same.
 */
import type { Millis } from '../../src/core/clock.ts';
import { below, seededRandom, type Random } from '../../src/core/random.ts';
import { Figures } from './figures.ts';
import type { Job, Server } from './server.ts';
import { Timeline, type Happening } from './timeline.ts';
import { exponential } from './weather.ts';
import type { NamedWay, Sent, Way } from './way.ts';

export interface Scenario {
  readonly clients: number;
  /** All servers that there will ever be. */
  servers(timeline: Timeline, chance: () => number): readonly Server[];
  /** Requests per second, of all clients together. */
  readonly rate: number;
  /** Requests come one by one in the same distance, not by chance. */
  readonly steady?: boolean;
  /** Work of one request, in milliseconds at speed 1. */
  work(random: Random): Millis;
  readonly duration: Millis;
  /** What is sent before this is not counted. */
  readonly warmUp: Millis;
  /** After this a client gives up: a failure. */
  readonly timeout: Millis;
  /** Time on the wire, there and back. */
  distance?(client: number, server: number): Millis;
  /** The servers a client knows at first; all where it is not said. */
  known?(client: number, seed: number): readonly number[];
  /** Clients look names up this often, each at its own time; where it is not said, they hear of changes at once: for a cold join the hardest case. */
  readonly lookUpEvery?: Millis;
  /** What happens meanwhile. */
  weather?(scene: Scene, random: Random): void;
}

/** What weather acts on. */
export interface Scene {
  readonly timeline: Timeline;
  readonly servers: readonly Server[];
  /** From now on these are the servers that discovery names. */
  readonly publish: (servers: readonly number[]) => void;
}

export class World implements Scene {
  readonly timeline = new Timeline();
  readonly servers: readonly Server[];
  readonly ways: readonly Way[];
  readonly figures: Figures;
  readonly #scenario: Scenario;
  readonly #arrivals: Random;
  readonly #work: Random;
  readonly #waiting = new Waiting();
  #published: readonly number[] | undefined = undefined;

  constructor(scenario: Scenario, way: NamedWay, seed: number) {
    const { timeline } = this;
    this.#scenario = scenario;
    this.#arrivals = seededRandom(seed);
    this.#work = seededRandom(seed + 1_000);
    const chance = seededRandom(seed + 2_000);
    this.servers = scenario.servers(timeline, () => chance.next());
    this.figures = new Figures(scenario.timeout, this.servers.length);
    const all = this.servers.map((_, number) => number);
    this.ways = Array.from({ length: scenario.clients }, (_, client) =>
      way.make({
        client, clients: scenario.clients, timeline, servers: this.servers,
        known: scenario.known?.(client, seed) ?? all,
        random: seededRandom(seed * 7_919 + client * 104_729 + 3_000),
      }),
    );
    scenario.weather?.(this, seededRandom(seed + 4_000));
    if (scenario.lookUpEvery !== undefined) for (const way of this.ways) this.#lookUp(way, scenario.lookUpEvery, scenario.lookUpEvery * this.#arrivals.next());
  }

  readonly publish = (servers: readonly number[]): void => {
    this.#published = servers;
    if (this.#scenario.lookUpEvery === undefined) for (const way of this.ways) way.learn?.(servers, this.timeline.now());
  };

  /** Plays it, to the last answer that somebody waits for. */
  play(): Figures {
    const { duration, timeout } = this.#scenario;
    this.#arrive(0);
    this.timeline.run(duration + timeout + 1);
    return this.figures;
  }

  #lookUp(way: Way, every: Millis, first: Millis): void {
    this.timeline.after(first, () => {
      if (this.#published !== undefined) way.learn?.(this.#published, this.timeline.now());
      this.#lookUp(way, every, every);
    });
  }

  #arrive(now: Millis): void {
    const { rate, steady, duration, clients, work, distance, timeout } = this.#scenario;
    const arrival: Happening = {
      happen: (at) => {
        const client = below(this.#arrivals, clients);
        const sent = this.ways[client]!.send(at);
        const server = this.servers[sent.server]!;
        const request = new Request(this, server, sent, at, work(this.#work), distance?.(client, sent.server) ?? 0);
        request.go(at);
        this.#waiting.add(request, at + timeout, this.timeline);
        const next = at + (steady === true ? 1_000 / rate : exponential(1_000 / rate, this.#arrivals));
        if (next < duration) this.timeline.at(next, arrival);
      },
    };
    this.timeline.at(now, arrival);
  }

  over(request: Request, failed: boolean, now: Millis): void {
    if (request.sentAt >= this.#scenario.warmUp) this.figures.add(request.sentAt, now - request.sentAt, failed, request.sent.server);
  }
}

class Request implements Job, Happening {
  work: Millis;
  found = 0;
  arrivedAt: Millis = 0;
  startedAt: Millis = 0;
  readonly sentAt: Millis;
  over = false;
  readonly #world: World;
  readonly #server: Server;
  readonly sent: Sent;
  readonly #distance: Millis;
  #answered = false;
  #failed = false;

  constructor(world: World, server: Server, sent: Sent, sentAt: Millis, work: Millis, distance: Millis) {
    this.#world = world;
    this.#server = server;
    this.sent = sent;
    this.sentAt = sentAt;
    this.work = work;
    this.#distance = distance;
  }

  go(now: Millis): void {
    if (this.#distance === 0) this.#server.arrive(this, now);
    else this.#world.timeline.at(now + this.#distance / 2, this);
  }

  /** It has crossed the wire, in one direction or the other. */
  happen(now: Millis): void {
    if (this.#answered) this.#end(this.#failed, now, true);
    else this.#server.arrive(this, now);
  }

  answered(failed: boolean, now: Millis): void {
    this.#answered = true;
    this.#failed = failed;
    if (this.#distance === 0) this.#end(failed, now, true);
    else this.#world.timeline.at(now + this.#distance / 2, this);
  }

  timedOut(now: Millis): void {
    this.#end(true, now, false);
  }

  #end(failed: boolean, now: Millis, heard: boolean): void {
    if (this.over) return;
    this.over = true;
    this.sent.over(failed, now, heard ? this.#server : undefined);
    this.#world.over(this, failed, now);
  }
}

/** All timeouts are of one length, so they fall due in the order of sending: a queue, and one event for its head. */
class Waiting implements Happening {
  #requests: Request[] = [];
  #dues: Millis[] = [];
  #head = 0;
  #timeline: Timeline | undefined;

  add(request: Request, due: Millis, timeline: Timeline): void {
    const idle = this.#head === this.#requests.length;
    this.#timeline = timeline;
    this.#requests.push(request);
    this.#dues.push(due);
    if (idle) timeline.at(due, this);
  }

  happen(now: Millis): void {
    while (this.#head < this.#requests.length && (this.#dues[this.#head]! <= now || this.#requests[this.#head]!.over)) {
      const request = this.#requests[this.#head]!;
      if (!request.over) request.timedOut(now);
      this.#head += 1;
    }
    if (this.#head > 10_000) {
      this.#requests = this.#requests.slice(this.#head);
      this.#dues = this.#dues.slice(this.#head);
      this.#head = 0;
    }
    if (this.#head < this.#requests.length) this.#timeline!.at(this.#dues[this.#head]!, this);
  }
}

export function play(scenario: Scenario, way: NamedWay, seed: number): Figures {
  return new World(scenario, way, seed).play();
}
