/**
 * The endpoints that a call has tried, in order. Nearly always there is one, and a Set costs more than the rest of a pick; so the first has
 * a place of its own.
 */
import type { EndpointKey } from './endpoint.ts';

/** What pickers ask. A Set is one. */
export interface Tried {
  readonly size: number;
  has(endpoint: EndpointKey): boolean;
}

export class TriedEndpoints implements Tried {
  #first: EndpointKey | undefined;
  #others: EndpointKey[] | undefined;

  get size(): number {
    return this.#first === undefined ? 0 : 1 + (this.#others?.length ?? 0);
  }

  /** The one that was tried last of those that are new. */
  get last(): EndpointKey | undefined {
    return this.#others?.at(-1) ?? this.#first;
  }

  has(endpoint: EndpointKey): boolean {
    return this.#first === endpoint || (this.#others?.includes(endpoint) ?? false);
  }

  add(endpoint: EndpointKey): this {
    if (this.#first === undefined) this.#first = endpoint;
    else if (!this.has(endpoint)) (this.#others ??= []).push(endpoint);
    return this;
  }
}
