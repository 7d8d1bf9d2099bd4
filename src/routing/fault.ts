/**
 * Faults: what goes wrong on purpose, as though the network or the endpoint had done it.
 *
 * It stands below retry, circuit and attempt timeout, so that it exercises them (with faults of its client side Istio switches retries and
 * timeouts off, and people test what is not there: istio#13705, open since 2019). And it stands above the balancer, so that no endpoint is
 * blamed for it. Delay and abort are drawn for themselves, for each attempt.
 *
 *     x-inmesh-fault: delay=2s, abort=503        or abort=reset; only where the policy allows it. It is sent on as it is.
 */
import type { Attempt, HeaderList, Layer, Reply, ReplyObserver, ReplySink } from '../core/call.ts';
import type { Clock, Millis } from '../core/clock.ts';
import { MeshError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { Random } from '../core/random.ts';
import type { FaultKnobs } from '../core/route.ts';
import { sleep } from '../core/sleep.ts';

export const FAULT_HEADER = 'x-inmesh-fault';

export interface FaultDeps {
  readonly service: string;
  readonly route: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: Emit;
  readonly knobs: () => FaultKnobs | undefined;
  /** Milliseconds of `2s`; undefined where it is no duration. */
  readonly duration: (text: string) => Millis | undefined;
}

/** What happens to one attempt. */
interface Fault {
  readonly delay: Millis | undefined;
  readonly abort: number | 'reset' | undefined;
}

const noFault: Fault = { delay: undefined, abort: undefined };

export function faults(deps: FaultDeps): Layer<Attempt> {
  const { service, route, clock, random, emit, knobs: current, duration } = deps;
  return (next) =>
    function fault(attempt) {
      const knobs = current();
      if (knobs === undefined) return next(attempt);
      const asked = knobs.allowHeader ? askedFor(attempt.call.request.headers, duration) : noFault;
      const delay = asked.delay ?? (drawn(knobs.delay?.percent, random) ? knobs.delay!.duration : undefined);
      const abort = asked.abort ?? (drawn(knobs.abort?.percent, random) ? knobs.abort!.with : undefined);
      if (delay === undefined && abort === undefined) return next(attempt);
      attempt.call.witness?.faulted(attempt, delay, abort);
      emit('fault.injected', { service, route, attempt: attempt.number, delay, abort });
      const go = (): Promise<Reply> => (abort === undefined ? next(attempt) : aborted(attempt, abort));
      return delay === undefined ? go() : slowed(clock, delay, attempt).then(go);
    };
}

/** In the place of an endpoint that is slow, so a timeout that ends it is a failure, of something that may have been sent. */
async function slowed(clock: Clock, delay: Millis, { cancellation }: Attempt): Promise<void> {
  try {
    await sleep(clock, delay, cancellation);
  } catch (error) {
    if (error instanceof MeshError && error.code === 'ATTEMPT_TIMEOUT') {
      error.outcome = 'failure';
      error.sent = 'maybe';
    }
    throw error;
  }
}

async function aborted({ call }: Attempt, abort: number | 'reset'): Promise<Reply> {
  if (abort !== 'reset') return new InjectedReply(abort);
  const { service, attempts, route } = call;
  throw new MeshError('FAULT_INJECTED', `${service}: reset on purpose, by route ${route ?? ''}`, { service, attempts, sent: 'maybe' });
}

/** In percent. */
function drawn(percent: number | undefined, random: Random): boolean {
  return percent !== undefined && percent > 0 && random.next() * 100 < percent;
}

/** What makes no sense is not done: the header may be a stranger's. */
function askedFor(headers: HeaderList, duration: FaultDeps['duration']): Fault {
  let found = noFault;
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index];
    const value = headers[index + 1];
    if (typeof name !== 'string' || name.length !== FAULT_HEADER.length || name.toLowerCase() !== FAULT_HEADER || typeof value !== 'string' || value.length > 200) continue;
    for (const part of value.split(',')) {
      const [key, wanted = ''] = part.split('=', 2).map((text) => text.trim());
      if (key === 'delay') found = { ...found, delay: duration(wanted) };
      else if (key === 'abort') found = { ...found, abort: wanted === 'reset' ? 'reset' : /^[2-5]\d\d$/.test(wanted) ? Number(wanted) : undefined };
    }
  }
  return found;
}

const injectedHeaders = [FAULT_HEADER, 'abort', 'content-length', '0'].map((text) => Buffer.from(text));

/** An answer that nobody gave. */
class InjectedReply implements Reply {
  readonly status: number;
  #observers: ReplyObserver[] | undefined = [];

  constructor(status: number) {
    this.status = status;
  }

  header(name: string): string | undefined {
    return name === FAULT_HEADER ? 'abort' : name === 'content-length' ? '0' : undefined;
  }

  watch(observer: ReplyObserver): void {
    if (this.#observers !== undefined) this.#observers.push(observer);
    else observer.end(undefined);
  }

  accept(sink: ReplySink): void {
    this.#end();
    try {
      sink.onHeaders(this.status, [...injectedHeaders], () => {}, 'Fault Injected');
      sink.onComplete([]);
    } catch (error) {
      sink.onError(error instanceof Error ? error : new Error(String(error)));
    }
  }

  discard(): void {
    this.#end();
  }

  #end(): void {
    const observers = this.#observers ?? [];
    this.#observers = undefined;
    for (const observer of observers) observer.end(undefined);
  }
}
