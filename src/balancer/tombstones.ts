/**
 * Tombstones: what was known of endpoints that left, for as long as they may only have blinked.
 *
 * Replicas of a nameserver disagree, readiness probes flap, and a subset moves: an endpoint that is back within a minute is the
 * same one, with the same latency and, above all, the same ejection. Coming back is no way out of that. Unless its source says
 * that somebody else is at this address now (`generation`): then nothing of what was known holds.
 */
import type { Millis } from '../core/clock.ts';
import { endpointKey, type Endpoint, type EndpointKey } from '../core/endpoint.ts';
import type { Node } from './node.ts';

const KEPT: Millis = 60_000;
/** A set that is replaced whole again and again must not pile up; the oldest go first. */
const MOST = 4096;

interface Buried {
  readonly node: Node;
  readonly at: Millis;
}

export class Tombstones {
  readonly #gone = new Map<EndpointKey, Buried>();

  /** The node leaves. */
  bury(node: Node, now: Millis): void {
    node.leave();
    // Put at the end: the map is in the order of leaving.
    this.#dig(node.key)?.node.forgotten();
    this.#gone.set(node.key, { node, at: now });
    for (const [key, { at }] of this.#gone) {
      if (now - at <= KEPT && this.#gone.size <= MOST) break;
      this.#dig(key)!.node.forgotten();
    }
  }

  /** The node of an endpoint that is back in time; undefined where nothing is known of it. */
  recall(endpoint: Endpoint, now: Millis): Node | undefined {
    const found = this.#dig(endpointKey(endpoint));
    if (found === undefined) return undefined;
    const { node, at } = found;
    const same = now - at <= KEPT && node.endpoint.generation === endpoint.generation;
    if (same) node.comeBack();
    else node.forgotten();
    return same ? node : undefined;
  }

  #dig(key: EndpointKey): Buried | undefined {
    const found = this.#gone.get(key);
    if (found !== undefined) this.#gone.delete(key);
    return found;
  }
}
