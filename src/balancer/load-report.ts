/**
 * What an endpoint says of its own load, in the response header `endpoint-load-metrics` as Envoy reads it (ORCA, gRFC A51), in text or JSON:
 *
 *     endpoint-load-metrics: TEXT cpu_utilization=0.3, named_metrics.conns=120
 *     endpoint-load-metrics: JSON {"cpu_utilization": 0.3, "named_metrics": {"conns": 120}}
 *
 * It comes over the network: what is no number, not finite or negative was not said, and neither is what cannot be read.
 */
import type { Millis } from '../core/clock.ts';

export const LOAD_REPORT_HEADER = 'endpoint-load-metrics';
/** ORCA has no field for connections; this is what ours are called among the metrics with a name. */
const CONNECTIONS = 'conns';
/** Of a header that is read at all; JSON of more than this would take longer than what it is good for. */
const LONGEST = 2048;

export interface LoadReport {
  /** When it was said. */
  readonly at: Millis;
  /** Open at the endpoint, from all its clients. */
  readonly connections: number | undefined;
}

/** Undefined where it cannot be read. */
export function loadReport(header: string, at: Millis): LoadReport | undefined {
  if (header.length > LONGEST) return undefined;
  const form = header.slice(0, 5).toUpperCase();
  if (form === 'TEXT ') return { at, connections: metric(inText(header.slice(5), `named_metrics.${CONNECTIONS}`)) };
  if (form === 'JSON ') return inJson(header.slice(5), at);
  return undefined;
}

function inText(text: string, name: string): unknown {
  for (const pair of text.split(',')) {
    const equals = pair.indexOf('=');
    if (pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return undefined;
}

function inJson(text: string, at: Millis): LoadReport | undefined {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    // Not JSON: nothing was said.
    return undefined;
  }
  return { at, connections: metric(field(field(said, 'named_metrics'), CONNECTIONS)) };
}

function field(object: unknown, name: string): unknown {
  return typeof object === 'object' && object !== null && Object.hasOwn(object, name) ? (object as Record<string, unknown>)[name] : undefined;
}

function metric(value: unknown): number | undefined {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number >= 0 ? number : undefined;
}
