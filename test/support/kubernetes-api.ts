/**
 * An API server that knows EndpointSlices and nothing else, over real HTTPS, with a bearer token: LIST in pages, WATCH from a version, bookmarks,
 * and all the ways in which those fail.
 */
import { readFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KubernetesAccess } from '../../src/discovery/kubernetes-api.ts';

const certificate = (name: string): string => fileURLToPath(new URL(`./certificates/${name}`, import.meta.url));

export interface SliceOptions {
  readonly ready?: boolean | null;
  readonly serving?: boolean;
  readonly terminating?: boolean;
  readonly port?: number;
  readonly name?: string;
  readonly zone?: string;
  /** Zones that its endpoints should serve. */
  readonly forZones?: readonly string[];
}

export class FakeKubernetes {
  /** Requests so far: method, path with query. */
  readonly requests: string[] = [];
  /** Slices in a page of a list. */
  pageSize = 100;
  /** What lists and watches are answered with in place of the truth. */
  failWith: { status: number; retryAfter?: number } | undefined;
  /** What requests brought with them, one after the other. */
  readonly tokens: string[] = [];
  /** Tokens of before are good for a while, as real ones are. */
  acceptOldTokens = false;
  /** Watches from a version before this are Gone. */
  oldestVersion = 0;
  readonly #folder = mkdtempSync(join(tmpdir(), 'inmesh-kubernetes-'));
  readonly #server = createServer({ key: readFileSync(certificate('loopback.key')), cert: readFileSync(certificate('loopback.crt')) }, (request, response) => this.#answer(request, response));
  readonly #slices = new Map<string, object>();
  readonly #watches = new Set<ServerResponse>();
  #history: { version: number; line: string }[] = [];
  #version = 100;
  #token = 'first-token';
  #url = '';

  static async start(): Promise<FakeKubernetes> {
    const fake = new FakeKubernetes();
    writeFileSync(fake.#tokenFile, fake.#token);
    await new Promise<void>((resolve) => fake.#server.listen(0, '127.0.0.1', resolve));
    fake.#url = `https://127.0.0.1:${(fake.#server.address() as AddressInfo).port}`;
    return fake;
  }

  get access(): KubernetesAccess {
    return { url: this.#url, caFile: certificate('loopback.crt'), tokenFile: this.#tokenFile, namespace: 'default' };
  }

  get #tokenFile(): string {
    return join(this.#folder, 'token');
  }

  /** Watches open now. */
  get watches(): number {
    return this.#watches.size;
  }

  put(slice: string, ips: readonly string[], options: SliceOptions = {}): void {
    const { port = 9080, name = 'http', zone, forZones, ...conditions } = options;
    const hints = forZones && { forZones: forZones.map((each) => ({ name: each })) };
    const type = this.#slices.has(slice) ? 'MODIFIED' : 'ADDED';
    const object = {
      metadata: { name: slice, resourceVersion: String(this.#version + 1), labels: { 'kubernetes.io/service-name': 'reviews' } },
      addressType: 'IPv4', ports: [{ name, port, protocol: 'TCP' }], endpoints: ips.map((ip) => ({ addresses: [ip], conditions, zone, hints })),
    };
    this.#slices.set(slice, object);
    this.#event(type, object);
  }

  remove(slice: string): void {
    const object = this.#slices.get(slice);
    this.#slices.delete(slice);
    this.#event('DELETED', { ...object, metadata: { name: slice, resourceVersion: String(this.#version + 1) } });
  }

  bookmark(): void {
    this.#event('BOOKMARK', { metadata: { resourceVersion: String(this.#version + 1) } });
  }

  /** Sends this on every watch as it is. */
  sendRaw(text: string): void {
    for (const watch of this.#watches) watch.write(text);
  }

  /** Ends all watches: `end` properly, `destroy` in the middle. */
  cut(how: 'end' | 'destroy'): void {
    for (const watch of this.#watches) watch[how]();
  }

  /** Another token from now on. The file has it at once, or not yet. */
  rotateToken({ write = true } = {}): void {
    this.#token = `token-${this.#version}-${this.requests.length}`;
    if (write) writeFileSync(this.#tokenFile, this.#token);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #event(type: string, object: object): void {
    this.#version += 1;
    const line = `${JSON.stringify({ type, object })}\n`;
    this.#history.push({ version: this.#version, line });
    for (const watch of this.#watches) watch.write(line);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '', this.#url);
    this.requests.push(`${request.method} ${url.pathname}${url.search}`);
    this.tokens.push(request.headers.authorization ?? '');
    if (request.headers.authorization !== `Bearer ${this.#token}` && !this.acceptOldTokens) return void response.writeHead(401).end('{}');
    if (this.failWith !== undefined) {
      const { status, retryAfter } = this.failWith;
      return void response.writeHead(status, retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }).end('{}');
    }
    const selected = url.searchParams.get('labelSelector') === 'kubernetes.io/service-name=reviews';
    if (url.pathname !== '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices' || !selected) return void response.writeHead(404).end('{}');
    if (url.searchParams.get('watch') === '1') this.#watch(Number(url.searchParams.get('resourceVersion')), response);
    else this.#list(Number(url.searchParams.get('continue') ?? 0), response);
  }

  #list(from: number, response: ServerResponse): void {
    const all = [...this.#slices.values()];
    const until = from + this.pageSize;
    const metadata = { resourceVersion: String(this.#version), ...(until < all.length ? { continue: String(until) } : {}) };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ kind: 'EndpointSliceList', metadata, items: all.slice(from, until) }));
  }

  #watch(version: number, response: ServerResponse): void {
    if (version < this.oldestVersion) return void response.writeHead(410).end('{}');
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    for (const event of this.#history) if (event.version > version) response.write(event.line);
    this.#watches.add(response);
    response.on('close', () => this.#watches.delete(response));
  }
}
