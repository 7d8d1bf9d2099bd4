/**
 * One trace through three real processes, each with the Node SDK as `inmesh/otel` starts it, to a collector: productpage → reviews → ratings, of
 * which the last one refuses once.
 */
import { execFileSync, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { closedPort, startServer } from '../support/http-server.ts';
import { OtlpReceiver, type ReceivedSpan } from '../support/otlp-receiver.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cleanup: (() => unknown)[] = [];

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/build-if-stale.mjs'], { cwd: root, stdio: 'ignore' });
}, 300_000);
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

interface Service {
  readonly port: number;
  readonly child: ChildProcess;
  printed(): string;
  tell(order: object): Promise<void>;
  /** Sends what it has recorded, and is gone. */
  end(): Promise<void>;
}

async function service(environment: Record<string, string>, ...args: (string | number)[]): Promise<Service> {
  const child = fork(`${root}test/support/traced-service.mjs`, args.map(String), { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'inherit', 'ipc'], execArgv: [] });
  cleanup.push(() => child.kill());
  let text = '';
  child.stdout!.on('data', (chunk) => (text += String(chunk)));
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return {
    port, child, printed: () => text,
    async tell(order) {
      child.send(order);
      await once(child, 'message');
    },
    async end() {
      const exited = once(child, 'exit');
      child.send({ end: true });
      expect((await exited)[0]).toBe(0);
    },
  };
}

describe('a trace through three processes', () => {
  it('is one, of calls below attempts below calls, with a retry where it was', async () => {
    const collector = await OtlpReceiver.start();
    cleanup.push(() => collector.close());
    const ratings = await service(collector.environment, 'ratings');
    const reviews = await service(collector.environment, 'reviews', 'ratings', ratings.port);
    const productpage = await service(collector.environment, 'productpage', 'reviews', reviews.port);
    await ratings.tell({ fail: 1 });
    const upper = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
    const answer = await fetch(`http://127.0.0.1:${productpage.port}/`, { headers: { traceparent: `00-${upper.traceId}-${upper.spanId}-01` } });
    expect(await answer.text()).toBe('productpage → reviews → ratings');
    await Promise.all([productpage, reviews, ratings].map((each) => each.end()));

    const spans = [...collector.spans].sort((one, other) => (one.start < other.start ? -1 : 1));
    expect(spans.map(({ service: by, name, kind, traceId }) => [by, name, kind, traceId])).toEqual([
      ['productpage', 'call reviews', 1, upper.traceId],
      ['productpage', 'GET', 3, upper.traceId],
      ['reviews', 'call ratings', 1, upper.traceId],
      ['reviews', 'GET', 3, upper.traceId],
      ['reviews', 'GET', 3, upper.traceId],
    ]);
    const [page, toReviews, call, refused, retried] = spans as [ReceivedSpan, ReceivedSpan, ReceivedSpan, ReceivedSpan, ReceivedSpan];
    expect([page.parent, toReviews.parent, call.parent, refused.parent, retried.parent]).toEqual([upper.spanId, page.spanId, toReviews.spanId, call.spanId, call.spanId]);
    expect([page, toReviews, call, refused, retried].map(({ status }) => status)).toEqual([0, 0, 0, 2, 0]);
    expect([toReviews, refused, retried].map(({ attributes }) => [attributes['http.response.status_code'], attributes['error.type'], attributes['http.request.resend_count']])).toEqual([
      [200, undefined, undefined], [503, '503', undefined], [200, undefined, 1],
    ]);
    expect(call.attributes).toEqual({ 'inmesh.service': 'ratings', 'inmesh.attempts': 2, 'inmesh.outcome': 'success' });
    expect(call.events).toEqual([{ name: 'inmesh.retry', attributes: { 'inmesh.attempt': 2 } }]);
    // Each within the one above it.
    for (const [inner, outer] of [[toReviews, page], [refused, call], [retried, call]] as const) expect(inner.start >= outer.start && inner.end <= outer.end).toBe(true);
  }, 60_000);
});

describe('inmesh/otel', () => {
  it('traces a fetch beside the mesh with instrumentation-undici, and one of the mesh once', async () => {
    const collector = await OtlpReceiver.start();
    const beside = await startServer((request, response) => response.end(request.headers.traceparent));
    cleanup.push(() => collector.close(), () => beside.close());
    const ratings = await service(collector.environment, 'ratings');
    const reviews = await service(collector.environment, 'reviews', 'ratings', ratings.port);
    await (await fetch(`http://127.0.0.1:${reviews.port}/`, { headers: { 'x-beside': beside.origin } })).text();
    await Promise.all([reviews, ratings].map((each) => each.end()));
    expect(collector.spans.map(({ scope, kind }) => [scope, kind]).sort()).toEqual([['@opentelemetry/instrumentation-undici', 3], ['inmesh', 1], ['inmesh', 3]]);
    expect(collector.metrics.get('inmesh.call.duration')?.points.map(({ count }) => count)).toEqual([1]);
  }, 60_000);

  it('gives metrics to Prometheus where the environment says so', async () => {
    const port = await closedPort();
    const none = { OTEL_TRACES_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none' };
    const ratings = await service({ ...none, OTEL_METRICS_EXPORTER: 'none' }, 'ratings');
    const reviews = await service({ ...none, OTEL_METRICS_EXPORTER: 'prometheus', OTEL_EXPORTER_PROMETHEUS_PORT: String(port) }, 'reviews', 'ratings', ratings.port);
    await (await fetch(`http://127.0.0.1:${reviews.port}/`)).text();
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(text).toMatch(/^inmesh_call_duration_count\{.*inmesh_service="ratings".*\} 1$/m);
    expect(text).toMatch(/^http_client_request_duration_bucket\{.*le="0.005".*\} \d$/m);
    expect(text).toMatch(/^inmesh_endpoints\{.*inmesh_state="available".*\} 1$/m);
  }, 60_000);

  it('prints spans where the environment says so', async () => {
    const console = { OTEL_TRACES_EXPORTER: 'console', OTEL_METRICS_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none' };
    const ratings = await service({ ...console, OTEL_TRACES_EXPORTER: 'none' }, 'ratings');
    const reviews = await service(console, 'reviews', 'ratings', ratings.port);
    await (await fetch(`http://127.0.0.1:${reviews.port}/`)).text();
    await reviews.end();
    expect(await eventually(() => reviews.printed(), (text) => text.includes("name: 'call ratings'"))).toContain("'service.name': 'reviews'");
  }, 60_000);
});
