import { describe, expect, it } from 'vitest';
import { Directory, type Entry } from '../../src/balancer/directory.ts';
import { PeerShare } from '../../src/balancer/peer-share.ts';
import { endpoints } from './small-cluster.ts';

const names = (count: number) => Array.from({ length: count }, (_, number) => `10.1.${number >> 8}.${number & 255}`);

function entriesOf(count: number): readonly Entry[] {
  const directory = new Directory('a');
  directory.learn({ endpoints: endpoints(count), complete: true, source: 'a test' });
  return directory.groups[0]!;
}

function share(own: string, peers: readonly string[]): PeerShare {
  const strategy = new PeerShare(own);
  strategy.know(peers);
  return strategy;
}

/** How many clients each endpoint has. */
function clientsOf(entries: readonly Entry[], peers: readonly string[], size: number): number[] {
  const counts = new Map(entries.map((entry) => [entry, 0]));
  for (const peer of peers) for (const member of share(peer, peers).choose(entries, size).members) counts.set(member, counts.get(member)! + 1);
  return [...counts.values()];
}

describe('peer share', () => {
  it('gives every endpoint the same number of clients, but for what the bounds of a client’s size take', () => {
    const counts = clientsOf(entriesOf(100), names(100), 20);
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(19);
    expect(Math.max(...counts)).toBeLessThanOrEqual(21);
  });

  it('leaves hardly an endpoint without a client where there are just enough clients', () => {
    expect(clientsOf(entriesOf(100), names(5), 20).filter((count) => count === 0).length).toBeLessThan(5);
  });

  it('gives the only client of a service no more than it may have', () => {
    const { members } = share('10.1.0.0', names(1)).choose(entriesOf(100), 20);
    expect(members).toHaveLength(30);
  });

  it('hands the endpoints of a peer that goes to the next of each, and takes nothing from anybody', () => {
    const [entries, before] = [entriesOf(100), names(100)];
    const after = before.slice(1);
    const strategies = after.map((peer) => share(peer, before));
    const had = strategies.map((strategy) => new Set(strategy.choose(entries, 20).members));
    for (const strategy of strategies) strategy.know(after);
    const has = strategies.map((strategy) => strategy.choose(entries, 20).members);
    const joined = has.flatMap((members, index) => members.filter((member) => !had[index]!.has(member)));
    const lost = had.flatMap((members, index) => [...members].filter((member) => !has[index]!.includes(member)));
    // What the one that went had, and a little where somebody’s bounds begin or end to matter.
    expect(joined.length).toBeGreaterThan(10);
    expect(joined.length).toBeLessThan(35);
    expect(lost.length).toBeLessThan(5);
  });

  it('keeps the number of clients of each while it is nearly what it should be', () => {
    const strategy = share('10.1.0.5', names(100));
    const entries = entriesOf(103);
    const size = (count: number) => strategy.choose(entries.slice(0, count), 20).members;
    const before = size(100);
    // 20 clients each for 100 endpoints, 19.4 for 103: still 20.
    expect(size(103).filter((entry) => !before.includes(entry) && entries.indexOf(entry) < 100)).toEqual([]);
    expect(before.every((entry) => size(103).includes(entry))).toBe(true);
  });

  it('knows the same after peers have come and gone as one that has just begun', () => {
    const entries = entriesOf(300);
    const strategy = share('10.1.0.5', names(40));
    strategy.choose(entries, 20);
    for (const peers of [names(80), names(60), names(20).slice(3), names(120)]) {
      strategy.know(peers);
      expect(strategy.choose(entries, 20).members).toEqual(share('10.1.0.5', peers).choose(entries, 20).members);
    }
  });
});
