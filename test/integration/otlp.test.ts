/**
 * What arrives at a collector, from a real SDK over OTLP, beside OpenTelemetry's own model of HTTP client spans and metrics and its scenarios
 * (test/cases/otel-semconv).
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { context, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createMeshClient, type MeshClient } from '../../src/index.ts';
import { metricTable, type MetricEntry, type MetricName } from '../../src/core/metrics.ts';
import { CertificateAuthority } from '../support/certificate-authority.ts';
import { fine, startHttp2 } from '../support/http2-server.ts';
import { closedPort, startServer, startTcp, type Running } from '../support/http-server.ts';
import { OtlpReceiver, type ReceivedSpan } from '../support/otlp-receiver.ts';
import { startTls } from '../support/tls-server.ts';

interface Attribute {
  type: string | null | { members: { value: string }[] };
  requirement_level: string | { conditionally_required?: string; recommended?: string };
}
interface Model {
  spans: Record<string, { span_kind: string; attributes: Record<string, Attribute> }>;
  metrics: Record<string, { instrument: string; unit: string; attributes: Record<string, Attribute> }>;
  known_http_methods: string[];
}
interface Scenarios {
  spanRules: Record<string, unknown>;
  scenarios: { id: string }[];
  metricRules: Record<string, { instrument: string; unit: string; buckets: number[] }>;
  urlRedaction: { in: string; out: string; keys?: string[] }[];
}

const read = (name: string): string => readFileSync(new URL(`../cases/otel-semconv/${name}`, import.meta.url), 'utf8');
const model = JSON.parse(read('http-client.json')) as Model;
const { scenarios, metricRules, urlRedaction } = parse(read('scenarios.yaml')) as Scenarios;
const spanModel = model.spans['span.http.client']!.attributes;

const KIND = { internal: 1, client: 3 };
const STATUS = { unset: 0, error: 2 };

let receiver: OtlpReceiver;
let server: Running;
/** What a scenario's calls left, by the scenario. */
const left = new Map<string, { app: string; trace: string }>();
const environment = { ...process.env };

beforeAll(async () => {
  receiver = await OtlpReceiver.start();
  Object.assign(process.env, receiver.environment);
  const sdk = new NodeSDK({ serviceName: 'shop' });
  sdk.start();

  const statuses: number[] = [];
  server = await startServer((request, response) => {
    if (request.url === '/from') return void response.writeHead(302, { location: '/to' }).end();
    if (request.url === '/unread') return void response.writeHead(200).write('x'.repeat(1_000_000));
    response.writeHead(statuses.shift() ?? 200).end('fine');
  });
  const breaks = await startTcp((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhal')));
  const folder = mkdtempSync(join(tmpdir(), 'inmesh-otlp-'));
  const root = CertificateAuthority.root();
  const tls = { ca: join(folder, 'ca.crt') };
  writeFileSync(tls.ca, root.cert);
  const newer = await startHttp2({ ...root.issue({ dns: ['newer'] }) }, (stream) => fine(stream));
  const older = await startTls({ ...root.issue({ dns: ['older'] }) });
  const endpoints = [`127.0.0.1:${server.port}`];
  const mesh = createMeshClient({
    nameservers: [`127.0.0.1:${await closedPort()}`],
    policy: {
      version: 1,
      services: {
        example: { hosts: ['example.com'], discovery: { endpoints }, retry: { on: ['5xx'] } },
        plain: { discovery: { endpoints }, retry: 'off' },
        breaks: { discovery: { endpoints: [`127.0.0.1:${breaks.port}`] }, retry: 'off' },
        nowhere: { discovery: { endpoints: [`127.0.0.1:${await closedPort()}`] }, retry: 'off' },
        newer: { discovery: { endpoints: [newer.address] }, tls, connection: { http2: true } },
        older: { discovery: { endpoints: [older.address] }, tls, connection: { http2: true } },
        missing: { hosts: ['does-not-exist-123.com'], deadline: '300ms', attemptTimeout: 'off', retry: 'off' },
      },
    },
  });

  async function scenario(id: string, run: (client: MeshClient) => Promise<unknown>): Promise<void> {
    const app = trace.getTracer('application').startSpan(id, { root: true });
    await context.with(trace.setSpan(ROOT_CONTEXT, app), () => run(mesh)).catch(() => {});
    app.end();
    left.set(id, { app: app.spanContext().spanId, trace: app.spanContext().traceId });
  }
  const get = async (url: string, init: Parameters<MeshClient['fetch']>[1] = {}): Promise<string> => (await mesh.fetch(url, init)).text();

  await scenario('client-server-example', () => get('http://example.com:8080/webshop/articles/4?s=1&t=2'));
  await scenario('retry-500-500-200-with-parent', () => (statuses.push(500, 500), get('http://example.com/')));
  await context.with(ROOT_CONTEXT, () => (statuses.push(500, 500), get('http://example.com/without-parent')));
  await scenario('redirect-302-200', () => get('http://plain/from'));
  await scenario('dns-error', () => get('http://does-not-exist-123.com/'));
  await scenario('internal-server-error', () => (statuses.push(500), get('http://plain/')));
  await scenario('not-found', () => (statuses.push(404), get('http://plain/')));
  await scenario('refused', () => get('http://nowhere/'));
  await scenario('body-breaks', () => get('http://breaks/'));
  await scenario('cancelled', () => get('http://plain/unread', { signal: AbortSignal.timeout(100) }));
  await scenario('not-read', async () => {
    const response = await mesh.fetch('http://plain/unread');
    await new Promise((resolve) => setTimeout(resolve, 300));
    await response.body!.cancel();
  });
  await scenario('unknown-method', () => get('http://plain/', { method: 'FROB' }));
  await scenario('either-version', async () => [await get('http://newer/'), await get('http://older/')]);
  await scenario('secrets', () => Promise.all(urlRedaction[1]!.keys!.map((key) => get(`http://plain/path?color=blue&${key}=xyz`))));
  await sdk.shutdown();
  await mesh.close({ timeout: 0 });
  for (const each of [breaks, newer, older]) await each.close();
  rmSync(folder, { recursive: true });
}, 60_000);

afterAll(async () => {
  process.env = environment;
  await server.close();
  await receiver.close();
});

/** Of a scenario, in the order in which they began. */
function spansOf(id: string): { app: string; calls: ReceivedSpan[]; requests: ReceivedSpan[] } {
  const { app, trace: of } = left.get(id)!;
  const spans = receiver.spans.filter(({ traceId, scope }) => traceId === of && scope === 'inmesh').sort((one, other) => (one.start < other.start ? -1 : 1));
  return { app, calls: spans.filter(({ kind }) => kind === KIND.internal), requests: spans.filter(({ kind }) => kind === KIND.client) };
}

const fits = (value: unknown, { type }: Attribute): boolean => {
  if (type === 'int') return Number.isInteger(value);
  if (type === 'string') return typeof value === 'string' && value !== '';
  // An enumeration may be extended (error.type) or not (the method, below); what the model leaves open, is either.
  return typeof value === 'string' || (type === null && Number.isInteger(value));
};

/** What is wrong with these attributes, by the model. */
function faults(attributes: Readonly<Record<string, unknown>>, of: Record<string, Attribute>): string[] {
  const found: string[] = [];
  for (const [name, value] of Object.entries(attributes)) {
    const attribute = of[name];
    if (attribute === undefined) found.push(`${name} is not of the model`);
    else if (!fits(value, attribute)) found.push(`${name} is ${JSON.stringify(value)}`);
    else if (attribute.requirement_level === 'opt_in') found.push(`${name} is opt-in`);
  }
  for (const [name, { requirement_level: level }] of Object.entries(of)) if (level === 'required' && !(name in attributes)) found.push(`${name} is missing`);
  const method = attributes['http.request.method'];
  if (method !== '_OTHER' && !model.known_http_methods.includes(String(method))) found.push(`the method is ${String(method)}`);
  return found;
}

describe('every CLIENT span', () => {
  it('is one of the model: names, types, required attributes, and the conditions of the others', () => {
    const requests = receiver.spans.filter(({ scope, kind }) => scope === 'inmesh' && kind === KIND.client);
    expect(requests.length).toBeGreaterThan(20);
    for (const span of requests) {
      const { attributes, status, name } = span;
      expect(faults(attributes, spanModel), JSON.stringify(attributes)).toEqual([]);
      expect(name).toBe(attributes['http.request.method'] === '_OTHER' ? 'HTTP' : attributes['http.request.method']);
      // Required if and only if …
      expect('http.request.method_original' in attributes).toBe(attributes['http.request.method'] === '_OTHER');
      expect('error.type' in attributes).toBe(status === STATUS.error);
      expect('network.peer.port' in attributes).toBe('network.peer.address' in attributes);
      if ('http.response.status_code' in attributes) expect(attributes['network.protocol.version']).toBe(attributes['server.address'] === 'newer' ? '2' : '1.1');
      const code = attributes['http.response.status_code'] as number | undefined;
      if (code !== undefined && code >= 400) {
        expect([attributes['error.type'], status, span.message ?? '']).toEqual([String(code), STATUS.error, '']);
      }
    }
  });
});

describe('the scenario', () => {
  it('client-server-example: what was asked for is the server, where it went is the peer', () => {
    const { calls, requests, app } = spansOf('client-server-example');
    expect(calls.map(({ parent }) => parent)).toEqual([app]);
    expect(requests.map(({ name, attributes, status }) => [name, status, attributes])).toEqual([['GET', STATUS.unset, {
      'http.request.method': 'GET', 'network.protocol.version': '1.1', 'url.full': 'http://example.com:8080/webshop/articles/4?s=1&t=2', 'server.address': 'example.com', 'server.port': 8080,
      'network.peer.address': '127.0.0.1', 'network.peer.port': server.port, 'http.response.status_code': 200,
    }]]);
  });

  it('retry-500-500-200-with-parent: three siblings', () => {
    const { calls, requests } = spansOf('retry-500-500-200-with-parent');
    expect(calls.length).toBe(1);
    expect(requests.map(({ parent }) => parent)).toEqual(Array.from({ length: 3 }, () => calls[0]!.spanId));
    expect(requests.map(({ attributes }) => [attributes['http.response.status_code'], attributes['error.type'], attributes['http.request.resend_count']])).toEqual([
      [500, '500', undefined], [500, '500', 1], [200, undefined, 2],
    ]);
  });

  it('retry-500-500-200-no-parent: the same, in a trace of their own', () => {
    const requests = receiver.spans.filter(({ attributes }) => attributes['url.full'] === 'http://example.com/without-parent').sort((one, other) => (one.start < other.start ? -1 : 1));
    expect(requests.map(({ attributes }) => attributes['http.request.resend_count'])).toEqual([undefined, 1, 2]);
    expect(new Set(requests.map(({ traceId }) => traceId)).size).toBe(1);
    expect([...left.values()].map(({ trace: of }) => of)).not.toContain(requests[0]!.traceId);
  });

  it('redirect-302-200: where it was redirected to is a resend', () => {
    const { requests, calls, app } = spansOf('redirect-302-200');
    expect(requests.map(({ attributes }) => [attributes['http.response.status_code'], attributes['http.request.resend_count']])).toEqual([[302, undefined], [200, 1]]);
    expect(calls.map(({ parent }) => parent)).toEqual([app, app]);
  });

  it('dns-error: an error without a status or a peer', () => {
    const { requests } = spansOf('dns-error');
    expect(requests.map(({ status, attributes }) => [status, attributes])).toEqual([[STATUS.error, {
      'http.request.method': 'GET', 'url.full': 'http://does-not-exist-123.com/', 'server.address': 'does-not-exist-123.com', 'server.port': 80, 'error.type': expect.stringMatching(/^[a-z_]+$/),
    }]]);
  });

  it('internal-server-error, and a 404', () => {
    for (const [id, code] of [['internal-server-error', 500], ['not-found', 404]] as const) {
      expect(spansOf(id).requests.map(({ status, attributes }) => [status, attributes['http.response.status_code'], attributes['error.type']])).toEqual([[STATUS.error, code, String(code)]]);
    }
    // Of the caller's question a 404 is an answer.
    expect(spansOf('not-found').calls.map(({ status, attributes }) => [status, attributes['inmesh.outcome']])).toEqual([[STATUS.unset, 'success']]);
  });

  it('is an error where there is no connection, or the body breaks off', () => {
    expect(spansOf('refused').requests.map(({ status, attributes }) => [status, attributes['error.type'], attributes['http.response.status_code']])).toEqual([[STATUS.error, 'connect_failed', undefined]]);
    expect(spansOf('body-breaks').requests.map(({ status, attributes }) => [status, attributes['error.type'], attributes['http.response.status_code']])).toEqual([[STATUS.error, 'connection_reset', 200]]);
  });

  it('cancelledByCaller: neither an error nor a type of one', () => {
    for (const id of ['cancelled', 'not-read']) {
      expect(spansOf(id).requests.map(({ status, attributes }) => [status, attributes['error.type']])).toEqual([[STATUS.unset, undefined]]);
    }
  });

  it('endTiming: what nobody reads ends with its headers, and not when it is cleaned up', () => {
    const [span] = spansOf('not-read').requests;
    expect(Number(span!.end - span!.start) / 1e6).toBeLessThan(250);
    expect(span!.end).toBeGreaterThan(span!.start);
  });

  it('unknownMethod', () => {
    expect(spansOf('unknown-method').requests.map(({ name, attributes }) => [name, attributes['http.request.method'], attributes['http.request.method_original']])).toEqual([['HTTP', '_OTHER', 'FROB']]);
  });

  it('either-version: says what was spoken where the server chose, in its metric, too', () => {
    expect(spansOf('either-version').requests.map(({ attributes }) => [attributes['server.address'], attributes['network.protocol.version']])).toEqual([['newer', '2'], ['older', '1.1']]);
    const { points } = receiver.metrics.get('http.client.request.duration')!;
    const versions = new Map(points.map(({ attributes }) => [attributes['server.address'], attributes['network.protocol.version']]));
    expect([versions.get('newer'), versions.get('older'), versions.get('nowhere')]).toEqual(['2', '1.1', undefined]);
  });

  it('urlRedaction: signatures are in no URL', () => {
    const urls = spansOf('secrets').requests.map(({ attributes }) => attributes['url.full']);
    expect(urls).toEqual(urlRedaction[1]!.keys!.map((key) => `http://plain/path?color=blue&${key}=REDACTED`));
  });

  it('is tested above, each of them', () => {
    const tested = [...left.keys(), 'retry-500-500-200-no-parent'];
    expect(scenarios.map(({ id }) => id).filter((id) => !tested.includes(id))).toEqual([]);
  });
});

describe('every metric', () => {
  it('that is OpenTelemetry’s is one of its model', () => {
    const { instrument, unit, attributes } = model.metrics['http.client.request.duration']!;
    const metric = receiver.metrics.get('http.client.request.duration')!;
    expect([metric.kind, metric.unit]).toEqual([instrument, unit]);
    expect(metric.points.length).toBeGreaterThan(5);
    for (const point of metric.points) {
      expect(faults(point.attributes, attributes), JSON.stringify(point.attributes)).toEqual([]);
      expect(point.bounds).toEqual(metricRules['http.client.request.duration']!.buckets);
      const code = point.attributes['http.response.status_code'] as number | undefined;
      if (code !== undefined && code >= 400) expect(point.attributes['error.type']).toBe(String(code));
    }
  });

  it('counts each request once, and lasts as long as its span', () => {
    const metric = receiver.metrics.get('http.client.request.duration')!;
    const requests = receiver.spans.filter(({ scope, kind }) => scope === 'inmesh' && kind === KIND.client);
    expect(metric.points.reduce((total, { count }) => total + count!, 0)).toBe(requests.length);
    const spans = requests.reduce((total, { start, end }) => total + Number(end - start) / 1e9, 0);
    const measured = metric.points.reduce((total, point) => total + point.sum!, 0);
    expect(Math.abs(measured - spans)).toBeLessThan(0.02 * requests.length);
  });

  it('is of the table, and of the model where that has it', () => {
    for (const [name, metric] of receiver.metrics) {
      if (metric.scope !== 'inmesh') continue;
      const { unit, instrument }: MetricEntry = metricTable[name as MetricName];
      expect([name, metric.unit, metric.kind]).toEqual([name, unit, instrument === 'counter' ? 'sum' : instrument]);
      if (name.startsWith('http.')) expect(Object.keys(model.metrics)).toContain(name);
    }
    expect([...receiver.metrics.values()].filter(({ scope }) => scope === 'inmesh').length).toBeGreaterThan(10);
  });
});
