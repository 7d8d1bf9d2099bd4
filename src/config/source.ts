/**
 * A policy as it was read, before anybody asked what it means: plain data, and where each piece of it stands. The readers
 * (YAML text, object) make one; everything after them knows neither YAML nor files.
 *
 * Each collection remembers the places of its own entries, so pieces of several sources can be put together and still say
 * where they come from.
 */
import type { Path, PathKey, Position } from './problem.ts';

export type Data = null | boolean | number | string | readonly Data[] | DataMap;
/** Without a prototype, so no key means anything to JavaScript. */
export interface DataMap {
  readonly [key: string]: Data;
}

/** Where one entry of a collection stands, and what it said before the environment was filled in. */
export interface Entry {
  readonly key: Position | undefined;
  readonly value: Position | undefined;
  readonly template: string | undefined;
}

/** Nesting deeper than this is no policy (the deepest knob stands at 6); and values no policy needs as many of. */
export const deepest = 24;
export const mostValues = 50_000;

/** Keys that mean something to JavaScript objects. No knob, service or label may be called so. */
export function isReservedKey(key: string): boolean {
  return key === '__proto__' || key === 'constructor' || key === 'prototype';
}
export const reservedKeyExpected = 'any name but __proto__, constructor and prototype';

const noEntries: ReadonlyMap<PathKey, Entry> = new Map();

export class PolicySource {
  /** The file as it was named, or `options.policy`. */
  readonly name: string;
  readonly data: Data;
  readonly #start: Position | undefined;
  readonly #entries: WeakMap<object, ReadonlyMap<PathKey, Entry>>;

  constructor(name: string, data: Data, start: Position | undefined, entries: WeakMap<object, ReadonlyMap<PathKey, Entry>>) {
    this.name = name;
    this.data = data;
    this.#start = start;
    this.#entries = entries;
  }

  /** What stands at a path; undefined where nothing does. */
  at(path: Path): Data | undefined {
    return path.reduce<Data | undefined>(child, this.data);
  }

  /** Of the value, or of its key; where there is none, of the nearest thing around it. */
  position(path: Path, of: 'key' | 'value' = 'value'): Position | undefined {
    let position = this.#start;
    let data: Data | undefined = this.data;
    for (const [index, key] of path.entries()) {
      const entry = this.#entry(data, key);
      if (entry === undefined) return position;
      position = index === path.length - 1 && of === 'value' ? entry.value : (entry.key ?? entry.value);
      data = child(data, key);
    }
    return position;
  }

  /** `${RETRIES:-two}`, where that is what the file says; undefined where the value stands as it is. */
  template(path: Path): string | undefined {
    const key = path.at(-1);
    return key === undefined ? undefined : this.#entry(this.at(path.slice(0, -1)), key)?.template;
  }

  /** Where the entries of one of its collections stand. */
  entriesOf(collection: object): ReadonlyMap<PathKey, Entry> {
    return this.#entries.get(collection) ?? noEntries;
  }

  #entry(data: Data | undefined, key: PathKey): Entry | undefined {
    return typeof data === 'object' && data !== null ? this.#entries.get(data)?.get(key) : undefined;
  }
}

export function isMap(data: unknown): data is DataMap {
  return typeof data === 'object' && data !== null && !Array.isArray(data);
}

function child(data: Data | undefined, key: PathKey): Data | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  return (data as { readonly [key: PathKey]: Data })[key];
}
