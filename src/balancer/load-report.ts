/**
 * What an endpoint says of its own load with an answer, as gRPC and Envoy have it (ORCA, gRFC A51), in text, in JSON or as a protobuf:
 *
 *     endpoint-load-metrics: TEXT application_utilization=0.42, rps_fractional=120.5, eps=0, named_metrics.rif=7, named_metrics.conns=12
 *     endpoint-load-metrics: JSON {"cpu_utilization": 0.3, "named_metrics": {"conns": 120}}
 *     endpoint-load-metrics: BIN <base64>        endpoint-load-metrics-bin: <base64>
 *
 * It comes over the network: what is no number, not finite, negative, or more than any machine can do was not said, and neither is what
 * cannot be read. Names that mean nothing here are passed over.
 */
import type { Millis } from '../core/clock.ts';
import { orcaFields } from './orca-binary.ts';

const HEADER = 'endpoint-load-metrics';
const BINARY_HEADER = 'endpoint-load-metrics-bin';
/** Of a header that is read at all; JSON of more than this would take longer than what it is good for. */
const LONGEST = 2048;
/** Requests per second, or at a time; connections. One process does not get there, and a mean that it is part of would mean nothing. */
const MOST = 1e7;
/** Of a whole: more than 1 is allowed (cores, or a queue), a hundred times as much is a mistake. */
const MOST_UTILISATION = 100;

export interface LoadReport {
  /** When it was said. */
  readonly at: Millis;
  /** Share of what it can do that is in use: as the application says, else of its processors. */
  readonly utilisation: number | undefined;
  /** Requests per second, and failures among them. */
  readonly requestRate: number | undefined;
  readonly failureRate: number | undefined;
  /** Requests there, from all its clients; ORCA has no field for it, nor for the next. */
  readonly inFlight: number | undefined;
  /** Open at the endpoint, from all its clients. */
  readonly connections: number | undefined;
}

/** That of an answer; undefined where there is none, or it cannot be read. */
export function loadReportOf(reply: { header(name: string): string | undefined }, clock: { now(): Millis }): LoadReport | undefined {
  const said = reply.header(HEADER);
  if (said !== undefined) return loadReport(said, clock.now());
  const bytes = reply.header(BINARY_HEADER);
  return bytes === undefined ? undefined : loadReport(`BIN ${bytes}`, clock.now());
}

/** Undefined where it cannot be read. */
export function loadReport(header: string, at: Millis): LoadReport | undefined {
  if (header.length > LONGEST) return undefined;
  const metrics = new Metrics();
  const content = header.slice(header.indexOf(' ') + 1);
  switch (header.slice(0, 5).toUpperCase()) {
    case 'TEXT ':
      inText(content, metrics);
      return metrics.report(at);
    case 'JSON ':
      return inJson(content, metrics) ? metrics.report(at) : undefined;
    default:
      return header.slice(0, 4).toUpperCase() === 'BIN ' && orcaFields(Buffer.from(content, 'base64'), metrics) ? metrics.report(at) : undefined;
  }
}

/** What was said under names that mean something; of a name that is there twice the last. */
class Metrics {
  #application: number | undefined = undefined;
  #processors: number | undefined = undefined;
  #requests: number | undefined = undefined;
  #failures: number | undefined = undefined;
  #inFlight: number | undefined = undefined;
  #connections: number | undefined = undefined;

  /** A name as ORCA spells it; protobuf's JSON spells it its own way. */
  add(name: string, value: unknown): void {
    switch (name) {
      case 'application_utilization':
      case 'applicationUtilization':
        this.#application = metric(value, MOST_UTILISATION);
        return;
      case 'cpu_utilization':
      case 'cpuUtilization':
        this.#processors = metric(value, MOST_UTILISATION);
        return;
      case 'rps_fractional':
      case 'rpsFractional':
        this.#requests = metric(value, MOST);
        return;
      case 'eps':
        this.#failures = metric(value, MOST);
        return;
      case 'named_metrics.rif':
        this.#inFlight = metric(value, MOST);
        return;
      case 'named_metrics.conns':
        this.#connections = metric(value, MOST);
    }
  }

  report(at: Millis): LoadReport {
    // An application that reports nothing of its own sends a 0 with the rest (gRFC A58).
    const utilisation = (this.#application ?? 0) > 0 ? this.#application : (this.#processors ?? this.#application);
    return { at, utilisation, requestRate: this.#requests, failureRate: this.#failures, inFlight: this.#inFlight, connections: this.#connections };
  }
}

function inText(text: string, metrics: Metrics): void {
  for (let from = 0; from < text.length; ) {
    const comma = text.indexOf(',', from);
    const to = comma === -1 ? text.length : comma;
    const equals = text.indexOf('=', from);
    if (equals !== -1 && equals < to) metrics.add(text.slice(from, equals).trim(), text.slice(equals + 1, to).trim());
    from = to + 1;
  }
}

function inJson(text: string, metrics: Metrics): boolean {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    // Not JSON: nothing was said.
    return false;
  }
  for (const [name, value] of entriesOf(said)) {
    if (name !== 'named_metrics' && name !== 'namedMetrics') metrics.add(name, value);
    else for (const [own, number] of entriesOf(value)) metrics.add(`named_metrics.${own}`, number);
  }
  return true;
}

function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

function metric(value: unknown, most: number): number | undefined {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof number === 'number' && number >= 0 && number <= most ? number : undefined;
}
