/**
 * Shelf: the entries that stand at one path, the most specific first, of which the first that holds is the one.
 *
 * Many entries at one path usually differ in one header, tenant or user: then its value leads straight to those that ask for just it. The
 * others, which do not ask for that header or not for one value of it, stand in every drawer too, at their place in the order.
 */
import type { Condition, RequestReading } from './conditions.ts';

export interface Conditioned {
  readonly method: string | undefined;
  readonly conditions: readonly Condition[];
}

/** With fewer than this, looking at each is as fast. */
const WORTH_SORTING = 8;

export class Shelf<Entry extends Conditioned> {
  /** All of them; with a key, those that stand in every drawer. */
  readonly #open: readonly Entry[];
  /** What the drawers are labelled by. */
  readonly #key: Condition | undefined;
  readonly #drawers = new Map<string, Entry[]>();

  /** In order. */
  constructor(entries: readonly Entry[]) {
    const key = entries.length < WORTH_SORTING ? undefined : commonest(entries);
    this.#key = key;
    this.#open = key === undefined ? entries : entries.filter((entry) => labelOf(entry, key) === undefined);
    if (key === undefined) return;
    for (const entry of entries) {
      const label = labelOf(entry, key);
      if (label !== undefined) this.#drawers.set(label, []);
    }
    for (const entry of entries) {
      const label = labelOf(entry, key);
      for (const drawer of label === undefined ? this.#drawers.values() : [this.#drawers.get(label)!]) drawer.push(entry);
    }
  }

  first(request: { readonly method: string }, reading: RequestReading): Entry | undefined {
    let entries = this.#open;
    if (this.#key !== undefined) {
      const label = reading.found(this.#key);
      if (label !== undefined) entries = this.#drawers.get(label) ?? entries;
    }
    for (const entry of entries) {
      if (conditionsHold(entry, request, reading)) return entry;
    }
    return undefined;
  }
}

export function conditionsHold({ method, conditions }: Conditioned, request: { readonly method: string }, reading: RequestReading): boolean {
  if (method !== undefined && method !== request.method) return false;
  for (const condition of conditions) {
    if (!reading.holds(condition)) return false;
  }
  return true;
}

/** What most of the entries ask one value of; undefined where that is less than half of them, so that the drawers stay small. */
function commonest(entries: readonly Conditioned[]): Condition | undefined {
  const counts = new Map<number, { condition: Condition; count: number }>();
  for (const condition of entries.flatMap(({ conditions }) => conditions.filter(({ value }) => value.kind === 'exact'))) {
    const row = counts.get(condition.slot) ?? { condition, count: 0 };
    row.count += 1;
    counts.set(condition.slot, row);
  }
  const [most] = [...counts.values()].sort((one, other) => other.count - one.count);
  return most !== undefined && most.count * 2 >= entries.length ? most.condition : undefined;
}

function labelOf({ conditions }: Conditioned, key: Condition): string | undefined {
  for (const { slot, value } of conditions) if (slot === key.slot && value.kind === 'exact') return value.value;
  return undefined;
}
