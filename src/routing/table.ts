/**
 * Route table: which of a service's routes a request takes. The most specific match wins, as the Kubernetes Gateway API has it for
 * HTTPRoute; what is first decides, what is equal leaves it to the next:
 *
 *     1. exact path   2. regular expression for the path   3. longest prefix   (no path: the prefix /)
 *     4. a method   5. most headers   6. most query parameters   7. most cookies   8. the order in the policy
 *
 * Where regular expressions stand is for implementations to say; between exact and prefix is where Envoy Gateway and nginx have them.
 *
 * Compiled once: exact paths and prefixes into a tree (path-tree.ts), names into slots (conditions.ts), and what stands at one path into
 * order. A look-up allocates nothing, unless a path has to be normalised or a regular expression wants it without its query.
 */
import type { HeaderList } from '../core/call.ts';
import type { PathMatch, RouteMatch } from '../core/route.ts';
import { RequestReading, type Condition } from './conditions.ts';
import { isNormal, normalPath, pathEnd } from './path.ts';
import { PathTree } from './path-tree.ts';
import { conditionsHold, Shelf, type Conditioned } from './shelf.ts';

export interface RoutableRequest {
  readonly method: string;
  /** Path with query, as sent. */
  readonly path: string;
  readonly headers: HeaderList;
}

interface Routable {
  readonly matches: readonly RouteMatch[];
}

/** One match of one route: what a look-up gives. */
export interface Entry<Route extends Routable> extends Conditioned {
  readonly route: Route;
  /** Which of the route's matches, and how many matches stand before it in the policy. */
  readonly index: number;
  readonly order: number;
  /** Undefined for a regular expression or where none is asked for. */
  readonly path: PathMatch | undefined;
}

const noMatch: RouteMatch = { path: undefined, method: undefined, headers: [], query: [], cookies: [] };

export class RouteTable<Route extends Routable> {
  /** The most specific first. */
  readonly entries: readonly Entry<Route>[];
  readonly #reading = new RequestReading();
  readonly #tree: PathTree<Shelf<Entry<Route>>>;
  readonly #patterns: readonly Entry<Route>[];

  constructor(routes: readonly Route[]) {
    let order = 0;
    const entries = routes.flatMap((route) =>
      (route.matches.length === 0 ? [noMatch] : route.matches).map((match, index): Entry<Route> => ({
        route, index, order: order++, path: normalMatch(match.path), method: match.method, conditions: this.#reading.conditionsOf(match),
      })),
    );
    this.entries = entries.sort(bySpecificity);
    this.#tree = new PathTree(shelves(this.entries, (path) => (path?.kind === 'exact' ? path.value : undefined)), shelves(this.entries, (path) => (path === undefined ? '' : path.kind === 'prefix' ? path.value : undefined)));
    this.#patterns = this.entries.filter(({ path }) => path?.kind === 'regex');
  }

  /** Undefined where no route matches. Never throws, whatever the request is. */
  find(request: RoutableRequest): Entry<Route> | undefined {
    let { path } = request;
    let end = pathEnd(path);
    if (!isNormal(path, end)) {
      path = normalPath(path.slice(0, end));
      end = path.length;
    }
    this.#reading.begin(request);
    const found = this.#find(request, path, end);
    this.#reading.end();
    return found;
  }

  /** Every entry, the most specific first, with what of it does not hold; the first without is the one that is found. */
  trials(request: RoutableRequest): readonly { readonly entry: Entry<Route>; readonly failed: string | undefined }[] {
    const target = request.path.slice(0, pathEnd(request.path));
    const path = normalPath(target);
    this.#reading.begin(request);
    const found = this.entries.map((entry) => ({ entry, failed: this.#failed(entry, request.method, path) }));
    this.#reading.end();
    return found;
  }

  #failed({ path: wanted, method, conditions }: Entry<Route>, asked: string, path: string): string | undefined {
    if (wanted !== undefined && !pathHolds(wanted, path)) return `the path is ${path}`;
    if (method !== undefined && method !== asked) return `the method is ${asked}`;
    for (const condition of conditions) {
      if (this.#reading.holds(condition)) continue;
      const value = this.#reading.found(condition);
      const what = `${condition.kind === 'query' ? 'query parameter' : condition.kind} ${condition.name}`;
      return value === undefined ? `there is no ${what}` : `${what} is ${JSON.stringify(value.slice(0, 80))}`;
    }
    return undefined;
  }

  #find(request: RoutableRequest, path: string, end: number): Entry<Route> | undefined {
    const tree = this.#tree;
    tree.find(path, end);
    const exact = tree.exact?.first(request, this.#reading);
    if (exact !== undefined) return exact;
    if (this.#patterns.length > 0) {
      const text = end === path.length ? path : path.slice(0, end);
      for (const entry of this.#patterns) {
        if (entry.path?.kind === 'regex' && entry.path.test(text) && conditionsHold(entry, request, this.#reading)) return entry;
      }
    }
    for (let branch = tree.longest; branch !== undefined; branch = branch.above) {
      const prefixed = branch.value.first(request, this.#reading);
      if (prefixed !== undefined) return prefixed;
    }
    return undefined;
  }
}

function pathHolds(wanted: PathMatch, path: string): boolean {
  switch (wanted.kind) {
    case 'exact':
      return path === wanted.value;
    case 'prefix':
      return wanted.value === '' || path === wanted.value || path.startsWith(`${wanted.value}/`);
    case 'regex':
      return wanted.test(path);
  }
}

/** Those that have a path of a kind, by that path, each in their order. */
function shelves<Route extends Routable>(entries: readonly Entry<Route>[], pathOf: (path: PathMatch | undefined) => string | undefined): Map<string, Shelf<Entry<Route>>> {
  const byPath = new Map<string, Entry<Route>[]>();
  for (const entry of entries) {
    const path = pathOf(entry.path);
    if (path === undefined) continue;
    const others = byPath.get(path);
    if (others === undefined) byPath.set(path, [entry]);
    else others.push(entry);
  }
  return new Map([...byPath].map(([path, group]) => [path, new Shelf(group)]));
}

/** Written paths are normalised as well; the slash at a prefix's end says nothing. */
function normalMatch(path: PathMatch | undefined): PathMatch | undefined {
  if (path === undefined || path.kind === 'regex') return path;
  const value = normalPath(escaped(path.value));
  return { kind: path.kind, value: path.kind === 'prefix' && value.endsWith('/') ? value.slice(0, -1) : value };
}

/** What cannot be in a request target as it is: every client escapes it. */
function escaped(path: string): string {
  return path.replace(/[^\x21-\x7e]+/g, (text) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''));
}

function bySpecificity<Route extends Routable>(one: Entry<Route>, other: Entry<Route>): number {
  return (
    pathRank(one.path) - pathRank(other.path) ||
    prefixLength(other.path) - prefixLength(one.path) ||
    Number(one.method === undefined) - Number(other.method === undefined) ||
    countOf(other, 'header') - countOf(one, 'header') ||
    countOf(other, 'query') - countOf(one, 'query') ||
    countOf(other, 'cookie') - countOf(one, 'cookie') ||
    one.order - other.order
  );
}

function pathRank(path: PathMatch | undefined): number {
  if (path?.kind === 'exact') return 0;
  return path?.kind === 'regex' ? 1 : 2;
}

function prefixLength(path: PathMatch | undefined): number {
  return path?.kind === 'prefix' ? path.value.length : 0;
}

function countOf<Route extends Routable>({ conditions }: Entry<Route>, kind: Condition['kind']): number {
  return conditions.filter((condition) => condition.kind === kind).length;
}
