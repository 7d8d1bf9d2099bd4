/**
 * A real Prometheus scrapes `/metrics` of a client that has every kind of trouble, and answers every query of the dashboard and of the alert
 * rules.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createMeshClient, type MeshClient } from '../../src/index.ts';
import { alertRules, dashboardQueries, rulesFile } from '../support/deployed-queries.ts';
import { freePort } from '../support/free-port.ts';
import { closedPort, startServer, type Running } from '../support/http-server.ts';
import { needs, program } from '../support/needs.ts';

/** What Grafana puts in the place of its variables. */
function filledIn(query: string): string {
  return query.replaceAll('$__rate_interval', '30s').replaceAll('$job', '.*').replaceAll('$service', '.*');
}

needs('prometheus').describe('Prometheus', () => {
  let folder: string;
  let server: Running;
  let mesh: MeshClient;
  let metrics: string;
  let prometheus: ChildProcess;
  let api: string;
  const timers: NodeJS.Timeout[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'inmesh-prometheus-'));
    // By Host, and for some by endpoint.
    server = await startServer((request, response) => {
      const { host } = request.headers;
      const bad = request.socket.localAddress === '127.0.0.1';
      const answer = (status: number, headers = {}): void => void response.writeHead(status, headers).end('x');
      if (host === 'payments' || host === 'flaky') answer(500);
      else if (host === 'busy') answer(429);
      else if (host === 'slow') setTimeout(answer, 300, 200);
      else answer((host === 'reviews' || host === 'twice') && bad ? 503 : 200);
    }, '0.0.0.0');
    const at = (...last: number[]): string => `[${last.map((each) => `"127.0.0.${each}:${server.port}"`).join(', ')}]`;
    const nobody = await closedPort();
    writeFileSync(join(folder, 'nobody.json'), '[]');
    writeFileSync(join(folder, 'policy.yaml'), `version: 1
defaults: { retry: { on: [connect-failure, gateway-error, 5xx] } }
services:
  reviews: { discovery: { endpoints: ${at(1, 2, 3)} }, balancer: { type: round-robin }, routes: [{ name: slowed, fault: { delay: { percent: 50, duration: 1ms } } }] }
  payments: { discovery: { endpoints: ${at(4)} }, retry: off, circuit: { openFor: 60s } }
  flaky: { discovery: { endpoints: ${at(5, 6)} }, circuit: off, throttle: off }
  twice: { discovery: { endpoints: ${at(1, 7)} }, balancer: { type: round-robin }, outlier: off, circuit: off, retry: { budget: { perSuccess: 100%, cap: 100 } } }
  busy: { discovery: { endpoints: ${at(8)} }, retry: off }
  slow: { discovery: { endpoints: ${at(9, 10)} }, concurrency: { max: 2, queue: 1 }, hedge: { after: 20ms, extraLoad: 10% } }
  ill: { discovery: { endpoints: ["127.0.0.1:${nobody}", "127.0.0.2:${nobody}"] }, healthCheck: { path: /healthz, interval: 1s, timeout: 500ms, unhealthy: 1 } }
  nobody: { discovery: { file: ${join(folder, 'nobody.json')} } }
  lost: { discovery: { srv: _http._tcp.lost.shop.test, refresh: 1s } }
`);
    mesh = createMeshClient({ service: 'shop', policy: join(folder, 'policy.yaml'), nameservers: [`127.0.0.1:${nobody}`], logger: { warn: () => {} } });
    const { url, port } = await mesh.admin({ port: 0 });
    metrics = `${url}metrics`;
    for (const name of ['reviews', 'payments', 'flaky', 'twice', 'busy', 'slow', 'ill', 'nobody', 'lost']) {
      timers.push(setInterval(() => void mesh.fetch(`http://${name}/`, { mesh: { deadline: '2s' } }).then((response) => response.text()).catch(() => {}), 40));
    }
    const listen = await freePort();
    api = `http://127.0.0.1:${listen}/`;
    writeFileSync(join(folder, 'prometheus.yml'), `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ["${rulesFile}"]
scrape_configs: [{ job_name: shop, static_configs: [{ targets: ["127.0.0.1:${port}"] }] }]
`);
    prometheus = spawn(program('prometheus'), [`--config.file=${join(folder, 'prometheus.yml')}`, `--storage.tsdb.path=${join(folder, 'data')}`, `--web.listen-address=127.0.0.1:${listen}`, '--log.level=error'], { stdio: 'ignore' });
    await vi.waitFor(async () => expect((await ask('count_over_time(up[1m]) >= 3')).length).toBe(1), { timeout: 30_000, interval: 250 });
    // What was accepted is followed by something that is not.
    writeFileSync(join(folder, 'policy.yaml'), 'version: 1\nservices: { reviews: { retry: { maxRetries: two } } }\n');
  }, 60_000);

  afterAll(async () => {
    for (const timer of timers) clearInterval(timer);
    if (prometheus !== undefined) {
      prometheus.kill();
      await once(prometheus, 'exit');
    }
    await mesh?.close({ timeout: 0 });
    await server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** An instant query. */
  async function ask(query: string): Promise<{ metric: Record<string, string>; value: [number, string] }[]> {
    const response = await fetch(`${api}api/v1/query?${new URLSearchParams({ query }).toString()}`);
    const { status, error, data } = (await response.json()) as { status: string; error?: string; data: { result: { metric: Record<string, string>; value: [number, string] }[] } };
    if (status !== 'success') throw new Error(`${query}: ${error}`);
    return data.result;
  }

  it('takes what /metrics says, in both of its forms', async () => {
    const [target] = ((await (await fetch(`${api}api/v1/targets`)).json()) as { data: { activeTargets: { health: string; lastError: string }[] } }).data.activeTargets;
    expect(target).toMatchObject({ health: 'up', lastError: '' });
    const plain = await (await fetch(metrics)).text();
    expect(() => execFileSync(program('promtool'), ['check', 'metrics'], { input: plain, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] })).not.toThrow();
    expect((await (await fetch(metrics, { headers: { accept: 'application/openmetrics-text' } })).text()).endsWith('# EOF\n')).toBe(true);
  });

  it('accepts the rules', () => {
    expect(execFileSync(program('promtool'), ['check', 'rules', rulesFile], { encoding: 'utf8' })).toContain(`${alertRules().length} rules found`);
  });

  it.each(dashboardQueries().map(({ title, query }) => [title, query]))('has an answer for the dashboard: %s', async (_, query) => {
    await vi.waitFor(async () => {
      const found = await ask(filledIn(query));
      expect(found.length).toBeGreaterThan(0);
      expect(found.some(({ value }) => Number.isFinite(Number(value[1])))).toBe(true);
    }, { timeout: 30_000, interval: 500 });
  }, 40_000);

  it.each(alertRules().map(({ alert, expr }) => [alert, expr]))('finds the trouble that there is: %s', async (alert, expr) => {
    // Five minutes are more than a test has.
    const soon = alert === 'InmeshDiscoveryStale' ? expr.replace('> 300', '> 1') : expr;
    await vi.waitFor(async () => expect((await ask(soon)).length).toBeGreaterThan(0), { timeout: 30_000, interval: 500 });
  }, 40_000);

  it('counts calls and attempts as the client does', async () => {
    for (const timer of timers.splice(0)) clearInterval(timer);
    const sum = (text: string, name: string): number => text.split('\n').filter((line) => line.startsWith(`${name}{`)).reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0);
    await vi.waitFor(() => expect(mesh.inspect().calls).toBe(0), { timeout: 10_000 });
    const page = await (await fetch(metrics)).text();
    const { services } = mesh.inspect();
    const attempts = services.flatMap(({ endpoints }) => endpoints).reduce((total, { totals }) => total + Object.values(totals).reduce((one, other) => one + other), 0);
    // Attempts that found no endpoint are in the one and of nobody in the other.
    const nowhere = page.split('\n').filter((line) => line.startsWith('http_client_request_duration_seconds_count{') && /error_type="(?:no_endpoints|discovery_failed|deadline_exceeded)"/.test(line)).reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0);
    expect(sum(page, 'http_client_request_duration_seconds_count') - nowhere).toBe(attempts);
    expect(sum(page, 'inmesh_call_duration_seconds_count')).toBeGreaterThan(1000);
  }, 30_000);
});
