import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import express from 'express';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createMeshClient, type AdminOptions, type MeshClient, type PolicyDocument } from '../../src/index.ts';
import { startServer, type Running } from '../support/http-server.ts';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

async function server(...args: Parameters<typeof startServer>): Promise<Running> {
  const running = await startServer(...args);
  cleanup.push(() => running.close());
  return running;
}

/** A client whose `reviews` answers by path: `/503` with that status. */
async function meshOf(services: PolicyDocument['services'] = {}, nameservers = ['127.0.0.1:1']): Promise<MeshClient> {
  const reviews = await server((request, response) => void response.writeHead(Number(/^\/(\d{3})/.exec(request.url ?? '')?.[1] ?? 200)).end('ok'));
  const mesh = createMeshClient({ service: 'productpage', instance: 'pod-1', nameservers, policy: { version: 1, services: { reviews: { discovery: { endpoints: [`127.0.0.1:${reviews.port}`] }, retry: 'off' }, ...services } } });
  cleanup.push(() => mesh.close({ timeout: 0 }));
  return mesh;
}

async function admin(mesh: MeshClient, options: AdminOptions = {}): Promise<string> {
  return (await mesh.admin({ port: 0, ...options })).url;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** As fetch does not let one: with any Host and any method. */
function ask(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    httpRequest(url, { headers, method, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('error', reject).on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
    }).on('error', reject).end();
  });
}

async function call(mesh: MeshClient, path = '/'): Promise<void> {
  await (await mesh.fetch(`http://reviews${path}`)).text();
}

describe('the admin pages', () => {
  it('say what the client knows, with rates and percentiles of what was called since', async () => {
    const mesh = await meshOf();
    const url = await admin(mesh);
    for (let count = 0; count < 9; count += 1) await call(mesh);
    await call(mesh, '/503');
    const { status, headers, body } = await ask(`${url}snapshot.json`);
    expect([status, headers['content-type'], headers['cache-control']]).toEqual([200, 'application/json', 'no-store']);
    const snapshot = JSON.parse(body);
    expect(snapshot).toMatchObject({ format: 'inmesh/snapshot@1', service: 'productpage', instance: 'pod-1', policy: { generation: 1, valid: true } });
    const [reviews] = snapshot.services;
    expect(reviews).toMatchObject({ name: 'reviews', endpoints: [{ totals: { success: 9, failure: 1 } }], traffic: { success: 0.9 } });
    expect(reviews.traffic.p50).toBeGreaterThan(0);
    expect(reviews.traffic.p99).toBeGreaterThanOrEqual(reviews.traffic.p50);
    expect(reviews.traffic.rate).toBeGreaterThan(0);
  });

  it('show the policy in force, with the lines that it comes from', async () => {
    const { body } = await ask(`${await admin(await meshOf())}policy`);
    expect(body).toMatch(/^# The policy in force: generation 1/);
    expect(body).toMatch(/\n {4}retry: off +# options\.policy services\.reviews\.retry\n/);
    expect(body).toMatch(/\n {2}deadline: 30s +# built-in\n/);
  });

  it('are healthy while they answer, and ready unless the client is starting or closing', async () => {
    const silent = createSocket('udp4').bind(0, '127.0.0.1');
    await once(silent, 'listening');
    cleanup.push(async () => silent.close());
    const mesh = await meshOf({ slow: { discovery: { srv: '_http._tcp.slow.default.svc.cluster.local' } } }, [`127.0.0.1:${silent.address().port}`]);
    const url = await admin(mesh);
    expect((await ask(`${url}healthz`)).status).toBe(200);
    expect((await ask(`${url}readyz`)).status).toBe(200);
    const ready = mesh.ready(['slow'], { timeout: 10_000 }).catch(() => {});
    expect(await ask(`${url}readyz`)).toMatchObject({ status: 503, body: 'starting\n' });
    await mesh.close({ timeout: 0 });
    await ready;
  });

  it('stay ready while the services behind are down', async () => {
    const mesh = await meshOf();
    const url = await admin(mesh);
    for (let count = 0; count < 50; count += 1) await mesh.fetch('http://reviews/503').then((response) => response.text(), () => {});
    expect((await ask(`${url}readyz`)).status).toBe(200);
  });

  it('close with the client, streams included', async () => {
    const mesh = await meshOf();
    const url = await admin(mesh);
    const stream = ask(`${url}events`).then(() => 'ended', () => 'broken');
    await vi.waitFor(async () => expect((await ask(`${url}healthz`)).status).toBe(200));
    await mesh.close({ timeout: 0 });
    expect(await stream).toMatch(/ended|broken/);
    await expect(ask(`${url}healthz`)).rejects.toThrow();
    await expect(mesh.admin({ port: 0 })).rejects.toThrow('mesh.admin: the mesh client is closed');
  });

  it('say so where they cannot listen', async () => {
    const mesh = await meshOf();
    const { port } = await mesh.admin({ port: 0 });
    await expect(mesh.admin({ port })).rejects.toThrow(`mesh.admin: cannot listen on 127.0.0.1:${port}: somebody listens there already`);
  });
});

describe('who asks the admin pages', () => {
  it('may read and nothing else', async () => {
    const url = await admin(await meshOf());
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      expect(await ask(`${url}snapshot.json`, {}, method)).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
    }
    const head = await ask(`${url}metrics`, {}, 'HEAD');
    expect([head.status, head.body, Number(head.headers['content-length']) > 0]).toEqual([200, '', true]);
  });

  it.each([
    ['localhost:9900', 200], ['127.0.0.1:9900', 200], ['[::1]:9900', 200], ['10.1.2.3', 200], ['LOCALHOST', 200],
    ['evil.example', 403], ['evil.example:9900', 403], ['127.0.0.1.evil.example', 403], ['admin.shop.svc:9900', 200],
  ])('by the Host %j is answered with %i: a name that was made to mean this address is not ours', async (host, status) => {
    const url = await admin(await meshOf(), { hosts: ['admin.shop.svc'] });
    for (const path of ['', 'snapshot.json', 'policy', 'events', 'metrics']) {
      if (path === 'events' && status === 200) continue;
      expect((await ask(url + path, { host })).status).toBe(status);
    }
  });

  it('from the page of another site is turned away, unless somebody follows a link', async () => {
    const url = await admin(await meshOf());
    expect((await ask(`${url}events`, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' })).status).toBe(403);
    expect((await ask(url, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' })).status).toBe(200);
    expect((await ask(`${url}snapshot.json`, { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' })).status).toBe(200);
  });

  it('cannot frame, sniff or share what he gets', async () => {
    const url = await admin(await meshOf());
    for (const path of ['', 'snapshot.json', 'policy', 'metrics', 'healthz', 'nowhere']) {
      const { headers } = await ask(url + path);
      expect(headers['content-security-policy']).toMatch(/^default-src 'none';.*frame-ancestors 'none'/);
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cross-origin-resource-policy': 'same-origin', 'referrer-policy': 'no-referrer' });
      expect(headers).not.toHaveProperty('access-control-allow-origin');
    }
  });
});

describe('the handler', () => {
  it('answers below any path of a node:http server', async () => {
    const mesh = await meshOf();
    const app = await server((request, response) => {
      if (request.url?.startsWith('/mesh/') === true) mesh.adminHandler(request, response);
      else response.writeHead(404).end();
    });
    expect((await ask(`${app.origin}/mesh/`)).headers['content-type']).toBe('text/html; charset=utf-8');
    expect((await ask(`${app.origin}/mesh/healthz?verbose`)).body).toBe('ok\n');
    expect((await ask(`${app.origin}/mesh/nowhere`)).status).toBe(404);
  });

  it('answers in Express, and sends whoever forgot the slash to the page', async () => {
    const mesh = await meshOf();
    const app = express();
    app.use('/ops/mesh', mesh.adminHandler);
    const { origin } = await server(app);
    expect((await ask(`${origin}/ops/mesh/snapshot.json`)).status).toBe(200);
    expect((await ask(`${origin}/ops/mesh/`)).headers['content-type']).toBe('text/html; charset=utf-8');
    const { status, headers } = await ask(`${origin}/ops/mesh`);
    expect([status, new URL(headers.location!, `${origin}/ops/mesh`).pathname]).toEqual([308, '/ops/mesh/']);
    expect((await ask(`${origin}/ops/mesh/nowhere`)).status).toBe(404);
  });

  it('leaves it to the server that it is mounted in who is called how', async () => {
    const mesh = await meshOf();
    const { origin } = await server(mesh.adminHandler);
    expect((await ask(`${origin}/healthz`, { host: 'shop.example' })).status).toBe(200);
  });

  it('says that the client is closed', async () => {
    const mesh = await meshOf();
    const { origin } = await server(mesh.adminHandler);
    expect((await ask(`${origin}/healthz`)).status).toBe(200);
    await mesh.close({ timeout: 0 });
    expect(await ask(`${origin}/healthz`)).toMatchObject({ status: 503 });
  });
});

describe('a client that nobody looks at', () => {
  it('measures nothing', async () => {
    const mesh = await meshOf();
    await call(mesh);
    const url = await admin(mesh);
    expect((await ask(`${url}metrics`)).body).not.toContain('inmesh_call_duration_seconds_count');
    await call(mesh);
    expect((await ask(`${url}metrics`)).body).toContain('inmesh_call_duration_seconds_count{inmesh_service="reviews",inmesh_outcome="success"} 1');
  });
});
