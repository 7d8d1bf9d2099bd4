/** Backends that answer with what they received, as those of the Gateway API's conformance tests do. */
import type { IncomingHttpHeaders } from 'node:http';
import { startServer, type Running } from './http-server.ts';

export interface Echoed {
  readonly backend: string;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

export class EchoBackends {
  readonly #running = new Map<string, Running>();
  /** What each one received. */
  readonly received: Echoed[] = [];
  /** Attempts so far, by the id that a request brings. */
  readonly #attempts = new Map<string, number>();

  /** `host:port` of the backend of this name, which is started when it is first asked for. */
  async addressOf(name: string): Promise<string> {
    let running = this.#running.get(name);
    if (running === undefined) {
      running = await startServer((request, response) => {
        const echoed = { backend: name, method: request.method!, path: request.url!, headers: request.headers };
        this.received.push(echoed);
        const query = new URL(request.url!, 'http://x').searchParams;
        const id = query.get('uuid');
        const attempt = (this.#attempts.get(id ?? '') ?? 0) + 1;
        if (id !== null) this.#attempts.set(id, attempt);
        const failing = id !== null && attempt <= Number(query.get('succeedAfter') ?? 0);
        const answer = (): void => {
          if (failing && !query.has('responseCode')) return void request.socket.destroy();
          const wanted = JSON.parse(request.headers['x-echo-set-header-json'] as string | undefined ?? '{}') as Record<string, string>;
          response.writeHead(failing ? Number(query.get('responseCode')) : 200, { 'content-type': 'application/json', ...wanted });
          response.end(JSON.stringify(echoed));
        };
        const delay = query.get('delay') ?? (failing ? query.get('delayRetry') : null);
        if (delay === null) answer();
        else setTimeout(answer, delay.endsWith('ms') ? parseFloat(delay) : parseFloat(delay) * 1000);
      });
      this.#running.set(name, running);
    }
    return `${running.host}:${running.port}`;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running.values()].map((running) => running.close()));
  }
}
