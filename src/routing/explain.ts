/**
 * Explains a request by the policy alone: which service, which route and why, why not the others, which version with which probability. Nothing
 * is sent, looked up or remembered.
 */
import type { ExplainedKnob, ExplainedRoute, Explanation } from '../core/explanation.ts';
import type { MeshRequest } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { Policy, Route, ServiceEntry, ServicePolicy } from '../core/policy.ts';
import type { Random } from '../core/random.ts';
import type { NamedMatch, TextMatch } from '../core/route.ts';
import { hostTable, splitAuthority } from './hosts.ts';
import { changedRequest } from './rewrite.ts';
import { Rollout, type RolloutState } from './rollout.ts';
import { RouteTable, type Entry } from './table.ts';

export interface ExplainedRequest {
  readonly url: URL;
  readonly method: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly hashKey: string | undefined;
}

export interface ExplainDeps {
  readonly policy: Policy;
  /** The policy's name, for people. */
  readonly source: string;
  /** Epoch milliseconds. */
  readonly wall: number;
  /** Where each knob of a service's calls comes from; by its routes' numbers. */
  readonly knobs: (policy: ServicePolicy, service: string | undefined, route: number | undefined) => readonly ExplainedKnob[];
  readonly placeOf: (service: string, route: number) => string | undefined;
  /** How the calls of a route are shared out: by the policy, or as they are in a process that runs. */
  readonly shares: (service: string, route: Route, request: ExplainedRequest) => { readonly state: RolloutState; readonly shares: ReadonlyMap<string, number>; readonly sticky: boolean };
}

export function explain(request: ExplainedRequest, deps: ExplainDeps): Explanation {
  const { url, method } = request;
  const scheme = url.protocol === 'https:' ? 'https' : 'http';
  const authority = splitAuthority(scheme, url.host);
  const entry = hostTable(deps.policy.services.values()).find(authority);
  const base = { request: { method, url: url.href }, at: new Date(deps.wall).toISOString(), route: undefined, others: [], versions: [] };
  if (entry === undefined) return { ...base, ...unnamed(authority.host, deps) };
  const asked = { method, path: `${url.pathname}${url.search}`, headers: request.headers };
  const trials = new RouteTable(entry.routes).trials(asked);
  const found = trials.find(({ failed }) => failed === undefined)?.entry;
  const route = found?.route;
  const policy = route?.policy ?? entry.policy;
  const number = route === undefined ? undefined : entry.routes.indexOf(route);
  const shared = route?.targets === undefined ? undefined : deps.shares(entry.name, route, request);
  return {
    ...base,
    service: entry.name,
    why: `its hosts have ${authority.host}`,
    route: found === undefined ? undefined : explainedRoute(found, asked, entry, shared, deps),
    others: trials.filter((trial) => trial.entry !== found).map(({ entry: other, failed }) => ({
      route: other.route.name, match: matchText(other), because: failed ?? (other.route === route ? 'another match of it is more specific' : `${route?.name} is more specific, or comes first`),
    })),
    versions: [...(shared?.shares ?? [])].filter(([, probability]) => probability > 0).map(([name, probability]) => ({ name, probability })),
    deadline: policy.deadline,
    retry: retryText(policy, method, request.headers),
    knobs: deps.knobs(policy, entry.name, number),
  };
}

/** How a route's calls are shared out by the policy alone, as far as nothing has been held, rolled back or found empty. */
export function plannedShares({ service, route, clock, random }: { readonly service: string; readonly route: Route; readonly clock: Clock; readonly random: Random }, request: Pick<MeshRequest, 'headers'>, hashKey: string | undefined): ReturnType<ExplainDeps['shares']> {
  const targets = route.targets!;
  const rollout = new Rollout({ service, route: route.name, clock, random, emit: () => {}, targets: () => targets, isEmpty: () => false });
  return { state: rollout.state(), ...rollout.shares(request, hashKey) };
}

function unnamed(host: string, { policy, source, knobs }: ExplainDeps): Pick<Explanation, 'service' | 'why' | 'deadline' | 'retry' | 'knobs'> {
  const nobody = `no service of ${source} has the host ${host}, and unknownHosts is ${policy.unknownHosts}`;
  if (policy.unknownHosts === 'deny') return { service: undefined, why: `${nobody}: it fails with EGRESS_DENIED`, deadline: undefined, retry: 'none', knobs: [] };
  if (policy.unknownHosts === 'passthrough') return { service: undefined, why: `${nobody}: the mesh does not touch it`, deadline: undefined, retry: 'none', knobs: [] };
  return { service: host, why: nobody, deadline: policy.defaults.deadline, retry: retryText(policy.defaults, 'GET', []), knobs: knobs(policy.defaults, undefined, undefined) };
}

function explainedRoute(found: Entry<Route>, asked: { method: string; path: string; headers: readonly string[] }, entry: ServiceEntry, shared: ReturnType<ExplainDeps['shares']> | undefined, deps: ExplainDeps): ExplainedRoute {
  const { route } = found;
  const prefix = found.path?.kind === 'prefix' ? found.path.value : '';
  const { path } = route.rewrite === undefined ? asked : changedRequest({ path: asked.path, headers: [] } as unknown as MeshRequest, route, prefix);
  return {
    name: route.name,
    match: matchText(found),
    from: deps.placeOf(entry.name, entry.routes.indexOf(route)),
    sent: route.rewrite === undefined ? undefined : { path, host: route.rewrite.host },
    step: shared?.state.step,
    stopped: shared?.state.stopped,
    toVersions: route.targets !== undefined,
    sticky: shared?.sticky ?? false,
    mirrors: route.mirrors.map(({ service, version, percent }) => `${percent}% to ${[service, version].filter((each) => each !== undefined).join(' ')}`),
    fault: route.fault !== undefined,
  };
}

/** What an entry asks for, in one line. */
export function matchText({ path, method, conditions }: Pick<Entry<Route>, 'path' | 'method' | 'conditions'>): string {
  const parts = [
    ...(path === undefined ? [] : [`path ${path.kind} ${path.kind === 'regex' ? path.source : path.value || '/'}`]),
    ...(method === undefined ? [] : [`method ${method}`]),
    ...conditions.map(({ kind, name, value }) => `${kind} ${valueText({ name, value })}`),
  ];
  return parts.length === 0 ? 'everything' : parts.join(', ');
}

function valueText({ name, value }: NamedMatch): string {
  const texts: { readonly [Kind in TextMatch['kind']]: (match: Extract<TextMatch, { kind: Kind }>) => string } = {
    exact: (match) => `${name}: ${match.value}`,
    prefix: (match) => `${name}: ${match.value}…`,
    regex: (match) => `${name} matches ${match.source}`,
    present: (match) => `${name} is ${match.present ? '' : 'not '}there`,
  };
  return (texts[value.kind] as (match: TextMatch) => string)(value);
}

function retryText({ retry }: ServicePolicy, method: string, headers: readonly string[]): string {
  if (retry === 'off' || retry.maxRetries === 0) return 'none';
  const keyed = headers.some((name, index) => index % 2 === 0 && name.toLowerCase() === 'idempotency-key');
  const safe = retry.methods.includes(method) || keyed;
  const only = safe ? '' : `; ${method} only if provably not sent`;
  return `up to ${retry.maxRetries}, on ${retry.on.join(', ')}${only}${retry.mode === 'observe' ? '; observed, not made' : ''}`;
}
