/**
 * Events (core/events.ts) as log lines, for whoever gave a logger, and for `NODE_DEBUG=inmesh`, which prints all of them. Nobody else hears any:
 * without a logger the client says only what is wrong with its policy.
 *
 * `warn`: something is worse than it was, and somebody may have to act. `info`: it changed, or is well again. `debug`: it happened, as it may a thousand
 * times a second when things go wrong; no log should fill up just then.
 */
import { debuglog } from 'node:util';
import type { Emit, MeshEventName } from '../core/events.ts';

type Level = 'debug' | 'info' | 'warn' | 'error';

/** pino's shape: an object, then a sentence. Levels that it lacks are left out; `error` is then a `warn`. */
export interface Logger {
  warn(details: object, message: string): void;
  error?(details: object, message: string): void;
  info?(details: object, message: string): void;
  debug?(details: object, message: string): void;
}

/** `undefined`: said in a sentence of its own, as a warning. Those that are not here are `debug`. */
const levels: { readonly [Name in MeshEventName]?: Level | undefined } = {
  'endpoints.changed': 'info',
  'subset.changed': 'info',
  'peers.changed': 'info',
  'discovery.failed': 'warn',
  'discovery.truncated': 'warn',
  'discovery.virtual': undefined,
  'endpoint.ejected': 'warn',
  'endpoint.ejection.limited': 'warn',
  'endpoint.returned': 'info',
  'endpoint.unhealthy': 'warn',
  'endpoint.healthy': 'info',
  'connection.recycled': 'warn',
  'balancer.panic': 'warn',
  'circuit.opened': 'warn',
  'circuit.half-opened': 'info',
  'circuit.closed': 'info',
  'schedule.stepped': 'info',
  'schedule.held': 'warn',
  'schedule.rolled-back': 'warn',
  'version.empty': 'warn',
  'policy.loaded': 'info',
  'policy.rejected': undefined,
};

/** Undefined where nobody reads it. */
export function eventLog(logger: Logger | undefined): Emit | undefined {
  const debug = debuglog('inmesh');
  if (logger === undefined && !debug.enabled) return undefined;
  return (name, event) => {
    if (debug.enabled) debug('%s %o', name, event);
    if (logger === undefined || (name in levels && levels[name] === undefined)) return;
    const level = levels[name] ?? 'debug';
    try {
      logger[level]?.({ event: name, ...event }, `inmesh: ${name}`);
    } catch (error) {
      process.emitWarning(`the logger threw: ${error instanceof Error ? error.message : String(error)}`, 'InmeshWarning');
    }
  };
}
