import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { createMeshClient } from '../../src/index.ts';
import type { MeshEventMap } from '../../src/core/events.ts';
import { publish } from '../../src/telemetry/channels.ts';
import { eventLog } from '../../src/telemetry/event-log.ts';

const ejected: MeshEventMap['endpoint.ejected'] = { service: 'reviews', endpoint: '10.0.0.1:80', reason: 'outlier', duration: 1000, ejections: 1, successRate: 0, fleetSuccessRate: 1, enforced: true };
const refreshed: MeshEventMap['discovery.refresh'] = { service: 'reviews', reason: 'ejection' };
const loaded: MeshEventMap['policy.loaded'] = { source: 'policy.yaml', hash: 'abc', generation: 1 };
const rejected: MeshEventMap['policy.rejected'] = { source: 'policy.yaml', error: new Error('no'), inForce: 'abc', generation: 1 };

describe('the log', () => {
  it('is none where nobody gave a logger', () => {
    expect(eventLog(undefined)).toBeUndefined();
  });

  it('has each event at its level, with its fields, as pino takes them', () => {
    const lines: [string, object, string][] = [];
    const at = (level: string) => (details: object, message: string) => void lines.push([level, details, message]);
    const log = eventLog({ debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') })!;
    log('endpoint.ejected', ejected);
    log('policy.loaded', loaded);
    log('discovery.refresh', refreshed);
    // Said in a sentence of its own.
    log('policy.rejected', rejected);
    expect(lines).toEqual([
      ['warn', { event: 'endpoint.ejected', ...ejected }, 'inmesh: endpoint.ejected'],
      ['info', { event: 'policy.loaded', ...loaded }, 'inmesh: policy.loaded'],
      ['debug', { event: 'discovery.refresh', ...refreshed }, 'inmesh: discovery.refresh'],
    ]);
  });

  it('does with a logger that has fewer levels, calls it as its method, and survives one that throws', async () => {
    const logger = { seen: 0, warn() { this.seen += 1; throw new Error('disk full'); } };
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    const log = eventLog(logger)!;
    log('policy.loaded', loaded);
    log('endpoint.ejected', ejected);
    expect(logger.seen).toBe(1);
    expect((await warned).message).toBe('the logger threw: disk full');
  });
});

it('a client tells its logger, its channel and its listeners of the same event', async () => {
  const seen: unknown[] = [];
  const listener = (event: unknown): void => void seen.push(['channel', event]);
  subscribe('inmesh:policy.loaded', listener);
  const mesh = createMeshClient({ policy: { version: 1 }, logger: { warn() {}, info: (details, message) => void seen.push([message, details]) } });
  mesh.events.on('policy.loaded', (event) => void seen.push(['events', event]));
  await new Promise(setImmediate);
  unsubscribe('inmesh:policy.loaded', listener);
  await mesh.close();
  const event = { source: 'options', hash: expect.any(String), generation: 1 };
  expect(seen).toEqual([['inmesh: policy.loaded', { event: 'policy.loaded', ...event }], ['channel', event], ['events', event]]);
});

describe('diagnostics channels', () => {
  it('tell those who subscribed, each event on its own', () => {
    const seen: unknown[] = [];
    const listener = (message: unknown, name: string | symbol): void => void seen.push([name, message]);
    publish('endpoint.ejected', ejected);
    subscribe('inmesh:endpoint.ejected', listener);
    publish('endpoint.ejected', ejected);
    publish('discovery.refresh', refreshed);
    unsubscribe('inmesh:endpoint.ejected', listener);
    publish('endpoint.ejected', ejected);
    expect(seen).toEqual([['inmesh:endpoint.ejected', ejected]]);
  });
});
