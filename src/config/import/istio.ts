/**
 * Istio's VirtualService and DestinationRule, as services, versions, routes and knobs.
 *
 *     VirtualService    http[] → routes · match, destinations and weights, timeout, retries, fault, mirror, rewrite, headers
 *     DestinationRule   subsets → versions · trafficPolicy → balancer, outlier, connection, concurrency
 *
 * Two things are of another kind there. Of Istio's routes the first that matches wins, of ours the most specific: where that makes a
 * difference it is told. And a subset is a label, which DNS does not know: each needs a headless Service of its own.
 */
import { discoveryOf, durationOf, serviceAt, type Draft, type DraftRoute, type DraftService, type Knobs } from './draft.ts';
import type { Fields, Tell } from './fields.ts';
import { addOrderNotes } from './route-order.ts';

export function importVirtualService(spec: Fields, namespace: string, draft: Draft, tell: Tell): void {
  const gateways = spec.texts('gateways');
  if (gateways.length > 0 && !gateways.includes('mesh')) {
    tell(spec.path, 'dropped', `it is for the gateway ${gateways.join(', ')}; inmesh is in the services that call, where only routes of the mesh hold`);
    return;
  }
  spec.ignore('exportTo');
  spec.drop('tcp', 'inmesh carries HTTP');
  spec.drop('tls', 'inmesh carries HTTP');
  const hosts = spec.texts('hosts');
  const https = spec.list('http');
  for (const host of hosts) {
    const service = draft.service(serviceAt(host, namespace));
    // Each host has routes of its own: read anew, so that what one of them cannot have is told once.
    for (const [index] of https.entries()) {
      const http = spec.each('http')[index]!;
      service.routes.push(routeOf(http, index, service, namespace, host === hosts[0] ? tell : () => {}));
      http.done();
    }
    addOrderNotes(service.routes, (index, why) => tell(`${spec.path}.http[${index}]`, 'differs', why));
  }
  spec.done();
}

function routeOf(http: Fields, index: number, service: DraftService, namespace: string, tell: Tell): DraftRoute {
  const route: DraftRoute = { name: service.routeName(http.text('name') ?? `route-${index + 1}`) };
  const matches = http.each('match').map((match) => {
    const found = matchOf(match);
    match.done();
    return found;
  });
  if (matches.length > 0 && !matches.some((match) => Object.keys(match).length === 0)) route['match'] = matches;
  destinations(http, route, service, namespace, tell);
  timesOf(http, route);
  faultOf(http.fields('fault'), route);
  mirrorsOf(http, route, service, namespace, tell);
  rewriteOf(http.fields('rewrite'), route, matches);
  headersOf(http.fields('headers'), route);
  http.drop('redirect', 'inmesh is a client: it sends calls on, and answers none itself');
  http.drop('directResponse', 'inmesh is a client: it sends calls on, and answers none itself');
  http.drop('corsPolicy', 'it is between browsers and gateways');
  http.drop('delegate', 'put its routes here');
  return route;
}

function matchOf(match: Fields): Knobs {
  const found: Knobs = {};
  match.ignore('name');
  if (match.flag('ignoreUriCase') === true) match.differs('ignoreUriCase', 'paths are matched as they are written');
  const uri = match.fields('uri');
  const [kind] = uri.keys();
  if (kind === 'exact' || kind === 'prefix' || kind === 'regex') {
    const value = uri.text(kind)!;
    if (kind === 'prefix' && value !== '/') match.differs('uri', `a prefix ends with a segment here: ${value} is no prefix of ${value.replace(/\/$/, '')}x`);
    if (kind !== 'prefix' || value !== '/') found['path'] = { [kind]: value };
    else found['path'] = { prefix: '/' };
  }
  uri.done();
  const method = match.fields('method');
  if (method.has('exact')) found['method'] = method.text('exact');
  method.done();
  for (const [theirs, ours] of [['headers', 'headers'], ['queryParams', 'query']] as const) {
    const fields = match.fields(theirs);
    const named: Knobs = {};
    for (const name of fields.keys()) named[name] = textMatch(fields.fields(name));
    if (Object.keys(named).length > 0) found[ours] = named;
  }
  for (const key of ['withoutHeaders', 'sourceLabels', 'sourceNamespace', 'gateways', 'port', 'scheme', 'authority', 'statPrefix']) {
    match.drop(key, key === 'withoutHeaders' ? 'a route cannot ask for what is missing; give that case a route of its own' : undefined);
  }
  return found;
}

/** An empty one means that it is there. */
function textMatch(fields: Fields): unknown {
  const [kind] = fields.keys();
  const value = kind === 'exact' || kind === 'prefix' || kind === 'regex' ? { [kind]: fields.text(kind) } : { present: true };
  fields.done();
  return 'exact' in value ? value.exact : value;
}

function destinations(http: Fields, route: DraftRoute, service: DraftService, namespace: string, tell: Tell): void {
  const to: Record<string, number> = {};
  const all = http.each('route');
  for (const each of all) {
    const destination = each.fields('destination');
    const version = versionAt(destination, service, namespace, tell);
    const weight = each.number('weight') ?? (all.length === 1 ? 100 : 0);
    each.drop('headers', 'headers are changed for a route, not for one of its destinations');
    each.done();
    if (version === undefined) {
      if (all.length > 1) tell(destination.path, 'dropped', 'a share for the service as a whole; name a subset');
      continue;
    }
    to[version] = (to[version] ?? 0) + weight;
  }
  if (Object.keys(to).length > 0) route['to'] = to;
}

/** The version that a destination means; undefined: the service itself. */
function versionAt(destination: Fields, service: DraftService, namespace: string, tell: Tell): string | undefined {
  const host = destination.text('host') ?? service.ref.name;
  const subset = destination.text('subset');
  const port = destination.fields('port').number('number');
  destination.done();
  const target = serviceAt(host, namespace);
  const own = target.name === service.ref.name && target.namespace === service.ref.namespace;
  if (own && subset === undefined) {
    if (port !== undefined) service.port = port;
    return undefined;
  }
  const name = versionName(own ? subset! : subset === undefined ? target.name : `${target.name}-${subset}`);
  if (!service.versions.has(name)) {
    const of = subset === undefined ? target : { ...target, name: `${target.name}-${subset}` };
    service.versions.set(name, discoveryOf(of, port));
    if (subset !== undefined) tell(destination.path, 'needs', `a headless Service ${of.name} that selects the pods of subset ${subset}`);
  }
  return name;
}

function versionName(text: string): string {
  return text.toLowerCase().replace(/[^-a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 63) || 'version';
}

function timesOf(http: Fields, route: DraftRoute): void {
  const timeout = http.text('timeout');
  const deadline = timeout === undefined ? undefined : durationOf(timeout);
  if (deadline !== undefined) route['deadline'] = deadline.written;
  else if (timeout !== undefined) http.differs('timeout', 'a call has always a deadline here; the default holds');
  if (!http.has('retries')) return;
  const retries = http.fields('retries');
  const retry: Knobs = {};
  const attempts = retries.number('attempts');
  if (attempts !== undefined) retry['maxRetries'] = Math.min(10, attempts);
  const perTry = retries.text('perTryTimeout');
  const attempt = perTry === undefined ? undefined : durationOf(perTry);
  if (attempt !== undefined && (deadline === undefined || attempt.millis < deadline.millis)) route['attemptTimeout'] = attempt.written;
  else if (attempt !== undefined) retries.differs('perTryTimeout', 'it is not less than the timeout, and would never come to act');
  const on = conditions(retries);
  if (on.length > 0) retry['on'] = on;
  const backoff = durationOf(retries.text('backoff') ?? '');
  if (backoff !== undefined) retry['backoff'] = { base: backoff.written, max: durationOf(`${Math.max(250, backoff.millis * 10)}ms`)!.written };
  retries.ignore('retryRemoteLocalities', 'retryIgnorePreviousHosts');
  retries.done();
  route['retry'] = attempts === 0 ? 'off' : retry;
}

const known: Readonly<Record<string, readonly string[]>> = {
  '5xx': ['5xx'], 'gateway-error': ['gateway-error'], reset: ['reset'], 'connect-failure': ['connect-failure'], 'refused-stream': ['refused-stream'],
  'retriable-4xx': ['retriable-4xx'], 'envoy-ratelimited': ['overload'], 'reset-before-request': ['connect-failure'],
};

function conditions(retries: Fields): readonly (string | number)[] {
  const on = new Set<string | number>();
  for (const word of (retries.text('retryOn') ?? '').split(',').map((each) => each.trim()).filter(Boolean)) {
    const codes = /^[45]\d\d$/.test(word) ? [Number(word)] : known[word];
    if (codes === undefined) retries.differs('retryOn', `there is no condition ${word}`);
    else for (const code of codes) on.add(code);
  }
  return [...on];
}

function faultOf(fault: Fields, route: DraftRoute): void {
  const found: Knobs = {};
  const delay = fault.fields('delay');
  const duration = durationOf(delay.text('fixedDelay') ?? '');
  if (duration !== undefined) found['delay'] = { percent: percentOf(delay), duration: duration.written };
  delay.done();
  const abort = fault.fields('abort');
  const status = abort.number('httpStatus');
  if (status !== undefined) found['abort'] = { percent: percentOf(abort), status };
  abort.done();
  fault.done();
  if (Object.keys(found).length > 0) route['fault'] = found;
}

/** Its own, or the older `percent`; all, where it does not say. */
function percentOf(fields: Fields, key = 'percentage'): number {
  const percentage = fields.fields(key);
  const value = percentage.number('value') ?? fields.number('percent') ?? 100;
  percentage.done();
  return value;
}

function mirrorsOf(http: Fields, route: DraftRoute, service: DraftService, namespace: string, tell: Tell): void {
  const mirrors: Knobs[] = [];
  const add = (destination: Fields, percent: number): void => {
    const version = versionAt(destination, service, namespace, tell);
    mirrors.push({ ...(version === undefined ? {} : { to: version }), percent });
  };
  if (http.has('mirror')) {
    const older = http.number('mirrorPercent') ?? http.number('mirror_percent');
    add(http.fields('mirror'), http.has('mirrorPercentage') ? percentOf(http, 'mirrorPercentage') : (older ?? 100));
  }
  for (const mirror of http.each('mirrors')) {
    const percent = percentOf(mirror);
    add(mirror.fields('destination'), percent);
    mirror.done();
  }
  if (mirrors.length > 0) route['mirror'] = mirrors.length === 1 ? mirrors[0] : mirrors;
}

function rewriteOf(rewrite: Fields, route: DraftRoute, matches: readonly Knobs[]): void {
  const found: Knobs = {};
  const uri = rewrite.text('uri');
  if (uri !== undefined) {
    // It stands for what matched: a prefix, or the whole path.
    const paths = matches.map((match) => match['path'] as Knobs | undefined);
    if (paths.length > 0 && paths.every((path) => path !== undefined && 'exact' in path)) found['path'] = uri;
    else if (paths.length > 0 && paths.every((path) => path !== undefined && 'prefix' in path)) found['prefix'] = uri;
    else rewrite.differs('uri', 'there is no one prefix or path that it could stand for');
  }
  const authority = rewrite.text('authority');
  if (authority !== undefined) found['host'] = authority;
  rewrite.done();
  if (Object.keys(found).length > 0) route['rewrite'] = found;
}

function headersOf(headers: Fields, route: DraftRoute): void {
  for (const [theirs, ours] of [['request', 'requestHeaders'], ['response', 'responseHeaders']] as const) {
    const fields = headers.fields(theirs);
    const changes: Knobs = {};
    for (const kind of ['set', 'add'] as const) {
      const pairs = fields.pairs(kind);
      for (const [name, value] of pairs) if (value.includes('%')) fields.differs(`${kind}.${name}`, 'what stands between % signs is sent as it is');
      if (pairs.length > 0) changes[kind] = Object.fromEntries(pairs);
    }
    const remove = fields.texts('remove');
    if (remove.length > 0) changes['remove'] = [...remove];
    fields.done();
    if (Object.keys(changes).length > 0) route[ours] = changes;
  }
  headers.done();
}

export function importDestinationRule(spec: Fields, namespace: string, draft: Draft, tell: Tell): void {
  const host = spec.text('host');
  if (host === undefined) return tell(spec.path, 'dropped', 'it names no host');
  const service = draft.service(serviceAt(host, namespace));
  trafficPolicy(spec.fields('trafficPolicy'), service.knobs);
  for (const subset of spec.each('subsets')) {
    const name = subset.text('name');
    subset.drop('trafficPolicy', 'knobs are those of a service or of a route');
    const labels = subset.pairs('labels');
    subset.done();
    if (name === undefined) continue;
    const own = versionName(name);
    if (service.versions.has(own)) continue;
    const ref = { ...service.ref, name: `${service.ref.name}-${name}` };
    service.versions.set(own, discoveryOf(ref, service.port));
    tell(subset.path, 'needs', `a headless Service ${ref.name} that selects ${labels.map(([label, value]) => `${label}=${value}`).join(', ') || 'its pods'}`);
  }
  spec.ignore('exportTo');
  spec.done();
}

/** What names the key is carried over; where a key belongs is found in another way there, and every key moves once. */
function consistentHash(hashing: Fields, knobs: Knobs): void {
  const header = hashing.text('httpHeaderName');
  const cookie = hashing.has('httpCookie') ? hashing.fields('httpCookie') : undefined;
  const name = cookie?.text('name');
  cookie?.drop('ttl', 'no cookie is made where a request has none');
  cookie?.ignore('path');
  cookie?.done();
  hashing.ignore('ringHash', 'maglev', 'minimumRingSize');
  if (header !== undefined || name !== undefined) knobs['balancer'] = { type: 'hash', ...(header === undefined ? {} : { header }), ...(name === undefined ? {} : { cookie: name }) };
  hashing.done();
}

function trafficPolicy(policy: Fields, knobs: Knobs): void {
  const balancing = policy.fields('loadBalancer');
  const simple = balancing.text('simple');
  if (simple === 'ROUND_ROBIN') knobs['balancer'] = { type: 'round-robin' };
  else if (simple === 'LEAST_REQUEST' || simple === 'LEAST_CONN') knobs['balancer'] = { type: 'least-request' };
  else if (simple !== undefined) balancing.differs('simple', `${simple}: the default balancer is used`);
  if (balancing.has('consistentHash')) consistentHash(balancing.fields('consistentHash'), knobs);
  balancing.drop('localityLbSetting', 'locality here is a cost, not shares: say locality');
  const warmup = durationOf(balancing.text('warmupDurationSecs') ?? '');
  if (warmup !== undefined) knobs['slowStart'] = { window: warmup.written };
  balancing.done();

  const pool = policy.fields('connectionPool');
  const tcp = pool.fields('tcp');
  const connection: Knobs = {};
  const connect = durationOf(tcp.text('connectTimeout') ?? '');
  if (connect !== undefined) connection['connectTimeout'] = connect.written;
  tcp.drop('maxConnections', 'connections are bounded for each endpoint (connection.maxPerEndpoint), not for a service');
  tcp.done();
  const http = pool.fields('http');
  const idle = durationOf(http.text('idleTimeout') ?? '');
  if (idle !== undefined) connection['keepAlive'] = idle.written;
  const concurrency: Knobs = {};
  const most = http.number('http2MaxRequests');
  if (most !== undefined) concurrency['max'] = most;
  const pending = http.number('http1MaxPendingRequests');
  if (pending !== undefined) concurrency['queue'] = pending;
  http.drop('maxRetries', 'retries are bounded by a budget (retry.budget), not by how many are under way');
  http.done();
  pool.done();
  if (Object.keys(connection).length > 0) knobs['connection'] = connection;
  if (Object.keys(concurrency).length > 0) knobs['concurrency'] = concurrency;

  outlierDetection(policy.fields('outlierDetection'), knobs);
  policy.drop('tls', 'certificates are named by their files: say tls');
  policy.drop('portLevelSettings', 'knobs are those of a service');
  policy.done();
}

function outlierDetection(detection: Fields, knobs: Knobs): void {
  const outlier: Knobs = {};
  const failures = detection.number('consecutive5xxErrors') ?? detection.number('consecutiveErrors');
  if (failures !== undefined) outlier['consecutiveFailures'] = failures === 0 ? 'off' : failures;
  const ejection: Knobs = {};
  const base = durationOf(detection.text('baseEjectionTime') ?? '');
  if (base !== undefined) Object.assign(ejection, { base: base.written, max: durationOf(`${Math.max(30_000, base.millis * 10)}ms`)!.written });
  const share = detection.number('maxEjectionPercent');
  if (share !== undefined) ejection['maxShare'] = `${share}%`;
  if (Object.keys(ejection).length > 0) outlier['ejection'] = ejection;
  const least = detection.number('minHealthPercent');
  if (least !== undefined) outlier['panic'] = { below: `${least}%` };
  detection.drop('interval', 'endpoints are judged with each attempt, not now and then');
  detection.done();
  if (Object.keys(outlier).length > 0) knobs['outlier'] = outlier;
}
