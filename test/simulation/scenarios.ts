/** The scenarios: who calls whom, how much, and what goes wrong meanwhile. */
import { ProcessorSharingServer } from './processor-sharing.ts';
import { FifoServer, InfiniteServer, type Server } from './server.ts';
import { subsetOf } from './ways/inmesh.ts';
import type { Timeline } from './timeline.ts';
import { antagonists, exponential, faultBetween, meanAntagonistSpeed, normal, pauses, speedBetween } from './weather.ts';
import type { Scenario } from './world.ts';

const WORKERS = 4;
const MEAN_WORK = 10;

const pool = (count: number, workers = WORKERS) => (timeline: Timeline, chance: () => number): Server[] =>
  Array.from({ length: count }, () => new FifoServer(timeline, chance, workers));

/** Requests per second that keep so many servers busy for this share of the time. */
const rateFor = (utilisation: number, servers: number, workers = WORKERS, work = MEAN_WORK, speed = 1) => (utilisation * servers * workers * speed * 1_000) / work;

/** 50 clients and 50 servers of four workers, 10 ms of work a request, 80 % of the time busy. */
export const ordinary: Scenario = {
  clients: 50,
  servers: pool(50),
  rate: rateFor(0.8, 50),
  work: (random) => exponential(MEAN_WORK, random),
  duration: 12_000,
  warmUp: 3_000,
  timeout: 1_000,
};

/** Machines of three generations: half as fast, as fast, half as fast again. */
export const heterogeneous = (utilisation: number): Scenario => {
  const speeds = [0.5, 1, 1, 1.5];
  return {
    ...ordinary,
    rate: rateFor(utilisation, 50),
    weather: ({ servers }) => servers.forEach((server, number) => server.setSpeed(speeds[number % 4]!, 0)),
  };
};

export const withAntagonists = (utilisation: number): Scenario => ({
  ...ordinary,
  rate: rateFor(utilisation, 50) * meanAntagonistSpeed,
  weather: ({ servers, timeline }, random) => antagonists(servers, timeline, random),
});

/** The same with one worker each, as a process that computes; or with everybody served at once. */
export const singleWorkers: Scenario = { ...withAntagonists(0.8), servers: pool(50, 1), work: (random) => exponential(2.5, random) };
export const processorSharing: Scenario = {
  ...withAntagonists(0.8),
  servers: (timeline, chance) => Array.from({ length: 50 }, () => new ProcessorSharingServer(timeline, chance, WORKERS)),
};

export const withPauses: Scenario = { ...ordinary, weather: ({ servers, timeline }, random) => pauses(servers, timeline, random) };

/** From `badFrom` to `badUntil` one of them is bad in one way or another. */
export const badFrom = 4_000;
export const badUntil = 10_000;

const oneBad = (bad: (server: Server, timeline: Timeline) => void): Scenario => ({ ...ordinary, weather: ({ servers, timeline }) => bad(servers[0]!, timeline) });

/** Twenty times slower. */
export const oneSlow = oneBad((server, timeline) => speedBetween(server, timeline, 0.05, badFrom, badUntil));

/** It takes requests and says nothing any more. */
export const oneHung = oneBad((server, timeline) => faultBetween(server, timeline, 'never', badFrom, badUntil));

/** It refuses everything in half a millisecond. */
export const blackHole = oneBad((server, timeline) => faultBetween(server, timeline, { after: 0.5, share: 1 }, badFrom, badUntil));

/** A fifth of them refuse everything for twenty seconds; there is room for what they do not do. */
export const fifthBadUntil = badFrom + 20_000;
export const fifthBad = (servers: number): Scenario => ({
  ...ordinary,
  clients: servers,
  servers: pool(servers),
  rate: rateFor(0.6, servers),
  duration: fifthBadUntil + 1_000,
  weather: ({ servers: all, timeline }) => all.forEach((server, number) => {
    if (number % 5 === 0) faultBetween(server, timeline, { after: 0.5, share: 1 }, badFrom, fifthBadUntil);
  }),
});

/** What all of them depend on fails this share of the requests. */
export const sharedOutage = (share: number): Scenario => ({
  ...ordinary,
  rate: rateFor(0.6, 50),
  weather: ({ servers, timeline }) => servers.forEach((server) => faultBetween(server, timeline, { after: 5, share }, badFrom, badUntil)),
});

/** 300 clients, 19 servers and a twentieth that all clients learn of at once; for its first two seconds it is five times slower. */
export const joinAt = 4_000;
export const joined = 19;
export const coldJoin: Scenario = {
  ...ordinary,
  clients: 300,
  servers: pool(20),
  rate: rateFor(0.8, 20),
  known: () => Array.from({ length: joined }, (_, number) => number),
  duration: 8_000,
  weather: ({ servers, timeline, publish }) => {
    speedBetween(servers[joined]!, timeline, 0.2, joinAt, joinAt + 2_000);
    timeline.after(joinAt, () => publish(servers.map((_, number) => number)));
  },
};

/**
 * 200 clients, each of which knows 10 of 100 servers: those that rendezvous hashing gives it, in a draw where one server has nearly twice
 * its share of clients; or in turn, so that each server has exactly its share.
 */
export const subset = (even: boolean): Scenario => ({
  ...ordinary,
  clients: 200,
  servers: pool(100),
  rate: rateFor(0.8, 100),
  duration: 6_000,
  warmUp: 2_000,
  known: (client) => (even ? inTurn : rendezvousSubsets())[client]!,
});

const inTurn = Array.from({ length: 200 }, (_, client) => Array.from({ length: 10 }, (_, place) => (client * 10 + place) % 100));

let drawn: readonly (readonly number[])[] | undefined;

/** By client. Of many draws the first in which the busiest server has at least 1.9 times its share. */
export function rendezvousSubsets(): readonly (readonly number[])[] {
  for (let draw = 0; drawn === undefined; draw += 1) {
    const subsets = inTurn.map((_, client) => subsetOf(`draw-${draw}-client-${client}`, 100, 10));
    if (mostClients(subsets) >= 1.9) drawn = subsets;
  }
  return drawn;
}

/** Clients of the server that has most, over the mean. */
export function mostClients(subsets: readonly (readonly number[])[]): number {
  const counts = new Array<number>(100).fill(0);
  for (const server of subsets.flat()) counts[server]! += 1;
  return Math.max(...counts) / (subsets.flat().length / 100);
}

/**
 * Every one of twenty servers is replaced, two a second: its successor is ready and cold, the old one is taken out of discovery and listens
 * no more; what it has, it finishes. Clients hear of it when they look the name up, every five seconds.
 */
export const restartFrom = 4_000;
export const rollingRestart: Scenario = {
  ...ordinary,
  clients: 20,
  servers: pool(40),
  rate: rateFor(0.6, 20),
  duration: restartFrom + 20 * 500 + 3_000,
  lookUpEvery: 5_000,
  known: () => Array.from({ length: 20 }, (_, number) => number),
  weather: ({ servers, timeline, publish }) => {
    const now = Array.from({ length: 20 }, (_, number) => number);
    publish([...now]);
    now.forEach((old) => timeline.after(restartFrom + old * 500, () => {
      const successor = old + 20;
      now[old] = successor;
      publish([...now]);
      servers[old]!.closed = true;
      speedBetween(servers[successor]!, timeline, 0.3, 0, 1_000);
    }));
  },
};

/** Half of the clients and half of the servers in each of two zones; 3 ms between them, and nobody is told. */
export const twoZones: Scenario = {
  ...ordinary,
  clients: 20,
  servers: pool(20),
  rate: rateFor(0.6, 20, WORKERS, 2.5),
  work: (random) => exponential(2.5, random),
  distance: (client, server) => (client % 2 === server % 2 ? 0 : 3),
};

/** Servers as before, and four fifths of the clients in one of the zones: at 70 % it has 12 % more to do than it can. */
export const zoneOfServer = (server: number): number => server % 2;
export const zoneOfClient = (client: number): number => (client % 5 === 0 ? 1 : 0);
export const crowdedZone = (utilisation: number): Scenario => ({
  ...twoZones,
  rate: rateFor(utilisation, 20, WORKERS, 2.5),
  distance: (client, server) => (zoneOfClient(client) === zoneOfServer(server) ? 0 : 3),
});

/**
 * Prequal's load ramp: 100 clients, 100 servers, 1 is what each of them was allotted. A fifth of the machines have no more than that (two
 * workers' worth); the others lend what they have left (three more). Work is normal with a deviation as large as its mean, cut off at
 * nothing, as theirs.
 */
export const ramp = (load: number): Scenario => {
  const [allotted, lent, mean] = [2, 3, 3.6];
  return {
    clients: 100,
    servers: (timeline, chance) => Array.from({ length: 100 }, (_, number) => new FifoServer(timeline, chance, number % 5 === 0 ? allotted : allotted + lent)),
    // The mean of what is left of a normal distribution of which the negative part is cut off: 1.288 times the mean.
    rate: load * rateFor(1, 100, allotted, 1.288 * mean),
    work(chance) {
      for (;;) {
        const drawn = normal(mean, mean, chance);
        if (drawn > 0) return drawn;
      }
    },
    duration: 4_000,
    warmUp: 1_500,
    timeout: 5_000,
  };
};

/** Linkerd's (Buoyant 2016): one client, eleven servers that answer in 167 ± 5 ms, one of them in 2 s for half of the minute. */
export const linkerd: Scenario = {
  clients: 1,
  servers: (timeline, chance) => Array.from({ length: 11 }, () => new InfiniteServer(timeline, chance)),
  rate: 1_000,
  steady: true,
  work: (random) => normal(167, 5, random),
  duration: 60_000,
  warmUp: 0,
  timeout: 10_000,
  weather: ({ servers, timeline }) => speedBetween(servers[0]!, timeline, 167 / 2_000, 15_000, 45_000),
};

/** 600 clients that know 20 of 50 servers each, with neighbours: each sends a request to a server every two seconds or so, and what it knows is old. */
export const lowRate: Scenario = { ...withAntagonists(0.8), clients: 600, known: (client) => (sparse ??= Array.from({ length: 600 }, (_, each) => subsetOf(`client-${each}`, 50, 20)))[client]! };
let sparse: readonly (readonly number[])[] | undefined;
