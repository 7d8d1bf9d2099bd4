/**
 * EndpointSlices of one Service, listed and then watched: a pod that becomes ready gets traffic within a second, and there is no limit of
 * 64 KB. It needs a Role with `list` and `watch` on `endpointslices` of `discovery.k8s.io`, and costs the API server a connection for each
 * client; beyond some hundred clients DNS is the better way, and it is the one to put behind this source in a chain.
 *
 *     list ──▶ watch ──ends──▶ watch from the last version
 *      ▲         │ 410 Gone, or an ERROR event
 *      └─────────┘       after anything else: 1 s × 2ⁿ up to 30 s, less by chance, or as Retry-After says
 *
 * Between a break and the next list, what was known stands. Bookmarks come about once a minute, so a watch that is silent for 2.5 minutes
 * is dead, even if TCP has not noticed.
 */
import type { Clock, Millis } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { EndpointSlices } from './endpoint-slices.ts';
import { KubernetesApi, KubernetesError } from './kubernetes-api.ts';
import type { KubernetesAccess } from './kubernetes-api.ts';
import { LineReader } from './lines.ts';
import { distinct } from './source.ts';
import type { Source, SourceAnswer } from './source.ts';
import type { StubResolver } from './stub-resolver.ts';

const PAGE = 100;
const MAX_LIST_BYTES = 32 * 1024 * 1024;
const SILENCE: Millis = 150_000;
const FIRST_RETRY: Millis = 1000;
const MAX_RETRY: Millis = 30_000;
/** Broken for so long, what is known is no longer passed on as fresh. */
const TROUBLE: Millis = 5000;
/** How long a look-up waits for the first list. */
const FIRST_LIST: Millis = 4000;
/** Each watch is asked to end after 240 to 300 s, so that clients do not all come back at once. */
const WATCH_SECONDS = 240;
const WATCH_SPREAD_SECONDS = 60;

export interface KubernetesService {
  readonly service: string;
  readonly namespace?: string | undefined;
  readonly port: string | number;
}

export interface KubernetesSourceDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly stub: Pick<StubResolver, 'family'>;
  /** Where this process runs. Unknown: no endpoint is preferred for its zone. */
  readonly zone?: string | undefined;
}

export class KubernetesSource implements Source {
  readonly description: string;
  readonly #target: KubernetesService;
  readonly #deps: KubernetesSourceDeps;
  readonly #api: KubernetesApi;
  readonly #path: string;
  readonly #slices = new EndpointSlices();
  readonly #abort = new AbortController();
  #changed: () => void = () => undefined;
  /** Of the list or event seen last; undefined where a new list is needed. */
  #version: string | undefined;
  #listed = false;
  #listedAt: Millis = -Infinity;
  #failures = 0;
  #brokenSince: Millis | undefined;
  #lastError: Error | undefined;
  /** Settles with the first list or the first failure. */
  #first: Promise<void> | undefined;
  #firstDone: () => void = () => undefined;

  constructor(target: KubernetesService, access: KubernetesAccess, deps: KubernetesSourceDeps) {
    const namespace = target.namespace ?? access.namespace;
    this.#target = target;
    this.#deps = deps;
    this.#api = new KubernetesApi(access, deps.clock);
    const selector = encodeURIComponent(`kubernetes.io/service-name=${target.service}`);
    this.#path = `/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/endpointslices?labelSelector=${selector}`;
    this.description = `kubernetes ${namespace}/${target.service}:${target.port}`;
  }

  subscribe(changed: () => void): void {
    this.#changed = changed;
  }

  close(): void {
    this.#abort.abort();
  }

  async resolve(): Promise<SourceAnswer> {
    const { clock, stub, zone } = this.#deps;
    if (!this.#listed) await this.#firstList();
    const broken = this.#brokenSince !== undefined && clock.now() - this.#brokenSince >= TROUBLE;
    if (!this.#listed || broken) throw this.#lastError ?? new Error(`${this.description}: no list within ${FIRST_LIST} ms`);
    const { endpoints, cut } = distinct(this.#slices.endpoints(this.#target.port, stub.family, zone));
    return { endpoints, complete: !cut, ttl: undefined };
  }

  #firstList(): Promise<void> {
    if (this.#first === undefined) {
      this.#first = new Promise((resolve) => (this.#firstDone = resolve));
      this.#deps.clock.after(FIRST_LIST, this.#firstDone, 'background');
      void this.#run();
    }
    return this.#first;
  }

  /** Never rejects: what goes wrong is kept for whoever asks. */
  async #run(): Promise<void> {
    const { clock } = this.#deps;
    while (!this.#abort.signal.aborted) {
      const began = clock.now();
      try {
        if (this.#version === undefined) await this.#list();
        await this.#watch();
        // A watch that ends as soon as it begins must not become a loop.
        if (clock.now() - began < FIRST_RETRY) await this.#pause(FIRST_RETRY);
      } catch (error) {
        if (this.#abort.signal.aborted) return;
        await this.#broken(error as Error);
      }
    }
  }

  async #broken(error: Error): Promise<void> {
    const gone = error instanceof KubernetesError && error.status === 410;
    if (gone) this.#version = undefined;
    this.#lastError = new Error(`${this.description}: ${error.message}`, { cause: error });
    this.#failures += 1;
    // A version that is too old is no trouble, unless it is that of a new list.
    if (gone && this.#deps.clock.now() - this.#listedAt >= FIRST_RETRY) return;
    this.#brokenSince ??= this.#deps.clock.now();
    this.#firstDone();
    const asked = error instanceof KubernetesError ? error.retryAfter : undefined;
    const backoff = Math.min(FIRST_RETRY * 2 ** (this.#failures - 1), MAX_RETRY);
    await this.#pause(asked === undefined ? backoff * (0.5 + 0.5 * this.#deps.random.next()) : Math.min(asked, MAX_RETRY));
  }

  #pause(duration: Millis): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#abort.signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = this.#deps.clock.after(duration, done, 'background');
      this.#abort.signal.addEventListener('abort', done);
    });
  }

  /** All pages, taken over at once. */
  async #list(): Promise<void> {
    const items: unknown[] = [];
    let bytes = 0;
    let next = '';
    let version: string | undefined;
    do {
      const response = await this.#api.get(`${this.#path}&limit=${PAGE}${next === '' ? '' : `&continue=${encodeURIComponent(next)}`}`, this.#abort.signal);
      const chunks: Buffer[] = [];
      for await (const chunk of response as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > MAX_LIST_BYTES) throw new Error(`a list of more than ${MAX_LIST_BYTES} bytes`);
        chunks.push(chunk);
      }
      const page = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { items?: unknown[]; metadata?: { resourceVersion?: string; continue?: string } };
      items.push(...(page.items ?? []));
      version = page.metadata?.resourceVersion;
      next = page.metadata?.continue ?? '';
    } while (next !== '');
    this.#slices.replace(items);
    this.#version = version;
    this.#listed = true;
    this.#listedAt = this.#deps.clock.now();
    this.#well();
    this.#firstDone();
    this.#changed();
  }

  /** Until it ends, which is no failure. */
  async #watch(): Promise<void> {
    const { clock, random } = this.#deps;
    const seconds = WATCH_SECONDS + Math.floor(WATCH_SPREAD_SECONDS * random.next());
    const response = await this.#api.get(`${this.#path}&watch=1&allowWatchBookmarks=true&timeoutSeconds=${seconds}&resourceVersion=${this.#version}`, this.#abort.signal);
    this.#well();
    const silent = (): void => void response.destroy(new Error(`nothing was heard for ${SILENCE} ms`));
    const lines = new LineReader();
    let timer = clock.after(SILENCE, silent, 'background');
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        timer.cancel();
        timer = clock.after(SILENCE, silent, 'background');
        for (const line of lines.push(chunk)) this.#event(line);
      }
    } finally {
      timer.cancel();
    }
  }

  #event(line: string): void {
    if (line.trim() === '') return;
    const { type, object } = JSON.parse(line) as { type?: string; object?: { code?: number; message?: string; metadata?: { resourceVersion?: string } } };
    if (type === 'ERROR') throw new KubernetesError(object?.message ?? 'an error without a message', object?.code);
    const version = object?.metadata?.resourceVersion;
    if (version !== undefined) this.#version = version;
    if (type === 'BOOKMARK') return;
    if (type === 'DELETED') this.#slices.remove(object);
    else this.#slices.put(object);
    this.#changed();
  }

  #well(): void {
    const recovered = this.#brokenSince !== undefined;
    this.#failures = 0;
    this.#brokenSince = undefined;
    this.#lastError = undefined;
    if (recovered) this.#changed();
  }
}
