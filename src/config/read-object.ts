/**
 * An object of the YAML's shape → data. Copied, so that nobody changes a policy after it was checked; only what YAML can say
 * is taken over.
 */
import { expandEnvironment, hasReference, scalarOf } from './environment.ts';
import type { Path, PathKey, ProblemList } from './problem.ts';
import { quote } from './problem.ts';
import type { Data, Entry } from './source.ts';
import { deepest, isReservedKey, mostValues, PolicySource, reservedKeyExpected } from './source.ts';

export const objectSourceName = 'options.policy';

/** What could be read, with a problem for all that could not. Keys whose value is undefined are not there. */
export function readObject(document: unknown, env: NodeJS.ProcessEnv, problems: ProblemList): PolicySource {
  const entries = new WeakMap<object, ReadonlyMap<PathKey, Entry>>();
  let values = 0;

  function problem(path: Path, found: string, expected: string): undefined {
    problems.add({ source: objectSourceName, position: undefined, path, found, expected });
    return undefined;
  }

  function data(value: unknown, path: Path): Data | undefined {
    values += 1;
    if (values > mostValues) return values === mostValues + 1 ? problem(path, 'too many values', `at most ${mostValues}`) : undefined;
    if (path.length >= deepest) return problem(path, 'nested too deeply', `at most ${deepest} levels, and no circles`);
    if (typeof value === 'string') return text(value, path);
    if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
    if (Array.isArray(value)) return list(value, path);
    if (typeof value !== 'object') return problem(path, `a ${typeof value}`, 'what YAML can say: a mapping, list, string, number, boolean or null');
    const prototype: unknown = Object.getPrototypeOf(value);
    // An object of another realm (a test runner's, a worker's) is as plain as one of ours: its prototype has none above it.
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return problem(path, 'an instance of a class', 'a plain object');
    return map(value, path);
  }

  function text(value: string, path: Path): Data | undefined {
    if (!hasReference(value)) return value;
    const expansion = expandEnvironment(value, env);
    return 'found' in expansion ? problem(path, expansion.found, expansion.expected) : scalarOf(expansion.text);
  }

  function list(value: readonly unknown[], path: Path): Data | undefined {
    if (value.length > mostValues) return problem(path, 'too many values', `at most ${mostValues}`);
    const copy: Data[] = [];
    const own = new Map<PathKey, Entry>();
    entries.set(copy, own);
    for (let index = 0; index < value.length && problems.open; index++) {
      own.set(index, entryOf(value[index]));
      copy.push(data(value[index], [...path, index]) ?? null);
    }
    return copy;
  }

  function map(value: object, path: Path): Data {
    const copy = Object.create(null) as { [key: string]: Data };
    const own = new Map<PathKey, Entry>();
    entries.set(copy, own);
    for (const [key, each] of Object.entries(value) as [string, unknown][]) {
      if (!problems.open) break;
      if (each === undefined) continue;
      const at = [...path, key];
      if (isReservedKey(key)) {
        problem(at, `key ${quote(key)}`, reservedKeyExpected);
        continue;
      }
      own.set(key, entryOf(each));
      const read = data(each, at);
      if (read !== undefined) copy[key] = read;
    }
    return copy;
  }

  return new PolicySource(objectSourceName, data(document, []) ?? null, undefined, entries);
}

function entryOf(value: unknown): Entry {
  return { key: undefined, value: undefined, template: typeof value === 'string' && hasReference(value) ? value : undefined };
}
