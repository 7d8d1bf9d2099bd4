/**
 * Peers: the replicas of this process's own service, and which of them it is. They are found as any endpoints are, at the headless
 * Service of its own pods; this process is the one whose address is one of this machine's.
 *
 *     appears ──30 s──▶ counts ──gone for 30 s──▶ counts no more
 *
 * Each that comes or goes moves a little of every subset. So one that flaps must not count now and then, and a pod that is restarted
 * is gone and back within that time. Only the first answer is taken at once: nothing is in use yet.
 *
 * A Service lists pods that are ready, and a process that has just begun is not: for a minute it is taken to be among its peers
 * though they do not name it. If they still do not then, the name is probably not that of its own Service.
 */
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Clock, Millis, Timer } from '../core/clock.ts';
import type { Resolver, Watch } from '../core/endpoint.ts';
import type { PeerView } from '../core/peers.ts';
import { usableFamily } from './address.ts';

/** Longer than a refresh of discovery or two, and than most restarts. */
export const PEER_SETTLES: Millis = 30_000;
/** Kubernetes' probes begin and repeat within seconds; a pod that takes longer to be ready sends little. */
export const SELF_PRESUMED: Millis = 60_000;

export interface PeersDeps {
  readonly clock: Clock;
  readonly resolver: Resolver;
  /** Of this machine, the likeliest first. */
  readonly addresses: () => readonly string[];
  /** Who counts has changed. */
  readonly changed: (view: PeerView) => void;
}

interface Peer {
  /** Its address of the other family, where it has one. */
  alternate: string | undefined;
  counts: boolean;
  /** Since when it is there and does not count, or counts and is not there. */
  since: Millis | undefined;
}

export class Peers {
  /** Resolves when the first look-up has an answer or has failed, or nobody asks any more. */
  readonly asked: Promise<void>;
  readonly #name: string;
  readonly #deps: PeersDeps;
  readonly #watch: Watch;
  readonly #begun: Millis;
  /** By address. Those that do not count are there. */
  readonly #known = new Map<string, Peer>();
  #answered = false;
  #hasAsked!: () => void;
  #timer: Timer | undefined;
  #view: PeerView;

  constructor(name: string, deps: PeersDeps) {
    this.#name = name;
    this.#deps = deps;
    this.#begun = deps.clock.now();
    this.asked = new Promise((resolve) => (this.#hasAsked = resolve));
    this.#view = { kind: 'unknown', why: `${name} has not answered yet` };
    this.#watch = deps.resolver.watch({
      resolved: ({ endpoints, complete }) => this.#learn(new Map(endpoints.map(({ host, alternate }) => [host, alternate])), complete),
      // What was found before stands, as long as discovery lets it stand.
      failed: (error) => {
        if (!this.#answered) this.#view = { kind: 'unknown', why: error.message };
        this.#hasAsked();
      },
    });
  }

  get view(): PeerView {
    return this.#view;
  }

  close(): void {
    this.#watch.close();
    this.#timer?.cancel();
    this.#hasAsked();
  }

  #learn(named: ReadonlyMap<string, string | undefined>, complete: boolean): void {
    const now = this.#deps.clock.now();
    for (const [address, alternate] of named) {
      const peer = this.#known.get(address);
      if (peer === undefined) this.#known.set(address, { alternate, counts: !this.#answered, since: this.#answered ? now : undefined });
      else if (peer.counts) peer.since = undefined;
    }
    for (const [address, peer] of this.#known) {
      if (!complete || named.has(address)) continue;
      if (peer.counts) peer.since ??= now;
      else this.#known.delete(address);
    }
    this.#answered = true;
    this.#settle();
    this.#hasAsked();
  }

  /** Lets those count that have been there for a while, and forgets those that have been gone for as long. */
  #settle(): void {
    const now = this.#deps.clock.now();
    let next = now < this.#begun + SELF_PRESUMED ? this.#begun + SELF_PRESUMED : Infinity;
    for (const [address, peer] of this.#known) {
      if (peer.since === undefined) continue;
      const due = peer.since + PEER_SETTLES;
      if (now < due) next = Math.min(next, due);
      else if (peer.counts) this.#known.delete(address);
      else [peer.counts, peer.since] = [true, undefined];
    }
    this.#timer?.cancel();
    if (next !== Infinity) this.#timer = this.#deps.clock.after(next - now, () => this.#settle(), 'background');
    const [before, view] = [this.#view, this.#viewNow(now)];
    const changed = !sameView(before, view);
    if (changed || view.kind === 'unknown') this.#view = view;
    if (changed) this.#deps.changed(view);
  }

  #viewNow(now: Millis): PeerView {
    const counted = [...this.#known].filter(([, { counts }]) => counts);
    const all = counted.map(([address]) => address);
    if (all.length === 0) return { kind: 'unknown', why: `${this.#name} names nobody` };
    const addresses = this.#deps.addresses();
    const own = counted.find(([address, { alternate }]) => addresses.includes(address) || (alternate !== undefined && addresses.includes(alternate)))?.[0];
    if (own !== undefined) return { kind: 'known', own, all: all.sort() };
    const presumed = now < this.#begun + SELF_PRESUMED ? addresses.find((address) => isIP(address) === isIP(all[0]!)) : undefined;
    if (presumed !== undefined) return { kind: 'known', own: presumed, all: [...all, presumed].sort() };
    return { kind: 'unknown', why: `none of the ${all.length} addresses of ${this.#name} is one of this machine’s (${addresses.join(', ') || 'it has none'})` };
  }
}

function sameView(a: PeerView, b: PeerView): boolean {
  if (a.kind !== 'known' || b.kind !== 'known') return a.kind === b.kind;
  return a.own === b.own && a.all.length === b.all.length && a.all.every((peer, index) => peer === b.all[index]);
}

/** Of this machine, but for those that only it can reach; `$POD_IP` first, for who says it knows. */
export function ownAddresses(env: NodeJS.ProcessEnv = process.env): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []).filter(({ internal }) => !internal).map(({ address }) => address);
  const said = env['POD_IP'];
  return [...(said === undefined || said === '' ? [] : [said]), ...addresses].filter((address) => usableFamily(address) !== undefined);
}
