/**
 * The lists of peers that policies name, each looked up once however many services use it: the replicas of this process are the same
 * for all of them.
 */
import type { Clock } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import type { PeerView } from '../core/peers.ts';
import { defaultServicePolicy, type LookupSource } from '../core/policy.ts';
import type { Random } from '../core/random.ts';
import { ownAddresses, Peers } from './peers.ts';
import { resolverFor } from './resolver-for.ts';
import type { StubResolver } from './stub-resolver.ts';

export interface PeerListsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly stub: StubResolver;
  readonly emit: Emit;
  /** Of this machine. Default: asked of the system. */
  readonly addresses?: () => readonly string[];
}

/** Peers have no ports of their own here; where a look-up needs one, any will do. */
const ANY_PORT = 80;

export class PeerLists {
  readonly #deps: PeerListsDeps;
  readonly #lists = new Map<string, Peers>();
  readonly #listeners = new Set<() => void>();

  constructor(deps: PeerListsDeps) {
    this.#deps = deps;
  }

  /** Those of this name; who asks for the first time has them looked for from now on. */
  of(name: string): PeerView {
    return this.#list(name).view;
  }

  /** Resolves when there is an answer about those of this name, or there was none. */
  asked(name: string): Promise<void> {
    return this.#list(name).asked;
  }

  /** `changed` is called when who counts has changed, in whichever list. Returns the function that ends it. */
  subscribe(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => void this.#listeners.delete(changed);
  }

  /** Others than these are not looked for any more: no policy names them. */
  keep(names: ReadonlySet<string>): void {
    for (const [name, peers] of this.#lists) {
      if (names.has(name)) continue;
      peers.close();
      this.#lists.delete(name);
    }
  }

  close(): void {
    for (const peers of this.#lists.values()) peers.close();
    this.#lists.clear();
  }

  #list(name: string): Peers {
    let peers = this.#lists.get(name);
    if (peers === undefined) {
      const { clock, random, stub, addresses } = this.#deps;
      const resolver = resolverFor(sourceOf(name), { clock, random, stub, knobs: () => defaultServicePolicy.discovery });
      peers = new Peers(name, { clock, resolver, addresses: addresses ?? ownAddresses, changed: (view) => this.#changed(name, view) });
      this.#lists.set(name, peers);
    }
    return peers;
  }

  #changed(name: string, view: PeerView): void {
    const known = view.kind === 'known';
    this.#deps.emit('peers.changed', { name, own: known ? view.own : undefined, total: known ? view.all.length : 0, why: known ? undefined : view.why });
    for (const changed of this.#listeners) changed();
  }
}

/** SRV records are of a service and a protocol, `_http._tcp.shop`; nothing else begins like that. */
function sourceOf(name: string): LookupSource {
  return name.startsWith('_') ? { kind: 'srv', name } : { kind: 'dns', name, port: ANY_PORT };
}
