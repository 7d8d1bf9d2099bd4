/**
 * The admin pages as one `(request, response)` function: the live page, and the same for programs. Read-only.
 *
 *     /               the live page
 *     /events         what it is fed with: server-sent events (live.ts)
 *     /metrics        Prometheus' text (metrics-page.ts)
 *     /snapshot.json  mesh.inspect(), with rates and percentiles; what `inmesh graph` and `inmesh top` gather
 *     /policy         the policy in force
 *     /healthz        this process answers
 *     /readyz         it should be sent work: not while it closes, nor while somebody waits for mesh.ready()
 *
 * The two last ones never ask how others are. A service that is not ready because one behind it is not turns the outage of one into that of
 * everybody, and starts by itself no more.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { refusal } from './guard.ts';
import { Live } from './live.ts';
import { metricsPage, OPENMETRICS_TEXT, PROMETHEUS_TEXT, wantsOpenMetrics } from './metrics-page.ts';
import { page } from './page-file.ts';
import type { AdminPort } from './port.ts';
import { snapshotOf } from './snapshot-file.ts';
import { TrafficRecord } from './traffic.ts';

const PATHS = ['', 'events', 'metrics', 'snapshot.json', 'policy', 'healthz', 'readyz'] as const;
type Path = (typeof PATHS)[number];

/** Of every answer. The page's own policy is stricter about less: it needs its script and its style. */
const headers = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

export class Admin {
  readonly #port: AdminPort;
  readonly #traffic: TrafficRecord;
  readonly #live: Live;

  /** Traffic is measured from now on. */
  constructor(port: AdminPort) {
    this.#port = port;
    this.#traffic = new TrafficRecord(port.clock);
    this.#live = new Live(port, this.#traffic);
    port.onlooking.present = this.#traffic;
  }

  /** `hosts`: whom the server is called; undefined where that is not for us to know (guard.ts). */
  handle(request: IncomingMessage, response: ServerResponse, hosts?: ReadonlySet<string>): void {
    const refused = refusal(request, hosts);
    if (refused !== undefined) {
      if (refused.status === 405) response.setHeader('allow', 'GET, HEAD');
      return answer(request, response, refused.status, 'text/plain; charset=utf-8', `${refused.why}\n`);
    }
    const at = pathOf(request);
    if (at === undefined) return answer(request, response, 404, 'text/plain; charset=utf-8', `not here; there are ${PATHS.map((path) => `/${path}`).join(' ')}\n`);
    // The page names the others as its neighbours, so its own address must end with a slash.
    if (at === 'page, without its slash') {
      response.setHeader('location', `./${asked(request).split('?', 1)[0]!.replace(/^.*\//, '')}/`);
      return answer(request, response, 308, 'text/plain; charset=utf-8', '');
    }
    this.#answer(at, request, response);
  }

  close(): void {
    this.#live.close();
    this.#port.onlooking.present = undefined;
  }

  #answer(path: Path, request: IncomingMessage, response: ServerResponse): void {
    const { clock, inspect, policyText, phase } = this.#port;
    switch (path) {
      case '':
        response.setHeader('content-security-policy', page.securityPolicy);
        return answer(request, response, 200, 'text/html; charset=utf-8', page.html);
      case 'events':
        return this.#events(request, response);
      case 'metrics': {
        const open = wantsOpenMetrics(request.headers.accept);
        response.setHeader('vary', 'accept');
        return answer(request, response, 200, open ? OPENMETRICS_TEXT : PROMETHEUS_TEXT, metricsPage(inspect(), this.#traffic, open));
      }
      case 'snapshot.json':
        return answer(request, response, 200, 'application/json', `${JSON.stringify(snapshotOf(inspect(), this.#traffic, clock.wall()))}\n`);
      case 'policy':
        return answer(request, response, 200, 'text/plain; charset=utf-8', policyText());
      case 'healthz':
        return answer(request, response, 200, 'text/plain; charset=utf-8', 'ok\n');
      case 'readyz': {
        const now = phase();
        return answer(request, response, now === 'open' ? 200 : 503, 'text/plain; charset=utf-8', now === 'open' ? 'ready\n' : `${now}\n`);
      }
    }
  }

  #events(request: IncomingMessage, response: ServerResponse): void {
    if (request.method === 'HEAD') return answer(request, response, 200, 'text/event-stream', '');
    response.writeHead(200, { ...headers, ...(response.getHeaders() as Record<string, string>), 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
    const after = Number(request.headers['last-event-id'] ?? 0);
    if (this.#live.add(response, Number.isSafeInteger(after) ? after : 0)) return;
    response.end('event: full\ndata: "too many look already"\n\n');
  }
}

function answer(request: IncomingMessage, response: ServerResponse, status: number, type: string, body: string): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, { ...headers, ...(response.getHeaders() as Record<string, string>), 'content-type': type, 'content-length': bytes.length });
  response.end(request.method === 'HEAD' ? undefined : bytes);
  // Of a body that nobody asked for nothing is read, and the connection can be used no more.
  if (request.method !== 'GET' && request.method !== 'HEAD') request.resume();
}

/** Express and connect take the prefix off `url`, and leave `originalUrl`. */
function asked(request: IncomingMessage): string {
  return (request as { originalUrl?: string }).originalUrl ?? request.url ?? '/';
}

/**
 * Wherever it is mounted: what counts is the last part of the path. In node:http a prefix is still there, and it is the server's own doing to
 * hand over what is below it and nothing else.
 */
function pathOf(request: IncomingMessage): Path | 'page, without its slash' | undefined {
  const path = asked(request).split('?', 1)[0]!;
  const last = path.slice(path.lastIndexOf('/') + 1);
  const known = PATHS.find((each) => each === last);
  if (known !== undefined) return known;
  // Whether `/mesh` is the page or nothing can be told only by whoever took the prefix off.
  return request.url === '/' || request.url === '' || request.url?.startsWith('/?') === true ? 'page, without its slash' : undefined;
}
