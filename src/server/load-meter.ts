/**
 * LoadMeter: how busy this process is, for the clients that choose by it (balancer/load-report.ts), as Envoy and gRPC read it (ORCA, gRFC A51):
 *
 *     endpoint-load-metrics: TEXT application_utilization=0.42, rps_fractional=118.2, eps=0.3, named_metrics.rif=7, named_metrics.conns=24
 *
 *     application_utilization   share of the last second in which the event loop worked
 *     rps_fractional, eps       responses of that second, and those of them with 5xx
 *     named_metrics.rif         requests in flight now, the one that is answered included (Prequal's signal, which must be fresh)
 *     named_metrics.conns       connections open now, where the servers are known
 *
 * There is no timer. The rates are reckoned when a response is written, at most ten times a second; in between, a response costs the writing
 * of two numbers into a text that stands.
 */
import type { Clock, Millis } from '../core/clock.ts';
import type { LoopMeter, LoopTimes } from './event-loop.ts';

export const LOAD_REPORT_HEADER = 'endpoint-load-metrics';

const EVERY: Millis = 100;
/** Long enough to be steady beside a single request, and short beside the time in which a load changes. */
const WINDOW: Millis = 1_000;

interface Sample {
  readonly at: Millis;
  readonly loop: LoopTimes;
  readonly responses: number;
  readonly errors: number;
}

export class LoadMeter {
  readonly #clock: Clock;
  readonly #loop: LoopMeter;
  /** Undefined: not known. */
  readonly #connections: () => number | undefined;
  /** Oldest first; the first is where the window begins. */
  readonly #samples: Sample[] = [];
  #inFlight = 0;
  #responses = 0;
  #errors = 0;
  #rates = '';

  constructor(clock: Clock, loop: LoopMeter, connections: () => number | undefined) {
    this.#clock = clock;
    this.#loop = loop;
    this.#connections = connections;
    this.#samples.push(this.#sample(clock.now()));
    this.#rates = rates(0, 0, 0);
  }

  /** Requests that are being served. */
  get inFlight(): number {
    return this.#inFlight;
  }

  began(): void {
    this.#inFlight += 1;
  }

  answered(status: number): void {
    this.#responses += 1;
    if (status >= 500) this.#errors += 1;
  }

  ended(): void {
    this.#inFlight -= 1;
  }

  report(): string {
    const now = this.#clock.now();
    if (now - this.#samples.at(-1)!.at >= EVERY) this.#reckon(now);
    const connections = this.#connections();
    const report = `${this.#rates}, named_metrics.rif=${this.#inFlight}`;
    return connections === undefined ? report : `${report}, named_metrics.conns=${connections}`;
  }

  #reckon(now: Millis): void {
    const last = this.#sample(now);
    this.#samples.push(last);
    // Where responses are rare the window is as long as the pause before this one.
    while (this.#samples.length > 2 && this.#samples[1]!.at <= now - WINDOW) this.#samples.shift();
    const first = this.#samples[0]!;
    const seconds = (last.at - first.at) / 1000;
    const active = last.loop.active - first.loop.active;
    const idle = last.loop.idle - first.loop.idle;
    this.#rates = rates(active + idle > 0 ? active / (active + idle) : 0, (last.responses - first.responses) / seconds, (last.errors - first.errors) / seconds);
  }

  #sample(at: Millis): Sample {
    const { active, idle } = this.#loop();
    return { at, loop: { active, idle }, responses: this.#responses, errors: this.#errors };
  }
}

function rates(utilization: number, responses: number, errors: number): string {
  return `TEXT application_utilization=${rounded(utilization)}, rps_fractional=${rounded(responses)}, eps=${rounded(errors)}`;
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
