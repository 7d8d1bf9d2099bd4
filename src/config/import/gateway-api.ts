/**
 * The Gateway API's HTTPRoute, as a service with routes.
 *
 *     parentRefs      a Service (GAMMA): the service that is called · a Gateway: a service named like the route, with its hostnames
 *     rules[]         routes, in their order: precedence here is the Gateway API's own
 *     backendRefs     versions, each named like the Service behind it, and weights
 */
import { discoveryOf, domainOf, durationOf, type Draft, type DraftRoute, type DraftService, type Knobs, type ServiceRef } from './draft.ts';
import type { Fields, Tell } from './fields.ts';

const answersItself = 'inmesh is a client: it sends calls on, and answers none itself';

export function importHttpRoute(spec: Fields, name: string, namespace: string, draft: Draft, tell: Tell): void {
  const hostnames = spec.texts('hostnames');
  const parents = spec.each('parentRefs').map((parent) => parentOf(parent, namespace));
  if (parents.length === 0) return tell(spec.path, 'dropped', 'it belongs to no parent');
  const rules = spec.list('rules').length;
  const meshed = parents.filter((parent) => parent !== undefined);
  const services = meshed.map((ref) => draft.service(ref));
  if (services.length < parents.length) {
    const ofGateway = draft.service({ name, namespace: undefined });
    ofGateway.ownEndpoints = false;
    for (const host of hostnames) {
      if (host.startsWith('*')) tell(`${spec.path}.hostnames`, 'dropped', `${host}: hosts are named one by one`);
      else ofGateway.hosts.add(host);
    }
    if (hostnames.length === 0) tell(`${spec.path}.hostnames`, 'differs', `for every host of a gateway there; here for the host ${name}`);
    services.push(ofGateway);
  } else if (hostnames.length > 0) {
    tell(`${spec.path}.hostnames`, 'dropped', 'a Service is called by its own name');
  }
  for (const [place, service] of services.entries()) {
    for (let index = 0; index < rules; index += 1) {
      const rule = spec.each('rules')[index]!;
      // What cannot be had is told once, not for each parent.
      const route = routeOf(rule, index, name, service, namespace, place === 0 ? tell : () => {});
      if (route !== undefined) service.routes.push(route);
      rule.done();
    }
    service.unmatched = { name: 'no-rule-matches', fault: answer(404) };
  }
  spec.ignore('useDefaultGateways');
  spec.done();
}

/** The Service that it means; undefined: a Gateway, or whatever else is not one. */
function parentOf(parent: Fields, namespace: string): ServiceRef | undefined {
  const kind = parent.text('kind') ?? 'Gateway';
  const ref = { name: parent.text('name') ?? '', namespace: parent.text('namespace') ?? namespace };
  parent.ignore('group', 'port', 'sectionName');
  parent.done();
  return kind === 'Service' ? ref : undefined;
}

function routeOf(rule: Fields, index: number, routeName: string, service: DraftService, namespace: string, tell: Tell): DraftRoute | undefined {
  const route: DraftRoute = { name: service.routeName(rule.text('name') ?? `${routeName}-${index + 1}`) };
  const matches = rule.each('matches').map((match) => matchOf(match, tell));
  // An empty match is every call, and so is what stands beside it.
  if (matches.length > 0 && !matches.some((match) => Object.keys(match).length === 0)) route['match'] = matches;
  const answers = filtersOf(rule, route, service, namespace, tell);
  const backends = backendsOf(rule, route, service, namespace, tell);
  timesOf(rule, route);
  const persistence = rule.fields('sessionPersistence');
  const session = persistence.text('sessionName');
  const type = persistence.text('type') ?? 'Cookie';
  if (session !== undefined) {
    route['sticky'] = type === 'Header' ? { header: session } : { cookie: session };
    persistence.differs('sessionName', 'it names the user; the application, not inmesh, gives it to him');
  }
  persistence.done();
  if (answers) return undefined;
  if (backends === undefined) route['fault'] = answer(500);
  else if (backends.size > 0) route['to'] = Object.fromEntries(backends);
  return route;
}

/** What the API says an implementation answers by itself. Here nobody stands between, and it is a fault that is always there. */
function answer(status: number): Knobs {
  return { abort: { percent: 100, status } };
}

function matchOf(match: Fields, tell: Tell): Knobs {
  const found: Knobs = {};
  const path = match.fields('path');
  const type = path.text('type') ?? 'PathPrefix';
  const value = path.text('value') ?? '/';
  path.done();
  if (type === 'Exact') found['path'] = { exact: value };
  else if (type === 'RegularExpression') found['path'] = { regex: value };
  else if (value !== '/') found['path'] = { prefix: value };
  const method = match.text('method');
  if (method !== undefined) found['method'] = method;
  for (const [theirs, ours] of [['headers', 'headers'], ['queryParams', 'query']] as const) {
    const named: Knobs = {};
    for (const each of match.each(theirs)) {
      const name = ours === 'headers' ? (each.text('name') ?? '').toLowerCase() : (each.text('name') ?? '');
      const regex = (each.text('type') ?? 'Exact') === 'RegularExpression';
      const text = each.text('value') ?? '';
      each.done();
      // Of several for one name the first counts, as the API says.
      if (name in named) tell(each.path, 'dropped', `${name} is there already, and the first one counts`);
      else named[name] = regex ? { regex: text } : text;
    }
    if (Object.keys(named).length > 0) found[ours] = named;
  }
  match.done();
  return found;
}

/** Whether one of them answers the call, so that there is nothing to send on. */
function filtersOf(holder: Fields, route: DraftRoute, service: DraftService, namespace: string, tell: Tell): boolean {
  let answers = false;
  const mirrors: Knobs[] = [];
  for (const filter of holder.each('filters')) {
    const type = filter.text('type');
    const twice = (key: string): boolean => route[key] !== undefined;
    if ((type === 'RequestHeaderModifier' && twice('requestHeaders')) || (type === 'ResponseHeaderModifier' && twice('responseHeaders')) || (type === 'URLRewrite' && twice('rewrite'))) {
      for (const key of ['requestHeaderModifier', 'responseHeaderModifier', 'urlRewrite']) filter.drop(key, 'there is one of its kind already');
    } else if (type === 'RequestHeaderModifier') route['requestHeaders'] = changesOf(filter.fields('requestHeaderModifier'));
    else if (type === 'ResponseHeaderModifier') route['responseHeaders'] = changesOf(filter.fields('responseHeaderModifier'));
    else if (type === 'URLRewrite') route['rewrite'] = rewriteOf(filter.fields('urlRewrite'));
    else if (type === 'RequestMirror') mirrors.push(mirrorOf(filter.fields('requestMirror'), service, namespace));
    else if (type === 'RequestRedirect') {
      answers = true;
      filter.drop('requestRedirect', answersItself);
    } else if (type === 'CORS') filter.drop('cors', 'it is between browsers and gateways');
    else tell(filter.path, 'dropped', `${type ?? 'a filter without a type'}: inmesh has nothing like it`);
    if (type === 'ExtensionRef') filter.ignore('extensionRef');
    filter.done();
  }
  if (mirrors.length > 0) route['mirror'] = mirrors.length === 1 ? mirrors[0] : mirrors;
  return answers;
}

function changesOf(modifier: Fields): Knobs {
  const changes: Knobs = {};
  for (const kind of ['set', 'add'] as const) {
    const named: Knobs = {};
    for (const each of modifier.each(kind)) {
      const [name, value] = [each.text('name') ?? '', each.text('value') ?? ''];
      each.done();
      named[name] = value;
    }
    if (Object.keys(named).length > 0) changes[kind] = named;
  }
  const remove = modifier.texts('remove');
  if (remove.length > 0) changes['remove'] = [...remove];
  modifier.done();
  return changes;
}

function rewriteOf(rewrite: Fields): Knobs {
  const found: Knobs = {};
  const host = rewrite.text('hostname');
  if (host !== undefined) found['host'] = host;
  const path = rewrite.fields('path');
  if (path.text('type') === 'ReplaceFullPath') found['path'] = path.text('replaceFullPath') ?? '/';
  else if (path.has('replacePrefixMatch')) found['prefix'] = path.text('replacePrefixMatch') || '/';
  path.done();
  rewrite.done();
  return found;
}

function mirrorOf(mirror: Fields, service: DraftService, namespace: string): Knobs {
  const backend = mirror.fields('backendRef');
  const to = versionOf(backend, service, namespace);
  backend.ignore('weight');
  backend.done();
  const fraction = mirror.fields('fraction');
  const numerator = fraction.number('numerator');
  const percent = mirror.number('percent') ?? (numerator === undefined ? 100 : (100 * numerator) / (fraction.number('denominator') ?? 100));
  fraction.done();
  mirror.done();
  return { ...(to === undefined ? {} : { to }), percent };
}

/** Weights by version; none: the service itself; undefined: there is nothing to send to. */
function backendsOf(rule: Fields, route: DraftRoute, service: DraftService, namespace: string, tell: Tell): ReadonlyMap<string, number> | undefined {
  const refs = rule.each('backendRefs');
  const weights = new Map<string, number>();
  for (const ref of refs) {
    const weight = ref.number('weight') ?? 1;
    // Of an only backend they are those of the route.
    if (refs.length === 1) filtersOf(ref, route, service, namespace, tell);
    else ref.drop('filters', 'they are for a route, not for one of its backends');
    const kind = ref.text('kind') ?? 'Service';
    if (kind !== 'Service') {
      tell(ref.path, 'dropped', `${kind}: backends are Services`);
      continue;
    }
    const version = versionOf(ref, service, namespace, refs.length > 1);
    ref.done();
    if (version !== undefined) weights.set(version, (weights.get(version) ?? 0) + weight);
  }
  // Without any, a route of the mesh sends where it would have gone anyway.
  if (refs.length === 0) return service.ownEndpoints ? weights : undefined;
  return weights;
}

/** Undefined: the service itself, unless it is one among `others`. */
function versionOf(ref: Fields, service: DraftService, namespace: string, others = false): string | undefined {
  const target = { name: ref.text('name') ?? '', namespace: ref.text('namespace') ?? namespace };
  const port = ref.number('port');
  ref.ignore('group', 'kind');
  if (!others && domainOf(target) === domainOf(service.ref)) {
    if (port !== undefined) service.port = port;
    return undefined;
  }
  const version = target.namespace === namespace ? target.name : `${target.name}-${target.namespace}`;
  if (!service.versions.has(version)) service.versions.set(version, discoveryOf(target, port));
  return version;
}

function timesOf(rule: Fields, route: DraftRoute): void {
  const timeouts = rule.fields('timeouts');
  const request = timeouts.text('request');
  const whole = request === undefined ? undefined : durationOf(request);
  if (whole !== undefined) route['deadline'] = whole.written;
  else if (request !== undefined) timeouts.differs('request', 'a call has always a deadline here; the default holds');
  const backend = timeouts.text('backendRequest');
  const attempt = backend === undefined ? undefined : durationOf(backend);
  if (attempt !== undefined && (whole === undefined || attempt.millis < whole.millis)) route['attemptTimeout'] = attempt.written;
  else if (backend !== undefined && attempt === undefined) route['attemptTimeout'] = 'off';
  timeouts.done();
  if (!rule.has('retry')) return;
  const retry = rule.fields('retry');
  const codes = retry.list('codes').filter((code) => typeof code === 'number' && code >= 400 && code <= 599);
  const attempts = retry.number('attempts');
  const backoff = durationOf(retry.text('backoff') ?? '');
  retry.done();
  route['retry'] = {
    ...(attempts === undefined ? {} : { maxRetries: Math.min(10, attempts) }),
    // Connections that fail are retried as well, and attempts that take too long (GEP-1731).
    on: ['connect-failure', 'refused-stream', 'reset', 'timeout', ...codes],
    ...(backoff === undefined ? {} : { backoff: { base: backoff.written, max: durationOf(`${Math.max(250, backoff.millis * 10)}ms`)!.written } }),
  };
}
