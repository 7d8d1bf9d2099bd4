/**
 * What a call carries, through real servers: each serves its request in the context that the request's headers describe, and calls the next.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { contextFromHeaders, createMeshClient, MeshError, type MeshClient, type PolicyDocument } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import { json, startServer, type Running } from '../support/http-server.ts';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

interface Hop {
  /** Time that this one takes before it calls the next. */
  readonly takes: number;
  readonly name: string;
}

interface Seen {
  readonly hop: string;
  readonly timeout: number;
  readonly grpc: string | undefined;
  readonly attempt: string | undefined;
  readonly criticality: string | undefined;
}

type Knobs = NonNullable<PolicyDocument['defaults']>;

function meshFor(name: string, at: Running, knobs: Knobs): MeshClient {
  const mesh = createMeshClient({ policy: { version: 1, defaults: knobs, services: { [name]: { discovery: { endpoints: [`127.0.0.1:${at.port}`] } } } } });
  cleanup.push(() => mesh.close({ timeout: 0 }));
  return mesh;
}

/** A row of services, each calling the next; the last one does what `last` says. Returns a client of the first one. */
async function chain(hops: readonly Hop[], last: Parameters<typeof startServer>[0], knobs: Knobs = {}): Promise<{ mesh: MeshClient; first: string; seen: Seen[]; errors: MeshError[] }> {
  const seen: Seen[] = [];
  const errors: MeshError[] = [];
  let behind = await startServer(last);
  let name = 'leaf';
  cleanup.push(() => behind.close());
  for (const hop of [...hops].reverse()) {
    const mesh = meshFor(name, behind, knobs);
    const next = `http://${name}/`;
    behind = await startServer((request, response) => {
      const header = (key: string): string | undefined => request.headers[key] as string | undefined;
      const timeout = Number(header('x-envoy-expected-rq-timeout-ms'));
      seen.push({ hop: hop.name, timeout, grpc: header('grpc-timeout'), attempt: header('x-envoy-attempt-count'), criticality: header('x-inmesh-criticality') });
      void mesh.run(contextFromHeaders(request.headers), async () => {
        try {
          await wait(hop.takes);
          const answer = await mesh.request(next, { headers: header('content-type') === undefined ? {} : { 'content-type': header('content-type') } });
          response.writeHead(answer.statusCode);
          response.end(await answer.body.text());
        } catch (error) {
          errors.push(error as MeshError);
          response.writeHead(504).end();
        }
      });
    });
    const server = behind;
    cleanup.push(() => server.close());
    name = hop.name;
  }
  return { mesh: meshFor(name, behind, knobs), first: `http://${name}/`, seen, errors };
}

describe('through two services', () => {
  it('the deadline shrinks with each hop by what was spent there, whatever the policy of each would give', async () => {
    const { mesh, first, seen } = await chain([{ name: 'front', takes: 60 }, { name: 'middle', takes: 40 }], (request, response) => json(response, Number(request.headers['x-envoy-expected-rq-timeout-ms'])));
    const response = await mesh.fetch(first, { mesh: { deadline: '2s' } });
    const leaf = (await response.json()) as number;
    const [front, middle] = seen.map(({ timeout }) => timeout) as [number, number];
    expect(front).toBeLessThanOrEqual(2000);
    // A timer may fire up to a millisecond early.
    expect(middle).toBeLessThanOrEqual(front - 59);
    expect(leaf).toBeLessThanOrEqual(middle - 39);
    expect(leaf).toBeGreaterThan(500);
  });

  it('gRPC’s own header does so as well', async () => {
    const { mesh, first, seen } = await chain([{ name: 'front', takes: 30 }, { name: 'middle', takes: 0 }], (request, response) => json(response, request.headers['grpc-timeout'] ?? null));
    const response = await mesh.request(first, { headers: { 'content-type': 'application/grpc', 'grpc-timeout': '1500000u' } });
    const leaf = (await response.body.json()) as string;
    expect(seen[0]!.grpc).toBe('1500000u');
    const [middle, last] = [seen[1]!.grpc!, leaf].map((text) => Number(/^(\d{1,8})m$/.exec(text)?.[1]));
    expect(middle).toBeLessThanOrEqual(1471);
    expect(last).toBeLessThanOrEqual(middle!);
    expect(last).toBeGreaterThan(500);
  });

  it('a deadline that is over ends the work everywhere, and nothing begins after it', async () => {
    let leafCalls = 0;
    let leafLeft = false;
    const { mesh, first, errors } = await chain([{ name: 'front', takes: 10 }, { name: 'middle', takes: 10 }], (request) => {
      leafCalls += 1;
      request.socket.once('close', () => (leafLeft = true));
    });
    await expect(mesh.fetch(first, { mesh: { deadline: 250 } })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', deadlineFrom: 'caller' });
    // The middle one's time is over first, or the front one's: either way by what the inbound request said.
    await eventually(() => errors.length > 0);
    expect(errors.every((error) => error instanceof MeshError && error.code === 'DEADLINE_EXCEEDED' && error.deadlineFrom === 'inbound')).toBe(true);
    await eventually(() => leafLeft);
    expect(leafCalls).toBe(1);
  });

  it('how critical it is goes along, and so does that it is a retry', async () => {
    let failures = 1;
    const { mesh, first, seen } = await chain([{ name: 'front', takes: 0 }, { name: 'middle', takes: 0 }], (request, response) => {
      if ((failures -= 1) >= 0) response.writeHead(503).end();
      else json(response, { attempt: request.headers['x-envoy-attempt-count'], criticality: request.headers['x-inmesh-criticality'] });
    }, { retry: { maxRetries: 1 } });
    const response = await mesh.fetch(first, { mesh: { criticality: 'sheddable' } });
    // The one failure is made good where it was seen first.
    expect(await response.json()).toEqual({ attempt: '2', criticality: 'sheddable' });
    expect(seen.map(({ attempt, criticality }) => [attempt, criticality])).toEqual([['1', 'sheddable'], ['1', 'sheddable']]);
    const retried = await mesh.run({ attempt: 2 }, () => mesh.fetch(first));
    expect(await retried.json()).toEqual({ attempt: '2' });
    expect(seen.slice(2).map(({ attempt }) => attempt)).toEqual(['2', '2']);
  });
});
