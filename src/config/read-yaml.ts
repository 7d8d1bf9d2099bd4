/**
 * YAML text → data with places. YAML 1.2, core schema, of which a policy needs little: mappings with plain keys, lists,
 * scalars, anchors and aliases. What it does not need is refused: tags, directives, several documents, merge keys (YAML 1.1;
 * `defaults` is there for that), keys that are not plain words.
 *
 * Duplicate keys are looked for here, because the parser's own search compares all pairs; aliases are followed here, because
 * its count of them comes after the damage.
 */
import type { Alias, Composer, Document, LineCounter, Node, Pair, Scalar, YAMLMap, YAMLParseError, YAMLSeq } from 'yaml';
import { expandEnvironment, hasReference, scalarOf } from './environment.ts';
import type { Path, PathKey, Position, ProblemList } from './problem.ts';
import { quote } from './problem.ts';
import type { Data, DataMap, Entry } from './source.ts';
import { deepest, isReservedKey, mostValues, PolicySource, reservedKeyExpected } from './source.ts';
import { lexWithinLimits } from './yaml-limits.ts';
import { yaml } from './yaml.ts';

/** Undefined where it is not YAML at all; the problems say why. Otherwise what could be read, with a problem for all that could not. */
export function readYaml(text: string, name: string, env: NodeJS.ProcessEnv, problems: ProblemList): PolicySource | undefined {
  const { LineCounter } = yaml();
  const lines = new LineCounter();
  lines.addNewLine(0);
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const body = text.startsWith('\uFEFF') ? text.slice(1) : text;

  const lexemes = lexWithinLimits(body);
  if ('offset' in lexemes) {
    for (let end = body.indexOf('\n'); end !== -1 && end < lexemes.offset; end = body.indexOf('\n', end + 1)) lines.addNewLine(end + 1);
    problems.add({ source: name, position: position(lexemes.offset), path: [], found: lexemes.found, expected: lexemes.expected });
    return undefined;
  }

  const before = problems.size;
  const documents = compose(lexemes, body.length, lines);
  const [document, second] = documents;
  for (const error of tellingErrors(documents)) {
    const found = (error.message.split('\n')[0] as string).slice(0, 160);
    const line = body.slice(body.lastIndexOf('\n', error.pos[0] - 1) + 1, error.pos[0] + 1);
    const expected = line.includes('${') ? 'valid YAML, in which "${…}" inside { } or [ ] needs quotes' : 'valid YAML';
    problems.add({ source: name, position: position(error.pos[0]), path: [], found, expected });
  }
  if (problems.size > before) return undefined;
  if (second !== undefined) {
    problems.add({ source: name, position: position(second.range[0]), path: [], found: 'a second document', expected: 'one document per file' });
    return undefined;
  }
  const contents = document?.contents ?? null;
  if (contents === null || (yaml().isScalar(contents) && contents.value === null)) {
    problems.add({ source: name, position: { line: 1, column: 1 }, path: [], found: 'empty', expected: 'a policy, which begins with "version: 1"' });
    return undefined;
  }
  const reader = new Reader(name, env, problems, position);
  const data = reader.data(contents, [], 1);
  return new PolicySource(name, data ?? null, reader.start(contents), reader.entries);
}

function compose(lexemes: readonly string[], length: number, lines: LineCounter): Document.Parsed[] {
  const { Composer, Parser } = yaml();
  const parser = new Parser(lines.addNewLine);
  function* tokens() {
    for (const lexeme of lexemes) yield* parser.next(lexeme);
    yield* parser.end();
  }
  const composer = new Composer({ version: '1.2', schema: 'core', uniqueKeys: false, prettyErrors: false, merge: false });
  tellAtMost(mostErrors, composer);
  const documents: Document.Parsed[] = [];
  for (const document of composer.compose(tokens(), true, length)) {
    documents.push(document);
    if (documents.length > 1) break;
  }
  return documents;
}

/** Nobody reads more, and each is an Error with a stack: half a million bad escapes fit into a file and would take minutes. */
const mostErrors = 100;

/** The composer has no such option; it tells its errors to a field of its own. Without that field it would only be slow again. */
function tellAtMost(most: number, composer: Composer): void {
  const tell = Reflect.get(composer, 'onError') as (...problem: readonly unknown[]) => void;
  let told = 0;
  Reflect.set(composer, 'onError', (...problem: readonly unknown[]) => {
    if (++told <= most) tell(...problem);
  });
}

/** All up to the first token out of place: from there on the parser has lost its way, and each further token is out of place too. */
function tellingErrors(documents: readonly Document.Parsed[]): readonly YAMLParseError[] {
  const errors = documents.flatMap((document) => document.errors);
  const lost = errors.findIndex((error) => error.code === 'UNEXPECTED_TOKEN');
  return lost === -1 ? errors : errors.slice(0, lost + 1);
}

class Reader {
  readonly entries = new WeakMap<object, ReadonlyMap<PathKey, Entry>>();
  readonly #name: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #problems: ProblemList;
  readonly #position: (offset: number) => Position;
  readonly #anchors = new Map<string, Node>();
  /** What each alias means, found where it stands: an anchor may be set again further down. */
  readonly #targets = new Map<Alias, Node>();
  #values = 0;

  constructor(name: string, env: NodeJS.ProcessEnv, problems: ProblemList, position: (offset: number) => Position) {
    this.#name = name;
    this.#env = env;
    this.#problems = problems;
    this.#position = position;
  }

  start(node: Node | null | undefined): Position | undefined {
    const offset = node?.range?.[0];
    return offset === undefined ? undefined : this.#position(offset);
  }

  /** Undefined where it could not be read; then the problem is noted. */
  data(node: Node | null, path: Path, depth: number): Data | undefined {
    this.#values += 1;
    if (this.#values > mostValues) {
      // Once is enough: the count only grows.
      if (this.#values === mostValues + 1) this.#problem(node, path, 'too many values', `at most ${mostValues}, aliases followed`);
      return undefined;
    }
    if (depth > deepest) return this.#problem(node, path, 'nested too deeply', `at most ${deepest} levels, aliases followed`);
    if (node === null) return null;
    if (yaml().isAlias(node)) return this.#alias(node, path, depth);
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (yaml().isMap(node)) return this.#map(node, path, depth);
    if (yaml().isSeq(node)) return this.#list(node, path, depth);
    return yaml().isScalar(node) ? this.#scalar(node, path) : null;
  }

  #alias(alias: Alias, path: Path, depth: number): Data | undefined {
    const target = this.#targets.get(alias) ?? this.#anchors.get(alias.source);
    if (target === undefined) return this.#problem(alias, path, `*${alias.source}`, `an anchor &${alias.source} further up`);
    this.#targets.set(alias, target);
    return this.data(target, path, depth + 1);
  }

  #map(node: YAMLMap, path: Path, depth: number): DataMap {
    const map = Object.create(null) as { [key: string]: Data };
    const entries = new Map<PathKey, Entry>();
    this.entries.set(map, entries);
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      if (!this.#problems.open) break;
      const key = this.#key(pair.key, path);
      if (key === undefined) continue;
      const at = [...path, key];
      if (entries.has(key)) {
        this.#problem(pair.key, at, 'given twice', `once; it is also in line ${entries.get(key)?.key?.line}`);
        continue;
      }
      entries.set(key, this.#entry(pair.key, pair.value));
      const value = this.data(pair.value, at, depth + 1);
      if (value !== undefined) map[key] = value;
    }
    return map;
  }

  #list(node: YAMLSeq, path: Path, depth: number): readonly Data[] {
    const list: Data[] = [];
    const entries = new Map<PathKey, Entry>();
    this.entries.set(list, entries);
    for (const [index, item] of (node.items as (Node | null)[]).entries()) {
      if (!this.#problems.open) break;
      entries.set(index, this.#entry(undefined, item));
      // A hole keeps the numbers of the others; its problem is noted.
      list.push(this.data(item, [...path, index], depth + 1) ?? null);
    }
    return list;
  }

  #scalar(node: Scalar, path: Path): Data | undefined {
    const value = node.value;
    if (typeof value !== 'string' || !hasReference(value)) return value as Data;
    const expansion = expandEnvironment(value, this.#env);
    if ('found' in expansion) return this.#problem(node, path, expansion.found, expansion.expected);
    return node.type === yaml().Scalar.PLAIN ? scalarOf(expansion.text) : expansion.text;
  }

  #key(node: Node | null, path: Path): string | undefined {
    // As it is written: a service called 007 is not called 7.
    const key = yaml().isScalar(node) && node.value !== null ? node.source : undefined;
    if (key === undefined) return this.#problem(node, path, 'a key that is no word', 'plain words as keys');
    if (key === '<<') return this.#problem(node, [...path, key], 'a merge key', 'YAML 1.2, which has none: what services share goes to "defaults"');
    if (isReservedKey(key)) return this.#problem(node, [...path, key], `key ${quote(key)}`, reservedKeyExpected);
    return key;
  }

  #entry(key: Node | undefined, value: Node | null): Entry {
    const text = yaml().isScalar(value) && typeof value.value === 'string' && hasReference(value.value) ? value.value : undefined;
    const keyPosition = this.start(key);
    return { key: keyPosition, value: this.start(value) ?? keyPosition, template: text };
  }

  #problem(node: Node | null, path: Path, found: string, expected: string): undefined {
    this.#problems.add({ source: this.#name, position: this.start(node), path, found, expected });
    return undefined;
  }
}
