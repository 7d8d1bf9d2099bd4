/**
 * Several policies, one after the other, as one: what a platform team lays down for all, then what a team says for its services.
 *
 *     mappings are merged key by key, as deep as they go;   lists and scalars of a later file replace those of an earlier one;
 *     a key with nothing behind it says nothing;            a mapping after an `off` switches the mechanism on again
 *
 * It is what inheritance does within one file (inherit.ts), so nobody has to learn two rules. Each entry remembers the file that said it
 * last: errors, `explain` and `diff` point there.
 */
import type { PathKey, ProblemList } from './problem.ts';
import { isMap, mostValues, PolicySource, type Data, type Entry } from './source.ts';

/** In the order in which they count: the last one wins. At least one. */
export function mergeSources(sources: readonly PolicySource[], problems: ProblemList): PolicySource {
  const [first, ...others] = sources;
  if (first === undefined) throw new RangeError('nothing to merge');
  if (others.length === 0) return first;
  const entries = new WeakMap<object, ReadonlyMap<PathKey, Entry>>();
  let values = 0;

  /** What of this source stands here, with its places; shared, never changed. */
  function adopt(data: Data, source: PolicySource): Data {
    values += 1;
    if (typeof data !== 'object' || data === null || entries.has(data)) return data;
    entries.set(data, new Map([...source.entriesOf(data)].map(([key, entry]) => [key, inFile(entry, source)])));
    for (const each of Object.values(data)) adopt(each, source);
    return data;
  }

  function merge(below: Data, above: Data, source: PolicySource): Data {
    if (above === null) return below;
    if (!isMap(below) || !isMap(above)) return adopt(above, source);
    const merged = Object.assign(Object.create(null), below) as { [key: string]: Data };
    const places = new Map(entries.get(below));
    for (const [key, value] of Object.entries(above)) {
      if (value === null && key in merged) continue;
      merged[key] = key in merged ? merge(merged[key] as Data, value, source) : adopt(value, source);
      places.set(key, inFile(source.entriesOf(above).get(key)!, source));
    }
    entries.set(merged, places);
    return merged;
  }

  const data = others.reduce((sum: Data, source) => merge(sum, source.data, source), adopt(first.data, first));
  const name = sources.map((source) => source.name).join(', ');
  if (values > mostValues) problems.add({ source: name, position: undefined, path: [], found: 'too many values', expected: `at most ${mostValues} in all files together` });
  return new PolicySource(name, data, undefined, entries);
}

/** Within one file its name need not be said with every place. */
function inFile({ key, value, template }: Entry, { name: file }: PolicySource): Entry {
  return { key: key && { ...key, file }, value: value && { ...value, file }, template };
}
