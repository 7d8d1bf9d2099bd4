/**
 * A policy from what somebody wrote: read → check the shape → inherit → check what it says together. Pure: the environment is
 * an argument, and nothing is opened, watched or remembered. Either a policy in which every default is filled in, or all
 * problems; never an exception, whatever the text is.
 */
import { defaultPolicy, defaultServicePolicy } from '../core/policy.ts';
import type { HostPattern, LookupSource, Policy, ServiceEntry, ServicePolicy } from '../core/policy.ts';
import { parseAddress } from './address.ts';
import type { Address } from './address.ts';
import { allowed } from './allow.ts';
import { addContradictions } from './contradictions.ts';
import { addDiscoveryProblems, discoverySource, refreshingOf, unionOf } from './discovery.ts';
import { inherit } from './inherit.ts';
import { lint } from './lint.ts';
import { mergeSources } from './merge-sources.ts';
import type { Path, PolicyInvalid, PolicyProblem } from './problem.ts';
import { ProblemList } from './problem.ts';
import { readObject } from './read-object.ts';
import { readYaml } from './read-yaml.ts';
import { addMirrorProblems, addRouteProblems } from './route-problems.ts';
import { resolveRoute } from './routes.ts';
import { policySchema } from './schema.ts';
import type { CheckedDocument, CheckedService } from './schema.ts';
import { addSchemaProblems } from './schema-problems.ts';
import { isMap } from './source.ts';
import type { Data, PolicySource } from './source.ts';

export type ParsedPolicy =
  | { readonly policy: Policy; readonly warnings: readonly PolicyProblem[]; readonly source: PolicySource }
  | { readonly invalid: PolicyInvalid };

/** `file` is only the name that problems are told with. */
export function parsePolicy(text: string, file: string, env: NodeJS.ProcessEnv): ParsedPolicy {
  return parsePolicyFiles([{ name: file, text }], env);
}

/** Several, merged in their order (merge-sources.ts). */
export function parsePolicyFiles(files: readonly { readonly name: string; readonly text: string }[], env: NodeJS.ProcessEnv): ParsedPolicy {
  const problems = new ProblemList();
  const sources: PolicySource[] = [];
  for (const { name, text } of files) {
    const source = readYaml(text, name, env, problems);
    if (source !== undefined) sources.push(source);
  }
  // What the others say without it would be judged by mistake.
  if (sources.length < files.length) return { invalid: problems.finish() };
  return checkPolicy(mergeSources(sources, problems), 'file', problems);
}

/** An object of the YAML's shape; in it a duration may also be a number of milliseconds. */
export function parsePolicyObject(document: unknown, env: NodeJS.ProcessEnv): ParsedPolicy {
  const problems = new ProblemList();
  return checkPolicy(readObject(document, env, problems), 'object', problems);
}

function checkPolicy(source: PolicySource, form: 'file' | 'object', problems: ProblemList): ParsedPolicy {
  const document = checkShape(source, form, problems);
  const policy = resolve(document, source, problems);
  if (problems.size > 0) return { invalid: problems.finish() };
  return { policy, warnings: lint(policy, source), source };
}

/**
 * What is right in the document. A service with a mistake is left out whole, and so are the defaults, so that the others can
 * be judged further without telling what only follows from the mistake.
 */
function checkShape(source: PolicySource, form: 'file' | 'object', problems: ProblemList): CheckedDocument {
  const schema = policySchema(form);
  // One parse in the life of a policy does not earn back the time for compiling it.
  const checked = schema.safeParse(source.data, { jitless: true });
  if (checked.success && problems.size === 0) return checked.data;
  if (!checked.success) addSchemaProblems(checked.error.issues, source, problems);

  const { services, defaults } = isMap(source.data) ? source.data : {};
  const sound: { [name: string]: Data } = Object.create(null) as { [name: string]: Data };
  if (isMap(services) && problems.open && !problems.touches(['defaults'])) {
    for (const [name, service] of Object.entries(services)) {
      if (!problems.touches(['services', name])) sound[name] = service;
    }
  }
  const rest = schema.safeParse({ version: 1, services: sound, ...(defaults !== undefined && !problems.touches(['defaults']) ? { defaults } : {}) }, { jitless: true });
  return rest.success ? rest.data : { version: 1 };
}

function resolve(document: CheckedDocument, source: PolicySource, problems: ProblemList): Policy {
  const defaults = inherit(defaultServicePolicy, document.defaults ?? {});
  addContradictions(defaults, ['defaults'], source, problems);
  const services = new Map<string, ServiceEntry>();
  const claims = new Map<string, Path>();
  for (const [name, service] of Object.entries(document.services ?? {})) {
    const entry = resolveService(name, service ?? {}, defaults, source, problems);
    services.set(name, entry);
    claimHosts(entry, service?.hosts === undefined, claims, source, problems);
  }
  addMirrorProblems({ services }, source, problems);
  const { ports, deny, allow } = defaultPolicy.egress;
  const egress = { ports: document.egress?.ports ?? ports, deny: document.egress?.deny ?? deny, allow: document.egress?.allow ?? allow };
  return { unknownHosts: document.unknownHosts ?? defaultPolicy.unknownHosts, egress, zones: new Map(Object.entries(document.zones ?? {})), defaults, services };
}

function resolveService(name: string, service: CheckedService, defaults: ServicePolicy, source: PolicySource, problems: ProblemList): ServiceEntry {
  const path = ['services', name];
  const { hosts = [name], discovery, versions: named = {}, routes: ways = [], allow: rules, ...knobs } = service;
  const policy = inherit(defaults, { ...knobs, discovery: refreshingOf(discovery) });
  addContradictions(policy, path, source, problems);
  addDiscoveryProblems(path, source, problems);
  const versions = versionSources(named);
  const own = discovery === undefined ? undefined : discoverySource(discovery);
  const routes = ways.map((route) => resolveRoute(route, policy));
  const allow = rules === undefined ? undefined : allowed(rules);
  if (service.hosts === undefined && parseAddress(name) === undefined) {
    // All digits, or a label too long: a fine name for people, and none in a URL.
    problems.add({ source: source.name, position: source.position(path, 'key'), path, found: 'no hosts', expected: 'hosts, since the name of the service is no host name' });
    return { name, hosts: [], source: undefined, versions, allow, routes, policy };
  }
  const entry = { name, hosts: hosts.map(address), source: own ?? unionOf(versions), versions, allow, routes, policy };
  addRouteProblems(entry, source, problems);
  return entry;
}

/** Only of what the schema accepted. */
function address(text: string): Address {
  return parseAddress(text) as Address;
}

function versionSources(named: NonNullable<CheckedService['versions']>): ReadonlyMap<string, LookupSource> {
  const versions = new Map<string, LookupSource>();
  for (const [name, { discovery }] of Object.entries(named)) {
    const found = discoverySource(discovery);
    // Without one, that is a problem already.
    if (found !== undefined) versions.set(name, found);
  }
  return versions;
}

/** One host means one service. `reviews` and `reviews:9080` are two: the more exact one wins where both match. */
function claimHosts(entry: ServiceEntry, byName: boolean, claims: Map<string, Path>, source: PolicySource, problems: ProblemList): void {
  for (const [index, pattern] of entry.hosts.entries()) {
    const path: Path = byName ? ['services', entry.name] : ['services', entry.name, 'hosts', index];
    const key = hostText(pattern);
    const other = claims.get(key);
    if (other === undefined) {
      claims.set(key, path);
      continue;
    }
    const line = source.position(other, 'key')?.line;
    const expected = `a host that no other service claims; ${String(other[1])} does${line === undefined ? '' : `, in line ${line}`}`;
    const position = source.position(path, byName ? 'key' : 'value');
    problems.add({ source: source.name, position, path, found: JSON.stringify(key), expected });
  }
}

function hostText({ host, port }: HostPattern): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === undefined ? name : `${name}:${port}`;
}
