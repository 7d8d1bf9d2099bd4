import { describe, expect, it } from 'vitest';
import type { Endpoint, ResolutionListener } from '../../src/core/endpoint.ts';
import type { PeerView } from '../../src/core/peers.ts';
import { ownAddresses, PEER_SETTLES, Peers, SELF_PRESUMED } from '../../src/discovery/peers.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const SECOND = 1_000;
const OWN = '10.1.0.7';

class World {
  readonly clock = new VirtualClock(1_000_000);
  readonly changes: PeerView[] = [];
  closed = false;
  listener: ResolutionListener | undefined;
  readonly peers: Peers;

  constructor(addresses: readonly string[] = [OWN]) {
    this.peers = new Peers('shop', {
      clock: this.clock,
      addresses: () => addresses,
      changed: (view) => void this.changes.push(view),
      resolver: {
        watch: (listener) => {
          this.listener = listener;
          return { refresh: () => {}, state: () => ({ source: 'a test', state: 'fresh', age: 0, lastError: undefined }), close: () => void (this.closed = true) };
        },
      },
    });
  }

  answer(hosts: readonly string[], { complete = true, alternates = {} }: { complete?: boolean; alternates?: Readonly<Record<string, string>> } = {}): void {
    const endpoints = hosts.map((host): Endpoint => ({ host, port: 80, weight: 1, priority: 0, ...(alternates[host] === undefined ? {} : { alternate: alternates[host] }) }));
    this.listener!.resolved({ endpoints, complete, source: 'a test' });
  }

  get all(): readonly string[] | string {
    const { view } = this.peers;
    return view.kind === 'known' ? view.all : view.why;
  }

  get own(): string | undefined {
    const { view } = this.peers;
    return view.kind === 'known' ? view.own : undefined;
  }
}

describe('peers', () => {
  it('are those of the first answer, at once, and this process is the one with its address', () => {
    const world = new World();
    expect(world.all).toBe('shop has not answered yet');
    world.answer(['10.1.0.9', OWN, '10.1.0.8']);
    expect([world.own, world.all]).toEqual([OWN, [OWN, '10.1.0.8', '10.1.0.9']]);
    expect(world.changes).toHaveLength(1);
  });

  it('are told why they are not known', () => {
    const world = new World();
    world.listener!.failed(new Error('shop: NXDOMAIN'));
    expect(world.all).toBe('shop: NXDOMAIN');
    world.answer([]);
    expect(world.all).toBe('shop names nobody');
  });

  it('stay known while discovery fails', () => {
    const world = new World();
    world.answer([OWN, '10.1.0.8']);
    world.listener!.failed(new Error('SERVFAIL'));
    expect(world.all).toEqual([OWN, '10.1.0.8']);
  });

  it('count once they have been there for a while, and no longer once they have been gone for as long', async () => {
    const world = new World();
    world.answer([OWN, '10.1.0.8']);
    world.answer([OWN, '10.1.0.9']);
    await world.clock.advance(PEER_SETTLES - 1);
    expect(world.all).toEqual([OWN, '10.1.0.8']);
    await world.clock.advance(1);
    expect(world.all).toEqual([OWN, '10.1.0.9']);
    expect(world.changes).toHaveLength(2);
  });

  it('that are gone are gone from the first answer without them on, however many follow', async () => {
    const world = new World();
    world.answer([OWN, '10.1.0.8', '10.1.0.9']);
    world.answer([OWN, '10.1.0.9']);
    await world.clock.advance(PEER_SETTLES / 2);
    world.answer([OWN]);
    await world.clock.advance(PEER_SETTLES / 2);
    expect(world.all).toEqual([OWN, '10.1.0.9']);
  });

  it('that come and go change nothing, either way', async () => {
    const world = new World();
    world.answer([OWN, '10.1.0.8']);
    for (let time = 0; time < 50; time += 1) {
      world.answer(time % 2 === 0 ? [OWN, '10.1.0.9'] : [OWN, '10.1.0.8']);
      await world.clock.advance(20 * SECOND);
    }
    expect(world.all).toEqual([OWN, '10.1.0.8']);
    expect(world.changes).toHaveLength(1);
  });

  it('that are missing from an answer that was cut short are not gone', async () => {
    const world = new World();
    world.answer([OWN, '10.1.0.8', '10.1.0.9']);
    world.answer([OWN], { complete: false });
    await world.clock.advance(2 * PEER_SETTLES);
    expect(world.all).toHaveLength(3);
  });

  it('include this process for a minute after its start though they do not name it: it is not ready yet', async () => {
    const world = new World([OWN]);
    world.answer(['10.1.0.8']);
    expect([world.own, world.all]).toEqual([OWN, [OWN, '10.1.0.8']]);
    world.answer(['10.1.0.8', OWN]);
    await world.clock.advance(SELF_PRESUMED);
    expect([world.own, world.all]).toEqual([OWN, [OWN, '10.1.0.8']]);
    expect(world.changes).toHaveLength(1);
  });

  it('that still do not name it then are somebody else’s', async () => {
    const world = new World([OWN, 'fd00::7']);
    world.answer(['10.9.0.1', '10.9.0.2']);
    await world.clock.advance(SELF_PRESUMED - 1);
    expect(world.own).toBe(OWN);
    await world.clock.advance(1);
    expect(world.all).toBe('none of the 2 addresses of shop is one of this machine’s (10.1.0.7, fd00::7)');
    expect(world.changes.at(-1)!.kind).toBe('unknown');
  });

  it('are found by either address of a pod that has two, and it is called by the one that all see', () => {
    const world = new World(['fd00::7']);
    world.answer(['10.1.0.8', OWN], { alternates: { [OWN]: 'fd00::7' } });
    expect(world.own).toBe(OWN);
  });

  it('that lose this process do so after a while, not at once', async () => {
    const world = new World();
    world.answer([OWN, '10.1.0.8']);
    await world.clock.advance(SELF_PRESUMED);
    world.answer(['10.1.0.8']);
    await world.clock.advance(PEER_SETTLES - 1);
    expect(world.own).toBe(OWN);
    await world.clock.advance(1);
    expect(world.own).toBeUndefined();
  });

  it('leave no timer when closed', () => {
    const world = new World();
    world.answer([OWN]);
    world.peers.close();
    expect([world.clock.timers, world.closed]).toEqual([0, true]);
  });

  it('ask the system for addresses, and $POD_IP first', () => {
    expect(ownAddresses({ POD_IP: '10.1.0.7' })[0]).toBe('10.1.0.7');
    expect(ownAddresses({ POD_IP: '' })).toEqual(ownAddresses({}));
    expect(ownAddresses({ POD_IP: 'not an address' })).toEqual(ownAddresses({}));
    expect(ownAddresses({})).not.toContain('127.0.0.1');
  });
});
