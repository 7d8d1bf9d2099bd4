/**
 * A new policy made of the old one's parts, wherever they say the same. So what did not change *is* the same, and whoever works
 * something out from a knob (a subset, compiled routes) sees by `===` whether it has to do it again.
 */

/** `after`, with each part that equals its counterpart replaced by that. Of plain objects, arrays and maps; anything else by `Object.is`. */
export function keepUnchanged<Value>(before: Value, after: Value): Value {
  return new Keeper().keep(before, after) as Value;
}

class Keeper {
  /** What is one object in `after` (a service's circuit, and that of its routes which say nothing of it) stays one. */
  readonly #made = new Map<unknown, Map<unknown, unknown>>();

  keep(before: unknown, after: unknown): unknown {
    if (Object.is(before, after)) return before;
    if (typeof after !== 'object' || after === null) return after;
    const known = this.#made.get(after) ?? new Map<unknown, unknown>();
    this.#made.set(after, known);
    if (!known.has(before)) known.set(before, this.#parts(before, after));
    return known.get(before);
  }

  #parts(before: unknown, after: unknown): unknown {
    if (before instanceof Map && after instanceof Map) {
      const parts = new Map([...after].map(([key, value]) => [key, this.keep(before.get(key), value)]));
      return before.size === after.size && [...parts].every(([key, value]) => before.has(key) && Object.is(before.get(key), value)) ? before : parts;
    }
    if (Array.isArray(before) && Array.isArray(after)) {
      const parts = after.map((value, index) => this.keep(before[index], value));
      return before.length === after.length && parts.every((value, index) => Object.is(value, before[index])) ? before : parts;
    }
    if (!isPlain(before) || !isPlain(after)) return after;
    const keys = Object.keys(after);
    const parts = Object.fromEntries(keys.map((key) => [key, this.keep(before[key], after[key])]));
    return keys.length === Object.keys(before).length && keys.every((key) => Object.hasOwn(before, key) && Object.is(parts[key], before[key])) ? before : parts;
  }
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
