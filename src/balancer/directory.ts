/**
 * Directory: all endpoints that discovery knows of a service, whether this process talks to them or not.
 *
 * An endpoint of which nothing else is known costs its entry. The entry is kept from answer to answer, with what was worked out
 * from the endpoint's name, so an answer of 10,000 in which a hundred are new costs 10,000 look-ups and a hundred hashes: each
 * answer stamps what it names, and what is not stamped has gone.
 */
import type { Millis } from '../core/clock.ts';
import { endpointKey, type Endpoint, type EndpointKey, type Resolution } from '../core/endpoint.ts';
import { noZones, type Zones } from '../core/zones.ts';
import { hash } from './hash.ts';
import type { Node } from './node.ts';

/** One endpoint that discovery knows. */
export class Entry {
  readonly key: EndpointKey;
  /** Its place in this client's own order of all endpoints; higher goes first. */
  readonly score: number;
  /** The answer that named it first. */
  readonly born: number;
  /** Since when whoever is at this address is there, for slow-start.ts. */
  since: Millis;
  /** As the newest answer has it. */
  endpoint: Endpoint;
  /** As an answer said it that knew names: while another source stands in (A records have no names of pods), it is still true. */
  ordinal: number | undefined;
  /** Where it runs, by its source or its address. */
  zone: string | undefined = undefined;
  /** What this process knows of it; undefined while it is not in the subset. */
  node: Node | undefined = undefined;
  /** The last answer that named it. For the directory alone. */
  answer: number;
  /** The last subset that it was in. For the cluster alone. */
  subset = 0;

  constructor(key: EndpointKey, endpoint: Endpoint, score: number, answer: number, since: Millis) {
    this.key = key;
    this.endpoint = endpoint;
    this.ordinal = endpoint.ordinal;
    this.score = score;
    this.answer = this.born = answer;
    this.since = since;
  }

  /** An answer names it again; `since`: as in `learn`. */
  become(endpoint: Endpoint, since: Millis): void {
    const { generation } = this.endpoint;
    const same = generation === endpoint.generation || endpoint.generation === undefined;
    this.ordinal = endpoint.ordinal ?? (same ? this.ordinal : undefined);
    if (!same && generation !== undefined) this.since = since;
    this.endpoint = endpoint;
  }
}

/** What an answer changed. */
export interface Change {
  readonly added: readonly Entry[];
  readonly removed: readonly Entry[];
}

/**
 * Answers that were cut short only ever add. Were each to show other endpoints of a set that changes, the sum would grow
 * without end; with this many known, they add no more.
 */
const MOST_MERGED = 16_384;

export class Directory {
  readonly #seed: number;
  readonly #entries = new Map<EndpointKey, Entry>();
  #answer = 0;
  #zones: Zones = noZones;
  #groups: readonly (readonly Entry[])[] = [];

  /** `identity`: of this client, and different from that of its peers. */
  constructor(identity: string) {
    this.#seed = hash(identity);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** By priority, the most important first; none is empty. */
  get groups(): readonly (readonly Entry[])[] {
    return this.#groups;
  }

  /** From now on zones are known by these. */
  locate(zones: Zones): void {
    if (zones === this.#zones) return;
    this.#zones = zones;
    for (const entry of this.#entries.values()) entry.zone = zones.of(entry.endpoint);
  }

  /** Takes over an answer. One that was cut short adds and changes, and removes nothing. `since`: from when on those count that are new in it. */
  learn({ endpoints, complete }: Resolution, since: Millis = -Infinity): Change {
    const answer = (this.#answer += 1);
    const added: Entry[] = [];
    for (const endpoint of endpoints) {
      const key = endpointKey(endpoint);
      const known = this.#entries.get(key);
      if (known === undefined) {
        if (!complete && this.#entries.size >= MOST_MERGED) continue;
        const entry = new Entry(key, endpoint, hash(key, this.#seed), answer, since);
        entry.zone = this.#zones.of(endpoint);
        this.#entries.set(key, entry);
        added.push(entry);
      } else if (known.answer !== answer || endpoint.priority < known.endpoint.priority) {
        // The same address twice in one answer: the more important mention counts.
        known.answer = answer;
        if (endpoint.zone !== known.endpoint.zone || endpoint.alternate !== known.endpoint.alternate) known.zone = this.#zones.of(endpoint);
        known.become(endpoint, since);
      }
    }
    const removed: Entry[] = [];
    if (complete) {
      for (const entry of this.#entries.values()) if (entry.answer !== answer) removed.push(entry);
      for (const { key } of removed) this.#entries.delete(key);
    }
    this.#groups = byPriority(this.#entries.values());
    return { added, removed };
  }
}

function byPriority(entries: Iterable<Entry>): Entry[][] {
  const groups = new Map<number, Entry[]>();
  for (const entry of entries) {
    const { priority } = entry.endpoint;
    const group = groups.get(priority);
    if (group === undefined) groups.set(priority, [entry]);
    else group.push(entry);
  }
  return [...groups].sort(([a], [b]) => a - b).map(([, group]) => group);
}
