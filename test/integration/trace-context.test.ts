/**
 * W3C trace-context's own vectors (test/cases/trace-context) through a service that takes the context of its requests as OpenTelemetry does, and
 * calls on with `mesh.fetch`: what it is sent, and what must hold of what it sends.
 *
 * What OpenTelemetry's propagator does not do is not ours to mend, and is listed here: each of these must fail, and no other.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { context, propagation, ROOT_CONTEXT } from '@opentelemetry/api';
import { NodeSDK, tracing } from '@opentelemetry/sdk-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMeshClient, type MeshClient } from '../../src/index.ts';
import { startServer, type Running } from '../support/http-server.ts';

type Expectation = readonly [kind: string, ...rest: (string | number)[]];
interface Step { headers: [string, string][]; callbacks?: number; expect: Expectation[] }
interface Vector { suite: string; name: string; doc: string; steps: Step[] }

const { tests } = JSON.parse(readFileSync(new URL('../cases/trace-context/vectors.json', import.meta.url), 'utf8')) as { tests: Vector[] };

/** `@opentelemetry/core`'s W3CTraceContextPropagator and TraceState. */
const missedByThePropagator = new Set([
  'test_tracestate_member_count_limit', 'test_tracestate_key_length_limit', 'test_tracestate_key_illegal_vendor_format', 'test_tracestate_value_illegal_characters', 'test_propagates_random_flag',
]);

let sdk: NodeSDK;
let behind: Running;
let service: Running;
let mesh: MeshClient;
/** Headers of the requests that the service made, names in lower case; each as often as it was sent. */
let arrived: [string, string][][] = [];

beforeAll(async () => {
  sdk = new NodeSDK({ autoDetectResources: false, metricReaders: [], logRecordProcessors: [], spanProcessors: [new tracing.SimpleSpanProcessor(new tracing.InMemorySpanExporter())] });
  sdk.start();
  behind = await startServer((request, response) => {
    const raw = request.rawHeaders;
    arrived.push(raw.flatMap((name, at) => (at % 2 === 0 ? [[name.toLowerCase(), raw[at + 1]!] as [string, string]] : [])));
    response.end();
  });
  mesh = createMeshClient({ policy: { version: 1, services: { behind: { discovery: { endpoints: [`127.0.0.1:${behind.port}`] } } } } });
  service = await startServer((request, response) => {
    const count = Number(request.headers['x-callbacks']);
    void context.with(propagation.extract(ROOT_CONTEXT, request.headers), async () => {
      for (let each = 0; each < count; each += 1) await (await mesh.fetch('http://behind/')).text();
      response.end();
    });
  });
});

afterAll(async () => {
  await mesh.close();
  await Promise.all([service.close(), behind.close(), sdk.shutdown()]);
});

/** As it is, blanks and repetitions included, which no HTTP client would send so. */
async function send(headers: readonly [string, string][], callbacks: number): Promise<void> {
  const socket = connect(service.port, service.host);
  socket.write(['GET / HTTP/1.1', 'host: service', `x-callbacks: ${callbacks}`, 'connection: close', ...headers.map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n'), 'latin1');
  for await (const _ of socket);
}

interface Sent { traceId: string; parentId: string; flags: number; state: Map<string, string>; stateText: string }

function sentContext(headers: [string, string][]): Sent {
  const parents = headers.filter(([name]) => name === 'traceparent');
  expect(parents.length, 'traceparent headers').toBe(1);
  const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(parents[0]![1]);
  expect(match, parents[0]![1]).not.toBeNull();
  const [, traceId, parentId, flags] = match!;
  expect(traceId).not.toMatch(/^0+$/);
  expect(parentId).not.toMatch(/^0+$/);
  const stateText = headers.filter(([name]) => name === 'tracestate').map(([, value]) => value).join(',');
  const members = stateText.split(',').map((member) => member.trim()).filter((member) => member !== '');
  return { traceId: traceId!, parentId: parentId!, flags: Number.parseInt(flags!, 16), state: new Map(members.map((member) => [member.slice(0, member.indexOf('=')), member.slice(member.indexOf('=') + 1)])), stateText };
}

function check([kind, ...rest]: Expectation, { headers }: Step, sent: Sent): void {
  if (typeof rest[0] === 'number') return void expect(sent.state.size, 'members of tracestate').toBe(rest[1]);
  const [what, value] = rest.map(String) as [string, string];
  const key = /^tracestate\[(.*)\]$/.exec(what)?.[1];
  const actual = key !== undefined ? sent.state.get(key) : { trace_id: sent.traceId, parent_id: sent.parentId }[what];
  switch (kind) {
    case 'eq': return void expect(actual, what).toBe(value);
    case 'ne': return void expect(actual, what).not.toBe(value);
    case 'absent': return void expect(actual, what).toBeUndefined();
    case 'in': return void expect([...sent.state.keys()]).toContain(what);
    case 'tracestate_contains': {
      // "Duplicated keys … either kept as-is or one of them to be discarded": whichever.
      const named = `${what.split('=')[0]}=`;
      const given = headers.filter(([name]) => name === 'tracestate').flatMap(([, members]) => members.split(',').map((member) => member.trim()));
      return void expect(given.filter((member) => member.startsWith(named)), sent.stateText).toContain(`${named}${sent.state.get(named.slice(0, -1))}`);
    }
    case 'bit_set': return void expect(sent.flags & Number(value)).toBe(Number(value));
    default: throw new Error(`what is ${kind}?`);
  }
}

/** Of several requests: how many traces they are in, and whether that is the given one. */
function checkAll(step: Step, all: Sent[]): void {
  const [, given] = step.headers.find(([name]) => name === 'traceparent') ?? [];
  const valid = given !== undefined && !/-0{32}-/.test(given) && !given.startsWith('00-0000');
  expect(all.length).toBe(step.callbacks);
  expect(new Set(all.map(({ parentId }) => parentId)).size).toBe(step.callbacks);
  if (valid) for (const { traceId } of all) expect(traceId).toBe(given.split('-')[1]);
  else for (const { traceId } of all) expect(given ?? '').not.toContain(traceId);
}

async function run({ steps }: Vector): Promise<void> {
  for (const step of steps) {
    arrived = [];
    await send(step.headers, step.callbacks ?? 1);
    const all = arrived.map(sentContext);
    if (step.callbacks !== undefined) {
      checkAll(step, all);
      continue;
    }
    expect(all.length).toBe(1);
    for (const expectation of step.expect) check(expectation, step, all[0]!);
  }
}

describe('trace context', () => {
  it('has vectors of all suites', () => {
    expect(new Set(tests.map(({ suite }) => suite))).toEqual(new Set(['TraceContextTest', 'AdvancedTest', 'TraceContext2Test']));
    expect(tests.length).toBeGreaterThan(40);
  });

  it.each(tests.filter(({ name }) => !missedByThePropagator.has(name)).map((vector) => [vector.name, vector] as const))('%s', async (_, vector) => run(vector));

  it.each(tests.filter(({ name }) => missedByThePropagator.has(name)).map((vector) => [vector.name, vector] as const))('%s is missed by the propagator that is registered', async (_, vector) => {
    await expect(run(vector)).rejects.toThrow();
  });
});
