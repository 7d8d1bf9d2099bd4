import { expect, test } from 'vitest';
import { importManifests } from '../../../src/config/import/manifests.ts';

function imported(text: string) {
  const { document, notes } = importManifests([{ name: 'a.yaml', text }], 'default');
  const services = document['services'] as Record<string, { hosts: string[]; discovery?: object; versions?: Record<string, object>; routes?: Record<string, unknown>[] }>;
  return { services, notes, told: notes.map(({ object, path, kind, why }) => `${kind} ${object} ${path}: ${why}`) };
}

const virtualService = (http: string, hosts = '[reviews]') => `kind: VirtualService\nmetadata: { name: r }\nspec:\n  hosts: ${hosts}\n  http:\n${http}`;
const httpRoute = (rules: string) => `kind: HTTPRoute\nmetadata: { name: r }\nspec:\n  parentRefs: [{ kind: Service, group: "", name: echo }]\n  rules:\n${rules}`;

test('a field that nobody has heard of is told, wherever it stands', () => {
  const { told } = imported(virtualService('  - { route: [{ destination: { host: reviews, colour: blue } }], wonder: 1, retries: { attempts: 1, sometimes: true } }\n') + '  mystery: {}\n');
  expect(told).toEqual([
    'dropped VirtualService default/r spec.http[0].route[0].destination.colour: inmesh has nothing like it',
    'dropped VirtualService default/r spec.http[0].retries.sometimes: inmesh has nothing like it',
    'dropped VirtualService default/r spec.http[0].wonder: inmesh has nothing like it',
    'dropped VirtualService default/r spec.mystery: inmesh has nothing like it',
  ]);
});

test('objects of other kinds are told, but those that say nothing to a client', () => {
  expect(imported('kind: Deployment\n---\nkind: EnvoyFilter\nmetadata: { name: x, namespace: shop }\n---\nkind: Service\n').told).toEqual(['dropped EnvoyFilter shop/x : inmesh has nothing like it']);
});

test('what is no YAML, no object, or a bomb is told and harms nobody', () => {
  expect(imported('a: [').told[0]).toMatch(/^dropped {2}: /);
  expect(imported('just: text').told).toEqual(['dropped  : it has no kind, so it is no Kubernetes object']);
  const bomb = `kind: VirtualService\nspec:\n  a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefgh'].map((name, index) => `  ${name}: &${name} [${Array(9).fill(`*${'abcdefg'[index]}`).join(',')}]`).join('\n')}`;
  expect(imported(bomb).told[0]).toMatch(/alias/i);
  for (const spec of ['null', '1', '[]', '{ hosts: 1, http: 2 }', '{ hosts: [reviews], http: [1, null, { route: x, match: y, fault: z, retries: 4, headers: [] }] }']) {
    expect(() => imported(`kind: VirtualService\nspec: ${spec}`)).not.toThrow();
    expect(() => imported(`kind: DestinationRule\nspec: ${spec}`)).not.toThrow();
    expect(() => imported(`kind: HTTPRoute\nspec: ${spec}`)).not.toThrow();
  }
});

test('a VirtualService’s names are those of whoever is in its namespace', () => {
  const { services } = imported('kind: VirtualService\nmetadata: { name: r, namespace: shop }\nspec: { hosts: [reviews], http: [{ route: [{ destination: { host: ratings.stars, port: { number: 9080 } } }] }] }');
  expect(Object.keys(services)).toEqual(['reviews.shop']);
  expect(services['reviews.shop']).toMatchObject({
    hosts: ['reviews.shop', 'reviews.shop.svc.cluster.local'],
    discovery: { srv: '_http._tcp.reviews.shop.svc.cluster.local' },
    versions: { ratings: { discovery: { dns: 'ratings.stars.svc.cluster.local', port: 9080 } } },
    routes: [{ name: 'route-1', to: { ratings: 100 } }],
  });
});

test('times, retries, faults, mirrors, rewrites and headers are carried over', () => {
  const { services, told } = imported(virtualService(`  - name: Ein Name!
    match: [{ uri: { exact: /a }, method: { exact: GET }, headers: { x: { prefix: p }, y: {} }, queryParams: { q: { regex: "1|2" } } }]
    route: [{ destination: { host: reviews, subset: v1 } }]
    timeout: 1m30s
    retries: { attempts: 3, perTryTimeout: 2.5s, retryOn: "5xx,503,envoy-ratelimited", backoff: 100ms }
    fault: { delay: { percentage: { value: 10 }, fixedDelay: 2s }, abort: { percent: 5, httpStatus: 418 } }
    mirror: { host: reviews, subset: v2 }
    mirrorPercentage: { value: 25 }
    rewrite: { uri: /b, authority: other }
    headers: { request: { set: { a: "1" }, remove: [b] }, response: { add: { c: "2" } } }
`));
  expect(told.filter((note) => !note.startsWith('needs'))).toEqual([]);
  expect(services['reviews']!.routes).toEqual([{
    name: 'Ein-Name',
    match: [{ path: { exact: '/a' }, method: 'GET', headers: { x: { prefix: 'p' }, y: { present: true } }, query: { q: { regex: '1|2' } } }],
    to: { v1: 100 },
    deadline: '90s',
    attemptTimeout: '2500ms',
    retry: { maxRetries: 3, on: ['5xx', 503, 'overload'], backoff: { base: '100ms', max: '1s' } },
    fault: { delay: { percent: 10, duration: '2s' }, abort: { percent: 5, status: 418 } },
    mirror: { to: 'v2', percent: 25 },
    rewrite: { path: '/b', host: 'other' },
    requestHeaders: { set: { a: '1' }, remove: ['b'] },
    responseHeaders: { add: { c: '2' } },
  }]);
});

test('what is not quite the same is told: prefixes, order, times that never come to act, unknown conditions', () => {
  const { told } = imported(virtualService(`  - { match: [{ uri: { prefix: /api } }], route: [{ destination: { host: reviews } }], timeout: 0s }
  - { match: [{ uri: { exact: /api/x } }], route: [{ destination: { host: reviews } }], timeout: 1s, retries: { perTryTimeout: 1s, retryOn: retriable-headers } }
`));
  expect(told).toEqual([
    expect.stringContaining('differs VirtualService default/r spec.http[0].match[0].uri: a prefix ends with a segment here'),
    expect.stringContaining('spec.http[0].timeout: a call has always a deadline here'),
    expect.stringContaining('spec.http[1].retries.perTryTimeout: it is not less than the timeout'),
    expect.stringContaining('spec.http[1].retries.retryOn: there is no condition retriable-headers'),
    'differs VirtualService default/r spec.http[1]: it stands behind route-1 and is more specific: here it goes first where both match',
  ]);
});

test('a regular expression goes before a prefix here', () => {
  const { told } = imported(virtualService(`  - { match: [{ uri: { prefix: / }, headers: { a: { exact: b } } }], route: [{ destination: { host: reviews } }] }
  - { match: [{ uri: { regex: "/x.*" } }], route: [{ destination: { host: reviews } }] }
`));
  expect(told).toEqual(['differs VirtualService default/r spec.http[1]: it stands behind route-1 and is more specific: here it goes first where both match']);
});

test('routes that no call can match both of do not change places', () => {
  const { told } = imported(virtualService(`  - { match: [{ method: { exact: GET } }], route: [{ destination: { host: reviews } }] }
  - { match: [{ method: { exact: POST }, headers: { a: { exact: b } } }], route: [{ destination: { host: reviews } }] }
`));
  expect(told).toEqual([]);
});

test('a VirtualService of a gateway alone is for the gateway', () => {
  expect(imported('kind: VirtualService\nmetadata: { name: b }\nspec: { hosts: ["*"], gateways: [bookinfo-gateway], http: [] }').told).toEqual([expect.stringContaining('dropped VirtualService default/b spec: it is for the gateway bookinfo-gateway')]);
});

test('a DestinationRule is versions and knobs', () => {
  const { services, told } = imported(`kind: DestinationRule
metadata: { name: r }
spec:
  host: reviews
  subsets: [{ name: v1, labels: { version: v1 } }]
  trafficPolicy:
    loadBalancer: { simple: LEAST_REQUEST }
    connectionPool: { tcp: { connectTimeout: 3s, maxConnections: 5 }, http: { http1MaxPendingRequests: 7, http2MaxRequests: 9, idleTimeout: 1m } }
    outlierDetection: { consecutive5xxErrors: 5, interval: 1s, baseEjectionTime: 3m, maxEjectionPercent: 20, minHealthPercent: 30 }
    tls: { mode: ISTIO_MUTUAL }
`);
  expect(services['reviews']).toMatchObject({
    balancer: { type: 'least-request' },
    connection: { connectTimeout: '3s', keepAlive: '1m' },
    concurrency: { max: 9, queue: 7 },
    outlier: { consecutiveFailures: 5, ejection: { base: '3m', max: '30m', maxShare: '20%' }, panic: { below: '30%' } },
  });
  expect(told.map((note) => note.split(':')[0])).toEqual([
    'dropped DestinationRule default/r spec.trafficPolicy.connectionPool.tcp.maxConnections',
    'dropped DestinationRule default/r spec.trafficPolicy.outlierDetection.interval',
    'dropped DestinationRule default/r spec.trafficPolicy.tls',
    'needs DestinationRule default/r spec.subsets[0]',
  ]);
});

test.each([
  ['httpHeaderName: x-user, maglev: { tableSize: 65537 }', { type: 'hash', header: 'x-user' }, []],
  ['httpCookie: { name: sid, path: /, ttl: 1h }', { type: 'hash', cookie: 'sid' }, ['spec.trafficPolicy.loadBalancer.consistentHash.httpCookie.ttl: no cookie is made']],
  ['useSourceIp: true', undefined, ['spec.trafficPolicy.loadBalancer.consistentHash.useSourceIp: inmesh has nothing like it']],
])('consistentHash: { %s }', (written, balancer, lost) => {
  const { services, told } = imported(`kind: DestinationRule\nmetadata: { name: r }\nspec: { host: reviews, trafficPolicy: { loadBalancer: { consistentHash: { ${written} } } } }\n`);
  expect((services['reviews'] as { balancer?: object } | undefined)?.balancer).toEqual(balancer);
  expect(told).toEqual(lost.map((note) => expect.stringContaining(note) as unknown));
});

test('an HTTPRoute’s rules are routes, its backends versions, and what it leaves unmatched is answered as there', () => {
  const { services, told } = imported(httpRoute(`  - { name: canary, matches: [{ path: { type: PathPrefix, value: /v2 } }], backendRefs: [{ name: echo-v1, port: 80, weight: 1 }, { name: echo-v2, port: 80, weight: 3 }], timeouts: { request: 2s, backendRequest: 500ms } }
  - { matches: [{ path: { type: Exact, value: /gone } }] }
  - { matches: [{ path: { type: Exact, value: /moved } }], filters: [{ type: RequestRedirect, requestRedirect: { hostname: x } }] }
`));
  expect(services['echo']!.routes).toEqual([
    { name: 'canary', match: [{ path: { prefix: '/v2' } }], to: { 'echo-v1': 1, 'echo-v2': 3 }, deadline: '2s', attemptTimeout: '500ms' },
    { name: 'r-2', match: [{ path: { exact: '/gone' } }] },
    { name: 'no-rule-matches', fault: { abort: { percent: 100, status: 404 } } },
  ]);
  expect(told).toEqual([expect.stringContaining('spec.rules[2].filters[0].requestRedirect: inmesh is a client')]);
});
