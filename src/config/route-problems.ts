/**
 * What the parts of a route say together, and what routes say of the rest of the policy: versions that exist, names that differ, a step for
 * every moment. And what is allowed and still looks like a mistake.
 */
import type { Policy, Route, ServiceEntry } from '../core/policy.ts';
import type { RouteMatch, Weights } from '../core/route.ts';
import { addContradictions } from './contradictions.ts';
import type { Path, ProblemList } from './problem.ts';
import { describeAt } from './schema-problems.ts';
import type { Data, PolicySource } from './source.ts';
import { isMap } from './source.ts';

/** They are about the connection, or follow from the request; `host` is `rewrite.host`. */
const notToBeChanged = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'upgrade', 'keep-alive', 'te', 'trailer', 'proxy-connection', 'expect']);

const textKinds = ['exact', 'prefix', 'regex', 'present'] as const;
const pathKinds = ['exact', 'prefix', 'regex'] as const;

export function addRouteProblems({ name: service, routes, versions }: ServiceEntry, source: PolicySource, problems: ProblemList): void {
  const names = new Map<string, number>();
  for (const [index, route] of routes.entries()) {
    const path: Path = ['services', service, 'routes', index];
    new RouteChecks(path, route, [...versions.keys()], source, problems).addAll();
    const other = names.get(route.name);
    if (other !== undefined) add([...path, 'name'], `a name that no other route of ${service} has; number ${other + 1} has it`, source, problems);
    names.set(route.name, index);
  }
}

/** Once all services are known. */
export function addMirrorProblems({ services }: Pick<Policy, 'services'>, source: PolicySource, problems: ProblemList): void {
  for (const { name, routes } of services.values()) {
    for (const [index, route] of routes.entries()) {
      for (const [place, mirror] of route.mirrors.entries()) {
        const key: Path = ['services', name, 'routes', index, 'mirror'];
        const path: Path = Array.isArray(source.at(key)) ? [...key, place] : key;
        const target = services.get(mirror.service ?? name);
        if (target === undefined) add([...path, 'service'], `a service of this policy: ${list([...services.keys()])}`, source, problems);
        else if (mirror.version !== undefined && !target.versions.has(mirror.version)) add([...path, 'to'], versionOf(target.name, [...target.versions.keys()]), source, problems);
        else if (mirror.version === undefined && mirror.service === undefined) add(path, 'to, a version, or service, or both', source, problems);
      }
    }
  }
}

class RouteChecks {
  readonly #path: Path;
  readonly #route: Route;
  readonly #versions: readonly string[];
  readonly #source: PolicySource;
  readonly #problems: ProblemList;

  constructor(path: Path, route: Route, versions: readonly string[], source: PolicySource, problems: ProblemList) {
    this.#path = path;
    this.#route = route;
    this.#versions = versions;
    this.#source = source;
    this.#problems = problems;
  }

  addAll(): void {
    this.#matches();
    this.#targets();
    this.#exactlyOne(['sticky'], ['header', 'cookie', 'hashKey']);
    this.#exactlyOne(['fault', 'abort'], ['status', 'reset']);
    this.#rewrite();
    for (const headers of ['requestHeaders', 'responseHeaders'] as const) this.#headers(headers);
    if (this.#route.overrides.length > 0) addContradictions(this.#route.policy, this.#path, this.#source, this.#problems);
  }

  #matches(): void {
    for (const index of this.#route.matches.keys()) {
      this.#exactlyOne(['match', index, 'path'], pathKinds);
      for (const fields of ['headers', 'query', 'cookies'] as const) {
        const written = this.#at('match', index, fields);
        const names = isMap(written) ? Object.keys(written) : [];
        for (const name of names) this.#exactlyOne(['match', index, fields, name], textKinds);
        if (fields === 'headers') this.#eachOnce(['match', index, fields], names);
      }
    }
  }

  #targets(): void {
    for (const key of ['sticky', 'fallback', 'schedule'] as const) {
      if (this.#route.targets === undefined && this.#at(key) !== undefined) this.#add([key], `${key} only together with to`);
    }
    this.#weights(['to']);
    const { schedule } = this.#route.targets ?? {};
    if (schedule === undefined) return;
    for (const [step, { for: duration }] of schedule.steps.entries()) {
      this.#weights(['schedule', 'steps', step, 'to']);
      if (duration === undefined && step < schedule.steps.length - 1) this.#add(['schedule', 'steps', step], 'for, since another step follows');
    }
    if (schedule.holdOn === undefined) return;
    const { version, action } = schedule.holdOn;
    const has = (weights: Weights, wanted: (name: string) => boolean) => [...weights].some(([name, weight]) => weight > 0 && wanted(name));
    if (!schedule.steps.some(({ to }) => has(to, (name) => name === version))) this.#add(['schedule', 'holdOn', 'version'], 'a version that a step gives a weight');
    const others = [this.#route.targets!.weights, ...schedule.steps.map(({ to }) => to)];
    if (action === 'rollback' && !others.some((weights) => has(weights, (name) => name !== version))) this.#add(['schedule', 'holdOn', 'action'], 'hold, since no other version ever has a weight to roll back to');
  }

  #weights(key: Path): void {
    const written = this.#at(...key);
    if (!isMap(written)) return;
    for (const version of Object.keys(written)) {
      if (!this.#versions.includes(version)) this.#add([...key, version], versionOf(String(this.#path[1]), this.#versions), 'key');
    }
  }

  #rewrite(): void {
    const { rewrite, matches } = this.#route;
    if (rewrite === undefined) return;
    if (rewrite.prefix !== undefined && rewrite.path !== undefined) return this.#add(['rewrite', 'path'], 'only one of prefix and path');
    const other = matches.findIndex(({ path }) => path !== undefined && path.kind !== 'prefix');
    if (rewrite.prefix !== undefined && other !== -1) this.#add(['rewrite', 'prefix'], `rewrite.path, since match ${other + 1} has no prefix that it could take the place of`);
  }

  #headers(key: 'requestHeaders' | 'responseHeaders'): void {
    for (const change of ['set', 'add', 'remove'] as const) {
      const written = this.#at(key, change);
      const names = isMap(written) ? Object.keys(written) : isList(written) ? written.map(String) : [];
      for (const [index, name] of names.entries()) {
        const hint = key === 'requestHeaders' && name.toLowerCase() === 'host' ? 'rewrite.host instead' : 'a header that is not about the connection';
        if (notToBeChanged.has(name.toLowerCase())) this.#add([key, change, change === 'remove' ? index : name], hint, 'key');
      }
      if (change !== 'remove') this.#eachOnce([key, change], names);
    }
  }

  /** Header names are the same in any case. */
  #eachOnce(key: Path, names: readonly string[]): void {
    const seen = new Set<string>();
    for (const name of names) {
      if (seen.has(name.toLowerCase())) this.#add([...key, name], 'each header once: names are the same in any case', 'key');
      seen.add(name.toLowerCase());
    }
  }

  /** A flag that is false says nothing, except where it is asked whether something is there. */
  #exactlyOne(key: Path, names: readonly string[]): void {
    const written = this.#at(...key);
    if (!isMap(written)) return;
    const [first, second] = names.filter((name) => written[name] !== undefined && (written[name] !== false || name === 'present'));
    if (second !== undefined) this.#add([...key, second], `only one of ${list(names)}`);
    else if (first === undefined) this.#add(key, `one of ${list(names)}`);
  }

  #at(...key: Path): Data | undefined {
    return this.#source.at([...this.#path, ...key]);
  }

  #add(key: Path, expected: string, of: 'key' | 'value' = 'value'): void {
    add([...this.#path, ...key], expected, this.#source, this.#problems, of);
  }
}

/** Routes that no call can take, and weights that give nobody anything. */
export function lintRoutes({ name, routes }: ServiceEntry, warn: (path: Path, expected: string, found: string) => void): void {
  const taken = new Map<string, string>();
  for (const [index, { name: route, matches, targets }] of routes.entries()) {
    const path: Path = ['services', name, 'routes', index];
    const keys = matches.length === 0 ? [everything] : matches.map(keyOf);
    const by = keys.flatMap((key) => taken.get(key) ?? []);
    if (by.length === keys.length) warn(path, `a match that ${list([...new Set(by)])} does not have as well`, `no call takes ${route}`);
    for (const key of keys) if (!taken.has(key)) taken.set(key, route);
    if (targets !== undefined && [targets.weights, ...(targets.schedule?.steps.map(({ to }) => to) ?? [])].every((weights) => [...weights.values()].every((weight) => weight === 0))) {
      warn([...path, 'to'], 'a weight above 0, or all calls of the route fail with NO_ENDPOINTS', 'every weight is 0');
    }
  }
}

/** The same for matches that say the same. What has no path has the prefix /. */
function keyOf({ path, method, headers, query, cookies }: RouteMatch): string {
  const plain = path === undefined ? ['prefix', ''] : path.kind === 'regex' ? ['regex', path.source] : [path.kind, path.kind === 'prefix' ? path.value.replace(/\/$/, '') : path.value];
  const sorted = [headers, query, cookies].map((fields) => fields.map(({ name, value }) => JSON.stringify([name, value.kind, value])).sort());
  return JSON.stringify([plain, method, sorted]);
}

const everything = keyOf({ path: undefined, method: undefined, headers: [], query: [], cookies: [] });

function versionOf(service: string, versions: readonly string[]): string {
  return `a version of ${service}, which has ${versions.length === 0 ? 'none' : list(versions)}`;
}

function list(names: readonly string[]): string {
  return names.length < 2 ? (names[0] ?? 'none') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

function isList(data: Data | undefined): data is readonly Data[] {
  return Array.isArray(data);
}

function add(path: Path, expected: string, source: PolicySource, problems: ProblemList, of: 'key' | 'value' = 'value'): void {
  const found = of === 'key' ? JSON.stringify(source.at(path) !== undefined && typeof path.at(-1) === 'number' ? source.at(path) : path.at(-1)) : describeAt(source, path);
  problems.add({ source: source.name, position: source.position(path, of), path, found, expected });
}
