/**
 * Requests to the Kubernetes API server, with node:https: the built-in fetch cannot be given a CA, and undici cuts off a quiet watch after
 * five minutes.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { IncomingMessage } from 'node:http';
import type { Clock, Millis } from '../core/clock.ts';
import { lazily } from '../core/lazily.ts';

const https = lazily(() => createRequire(import.meta.url)('node:https') as typeof import('node:https'));

/** Where the API server is, and how to be let in. */
export interface KubernetesAccess {
  /** `https://10.96.0.1:443` */
  readonly url: string;
  readonly caFile: string;
  readonly tokenFile: string;
  /** Of services that name none. */
  readonly namespace: string;
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Bound tokens live an hour, and kubelet writes the next one into the same file. */
const TOKEN_AGE: Millis = 60_000;
const ANSWER_TIMEOUT: Millis = 10_000;

/** What a pod is given. Undefined outside of a cluster. */
export function inCluster(namespace: string, environment = process.env): KubernetesAccess | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = environment;
  if (host === undefined) return undefined;
  const authority = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return { url: `https://${authority}`, caFile: `${SERVICE_ACCOUNT}/ca.crt`, tokenFile: `${SERVICE_ACCOUNT}/token`, namespace };
}

export class KubernetesError extends Error {
  readonly status: number | undefined;
  /** How long the server asks to be left alone. */
  readonly retryAfter: Millis | undefined;

  constructor(message: string, status?: number, retryAfter?: Millis) {
    super(message);
    this.name = 'KubernetesError';
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

export class KubernetesApi {
  readonly #access: KubernetesAccess;
  readonly #clock: Clock;
  #token: { readonly value: string; readonly readAt: Millis } | undefined;

  constructor(access: KubernetesAccess, clock: Clock) {
    this.#access = access;
    this.#clock = clock;
  }

  /** The response to a GET, its body still to be read. Rejects with KubernetesError for every status but 200. */
  async get(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    let response = await this.#request(path, signal);
    if (response.statusCode === 401) {
      response.destroy();
      this.#token = undefined;
      response = await this.#request(path, signal);
    }
    if (response.statusCode === 200) return response;
    response.destroy();
    const seconds = Number(response.headers['retry-after']);
    throw new KubernetesError(`${this.#access.url} answered ${response.statusCode} to ${path}`, response.statusCode, Number.isFinite(seconds) ? seconds * 1000 : undefined);
  }

  async #request(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const [ca, token] = await Promise.all([readFile(this.#access.caFile), this.#currentToken()]);
    return new Promise((resolve, reject) => {
      const outgoing = https().request(`${this.#access.url}${path}`, { ca, signal, agent: false, headers: { authorization: `Bearer ${token}`, accept: 'application/json' } });
      const timer = this.#clock.after(ANSWER_TIMEOUT, () => outgoing.destroy(new KubernetesError(`${this.#access.url}: no answer within ${ANSWER_TIMEOUT} ms`)), 'background');
      outgoing.on('socket', (socket) => {
        socket.setKeepAlive(true, 30_000);
        socket.unref();
      });
      outgoing.on('error', (error) => {
        timer.cancel();
        reject(error);
      });
      outgoing.on('response', (response) => {
        timer.cancel();
        resolve(response);
      });
      outgoing.end();
    });
  }

  async #currentToken(): Promise<string> {
    const now = this.#clock.now();
    if (this.#token === undefined || now - this.#token.readAt >= TOKEN_AGE) {
      this.#token = { value: (await readFile(this.#access.tokenFile, 'utf8')).trim(), readAt: now };
    }
    return this.#token.value;
  }
}
