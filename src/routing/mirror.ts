/**
 * Mirror: copies of a share of a route's calls, sent to another version or service. Fire and forget:
 *
 *  - The call comes first, and neither waits for its copy nor hears of it: the copy goes out when the call has its answer.
 *  - A body is copied as it goes by, up to the limit up to which bodies are kept for retries; a larger one has no copy.
 *  - Copies have their own bound; beyond it none is made. They are not retried, and end with the time of the call they are copies of.
 *  - The answer is thrown away. The host of a copy ends in `-shadow`, as Envoy's do.
 */
import type { Call, HeaderList, MeshRequest, Reply, RequestBody } from '../core/call.ts';
import type { Clock, Millis } from '../core/clock.ts';
import type { MeshError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { Random } from '../core/random.ts';
import type { Mirror } from '../core/route.ts';
import { CopiedBody, WholeBody } from './copied-body.ts';
import { Split } from './split.ts';

export interface MirroringDeps {
  readonly service: string;
  readonly route: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: Emit;
  readonly knobs: () => Mirror;
  /** Sends a copy, to be answered within this time. */
  readonly send: (copy: MeshRequest, within: Millis) => Promise<Reply>;
}

export interface MirrorSnapshot {
  /** `v2`, `audit` or `audit v2`. */
  readonly to: string;
  readonly inFlight: number;
  readonly sent: number;
  /** Without an answer, or with a 5xx. */
  readonly failed: number;
  /** Not made: too many in flight, or the body could not be copied. */
  readonly dropped: number;
}

export class Mirroring {
  readonly #deps: MirroringDeps;
  #split: Split | undefined;
  #percent: number | undefined;
  #inFlight = 0;
  #sent = 0;
  #failed = 0;
  #dropped = 0;

  constructor(deps: MirroringDeps) {
    this.#deps = deps;
  }

  snapshot(): MirrorSnapshot {
    return { to: this.#to, inFlight: this.#inFlight, sent: this.#sent, failed: this.#failed, dropped: this.#dropped };
  }

  /** The copy of this call, which goes out once both the call has its answer and its body has gone by; undefined where it has none. */
  copy({ request, deadline }: Pick<Call, 'request' | 'deadline'>, limit: number): Copy | undefined {
    if (request.upgrade !== undefined || request.method === 'CONNECT' || !this.#isNext()) return undefined;
    return new Copy(request, limit, (body) => {
      if (body === 'none') this.#drop('body');
      else this.#send({ ...request, headers: shadowed(request), body, reset: false }, deadline);
    });
  }

  #isNext(): boolean {
    const { percent } = this.#deps.knobs();
    if (percent !== this.#percent) {
      this.#percent = percent;
      const parts = Math.round(percent * 10_000);
      this.#split = new Split(new Map([['copy', parts], ['none', 1_000_000 - parts]]), this.#deps.random);
    }
    return this.#split?.next() === 'copy';
  }

  #send(copy: MeshRequest, deadline: Millis): void {
    const { clock, knobs, send } = this.#deps;
    const within = deadline - clock.now();
    if (this.#inFlight >= knobs().maxInFlight) return this.#drop('in-flight');
    if (within <= 0) return this.#drop('deadline');
    this.#inFlight += 1;
    this.#sent += 1;
    send(copy, within).then(
      (reply) => {
        if (reply.status >= 500) this.#fail(reply.status);
        reply.watch({ end: () => void (this.#inFlight -= 1) });
        reply.discard();
      },
      (error: unknown) => {
        this.#inFlight -= 1;
        this.#fail((error as Partial<MeshError>).code ?? 'INVALID_REQUEST');
      },
    );
  }

  #fail(because: MeshError['code'] | number): void {
    this.#failed += 1;
    const { service, route, emit } = this.#deps;
    emit('mirror.failed', { service, route, to: this.#to, because });
  }

  #drop(reason: 'in-flight' | 'body' | 'deadline'): void {
    this.#dropped += 1;
    const { service, route, emit } = this.#deps;
    emit('mirror.dropped', { service, route, to: this.#to, reason });
  }

  get #to(): string {
    const { service, version } = this.#deps.knobs();
    return [service, version].filter((each) => each !== undefined).join(' ');
  }
}

/** One call that is copied. */
export class Copy {
  /** The call's request as it is to be sent: its body is copied on the way. */
  readonly request: MeshRequest;
  readonly #send: (body: RequestBody | undefined | 'none') => void;
  /** Undefined until it is known. */
  #body: { readonly copy: RequestBody | undefined } | undefined;
  #answered = false;

  /** `limit` is for the body, in bytes. */
  constructor(request: MeshRequest, limit: number, send: (body: RequestBody | undefined | 'none') => void) {
    this.#send = send;
    if (request.body === undefined) {
      this.#body = { copy: undefined };
      this.request = request;
    } else this.request = { ...request, body: new CopiedBody(request.body, limit, (copy) => (copy === undefined ? send('none') : this.#copied(new WholeBody(copy)))) };
  }

  /** The call has its answer, or has failed. Not before: to connect to what is dead takes time, which the call should not wait for. */
  readonly answered = (): void => {
    this.#answered = true;
    if (this.#body !== undefined) this.#send(this.#body.copy);
  };

  #copied(copy: RequestBody): void {
    this.#body = { copy };
    if (this.#answered) this.#send(copy);
  }
}

/** In a header: the authority is also the name by which a server is known to TLS. */
function shadowed({ headers, authority }: MeshRequest): HeaderList {
  let host = authority;
  const others: (string | readonly string[])[] = [];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    if (String(headers[index]).toLowerCase() === 'host') host = String(headers[index + 1]);
    else others.push(headers[index]!, headers[index + 1]!);
  }
  const port = /:\d+$/.exec(host)?.[0] ?? '';
  // What stands in brackets is an address, to which nothing can be appended.
  return [...others, 'host', host.startsWith('[') ? host : `${host.slice(0, host.length - port.length)}-shadow${port}`];
}
