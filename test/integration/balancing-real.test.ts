/**
 * What test/simulation asserts of one bad endpoint, once more with processes and sockets: five replicas, one of them bad, and two clients
 * in the same run, call by call in turn: the library, and undici with a pool for each replica and round robin. Nothing is retried and
 * nobody ejected, so what is seen is the choice. Figures are compared with each other, never with a clock.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMeshClient, type MeshClient } from '../../src/index.ts';

const REPLICAS = 5;
/** Both sides give up a call after this. */
const PATIENCE = 500;
/** Between two pairs of calls. Where the machine is busy it takes longer, for both. */
const PACE = 5;

type Side = 'mesh' | 'plain';
type Fault = 'none' | 'slow' | 'hangs' | 'refuses' | 'stalls';

class Replica {
  port = 0;
  readonly #process: ChildProcess;

  constructor() {
    this.#process = fork(fileURLToPath(new URL('../support/replica.mjs', import.meta.url)), { execArgv: [] });
  }

  async listening(): Promise<void> {
    this.port = await this.#says<number>('port');
  }

  async behave(fault: Fault): Promise<void> {
    this.#process.send({ fault });
    await this.#says('fault');
  }

  /** Requests of each side since this was last asked. */
  async served(): Promise<Partial<Record<Side, number>>> {
    this.#process.send({ count: true });
    return this.#says('served');
  }

  end(): void {
    this.#process.kill('SIGKILL');
  }

  #says<Value>(what: string): Promise<Value> {
    return new Promise((resolve, reject) => {
      const onMessage = (message: Record<string, Value>) => {
        if (!(what in message)) return;
        this.#process.off('message', onMessage).off('exit', onExit);
        resolve(message[what]!);
      };
      const onExit = () => reject(new Error('a replica ended'));
      this.#process.on('message', onMessage).on('exit', onExit);
    });
  }
}

interface Heard {
  failures: number;
  latencies: number[];
}

describe('one bad replica of five, each a process', () => {
  const replicas: Replica[] = [];
  let pools: Pool[] = [];
  let mesh: MeshClient;
  let turn = 0;

  beforeAll(async () => {
    replicas.push(...Array.from({ length: REPLICAS }, () => new Replica()));
    await Promise.all(replicas.map((replica) => replica.listening()));
    pools = replicas.map(({ port }) => new Pool(`http://127.0.0.1:${port}`));
  });

  afterAll(async () => {
    await Promise.all(pools.map((pool) => pool.destroy()));
    for (const replica of replicas) replica.end();
  });

  /** A new one for each fault: it knows nothing of what the replica did before. */
  async function newMesh(): Promise<void> {
    mesh = createMeshClient({
      policy: {
        version: 1,
        defaults: { attemptTimeout: `${PATIENCE}ms`, deadline: '5s', retry: 'off', outlier: 'off', circuit: 'off' },
        services: { reviews: { discovery: { endpoints: replicas.map(({ port }) => `127.0.0.1:${port}`) } } },
      },
    });
    await mesh.ready();
  }

  const headers = (side: Side) => ({ 'x-side': side });
  const calls: Record<Side, () => Promise<{ statusCode: number; body: { text(): Promise<string> } }>> = {
    mesh: () => mesh.request('http://reviews/', { headers: headers('mesh') }),
    plain: () => pools[turn++ % REPLICAS]!.request({ path: '/', method: 'GET', headers: headers('plain'), signal: AbortSignal.timeout(PATIENCE) }),
  };

  async function call(side: Side, heard: Heard): Promise<void> {
    const begun = performance.now();
    try {
      const { statusCode, body } = await calls[side]();
      await body.text();
      if (statusCode >= 500) heard.failures += 1;
    } catch {
      heard.failures += 1;
    }
    heard.latencies.push(performance.now() - begun);
  }

  /** So many calls of each side, begun in pairs. */
  async function play(pairs: number): Promise<Record<Side, Heard>> {
    const heard: Record<Side, Heard> = { mesh: { failures: 0, latencies: [] }, plain: { failures: 0, latencies: [] } };
    const pending: Promise<void>[] = [];
    for (let pair = 0; pair < pairs; pair += 1) {
      // Who is first takes turns as well.
      const order: Side[] = pair % 2 === 0 ? ['mesh', 'plain'] : ['plain', 'mesh'];
      for (const side of order) pending.push(call(side, heard[side]));
      await new Promise((resolve) => setTimeout(resolve, PACE));
    }
    await Promise.all(pending);
    return heard;
  }

  const GOOD = 200;
  const CALLS = 400;

  /** It was good and known to be, and is bad from now on. */
  async function withBad(fault: Fault) {
    const bad = replicas[0]!;
    await newMesh();
    await bad.served();
    await play(GOOD);
    expect((await bad.served()).mesh).toBeGreaterThan(0);
    await bad.behave(fault);
    const heard = await play(CALLS);
    await bad.behave('none');
    const served = await bad.served();
    await mesh.close({ timeout: 100 });
    return { ...heard, share: { mesh: (served.mesh ?? 0) / CALLS, plain: (served.plain ?? 0) / CALLS } };
  }

  const percentile = (values: readonly number[], share: number) => [...values].sort((a, b) => a - b)[Math.ceil(share * values.length) - 1]!;

  it('that is thirty times slower gets a third of its share or less, and nine calls of ten never notice', async () => {
    const { mesh: ours, plain, share } = await withBad('slow');
    expect(share.plain).toBeGreaterThan(0.15);
    expect(share.mesh).toBeLessThan(share.plain / 3);
    expect(percentile(ours.latencies, 0.9)).toBeLessThan(percentile(plain.latencies, 0.9) / 2);
  });

  it('that hangs gets a third of its share or less, and a third of the calls are lost or fewer', async () => {
    const { mesh: ours, plain, share } = await withBad('hangs');
    expect(plain.failures).toBeGreaterThan(0.15 * CALLS);
    expect(share.mesh).toBeLessThan(share.plain / 3);
    expect(ours.failures).toBeLessThan(plain.failures / 3);
  });

  it('that fails at once (a black hole) gets a third of its share or less, and a third of the calls are lost or fewer', async () => {
    const { mesh: ours, plain, share } = await withBad('refuses');
    expect(plain.failures).toBeGreaterThan(0.15 * CALLS);
    expect(share.mesh).toBeLessThan(share.plain / 3);
    expect(ours.failures).toBeLessThan(plain.failures / 3);
  });

  it('that stands still for 300 ms again and again: half of the calls wait for it or fewer', async () => {
    const { mesh: ours, plain } = await withBad('stalls');
    const waited = ({ latencies }: Heard) => latencies.filter((latency) => latency > 100).length;
    expect(waited(plain)).toBeGreaterThan(15);
    expect(waited(ours)).toBeLessThan(waited(plain) / 2);
  });
});
