/**
 * A private Knot DNS server: authoritative for one zone, on a loopback port of its own, with dynamic update and no keys. It starts in
 * some 50 ms. `suspend` makes it a black hole (packets go in, nothing comes out), `stop` makes it refuse.
 *
 *     const knot = await startKnot({ zone: '_http._tcp.reviews.default.svc SRV 0 33 31001 127-0-0-1.reviews.default.svc' });
 *     createMeshClient({ nameservers: [knot.address] });
 *     await knot.update(['add _http._tcp.reviews.default.svc 5 SRV 0 33 31002 127-0-0-1.reviews.default.svc']);
 *     await knot.close();
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { servesZone } from './dns-ready.ts';
import { freePort } from './free-port.ts';
import { program } from './needs.ts';

export interface KnotOptions {
  /** Records, one per line, as in a zone file; names relative to the origin. SOA and NS are added. */
  readonly zone: string | readonly string[];
  /** Default `cluster.local`. */
  readonly origin?: string;
  /** Of records that say no TTL of their own, in seconds. Default 5. */
  readonly ttl?: number;
  /** A whole zone file: nothing is added. */
  readonly complete?: boolean;
}

export interface Knot {
  /** `ip:port` */
  readonly address: string;
  /** `add <name> <ttl> <type> <data>` or `delete <name> [<type> [<data>]]`, names relative to the origin; all of them at once. */
  update(lines: readonly string[]): Promise<void>;
  /** Ends the process; its port refuses from now on. */
  stop(): Promise<void>;
  /** Starts it again, on the same port, with the zone as it was. */
  restart(): Promise<void>;
  /** It takes queries and answers none. */
  suspend(): void;
  resume(): void;
  close(): Promise<void>;
}

/** Whether this machine has what `startKnot` needs. Tests say `needs('knot').describe(…)`. */
export function knotAvailable(): boolean {
  try {
    program('knotd');
    program('knsupdate');
    return true;
  } catch {
    return false;
  }
}

export async function startKnot(options: KnotOptions): Promise<Knot> {
  for (let attempt = 1; ; attempt += 1) {
    const server = new KnotServer(options, await freePort());
    try {
      await server.restart();
      return server;
    } catch (error) {
      await server.close();
      if (attempt === 3) throw error;
    }
  }
}

class KnotServer implements Knot {
  readonly address: string;
  readonly #port: number;
  readonly #origin: string;
  readonly #directory: string;
  #process: ChildProcess | undefined;
  #output = '';

  constructor(options: KnotOptions, port: number) {
    this.#port = port;
    this.address = `127.0.0.1:${port}`;
    this.#origin = options.origin ?? 'cluster.local';
    this.#directory = mkdtempSync(join(tmpdir(), 'inmesh-knot-'));
    for (const folder of ['run', 'zones', 'db']) mkdirSync(join(this.#directory, folder));
    writeFileSync(join(this.#directory, 'knot.conf'), this.#configuration());
    const lines = typeof options.zone === 'string' ? options.zone : options.zone.join('\n');
    const zone = options.complete === true ? lines : [
      `$ORIGIN ${this.#origin}.`,
      `$TTL ${options.ttl ?? 5}`,
      '@ SOA ns.dns hostmaster 1 7200 1800 86400 5',
      '@ NS ns.dns',
      'ns.dns A 127.0.0.1',
      lines,
    ].join('\n');
    writeFileSync(join(this.#directory, 'zones', 'zone'), `${zone}\n`);
  }

  async update(lines: readonly string[]): Promise<void> {
    const script = [`server 127.0.0.1 ${this.#port}`, `zone ${this.#origin}.`, `origin ${this.#origin}.`, ...lines.map((line) => `update ${line}`), 'send', 'quit', ''].join('\n');
    const child = spawn(program('knsupdate'), [], { stdio: ['pipe', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stdin.end(script);
    const [code] = (await once(child, 'close')) as [number];
    if (code !== 0 || /error|warning|failed/i.test(output)) throw new Error(`knsupdate (${code}): ${output}`);
  }

  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    await ended;
  }

  async restart(): Promise<void> {
    await this.stop();
    const child = spawn(program('knotd'), ['-c', join(this.#directory, 'knot.conf')], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = child;
    child.stderr.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    const end = performance.now() + 10_000;
    while (!(await servesZone(this.#port, this.#origin))) {
      if (child.exitCode !== null || performance.now() > end) throw new Error(`knotd did not start: ${this.#output}`);
    }
  }

  suspend(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #configuration(): string {
    return `server:
    rundir: "${this.#directory}/run"
    listen: 127.0.0.1@${this.#port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "${this.#directory}/db"
log:
  - target: stderr
    any: warning
acl:
  - id: local
    address: 127.0.0.0/8
    action: update
zone:
  - domain: ${this.#origin}
    storage: "${this.#directory}/zones"
    file: zone
    acl: local
    zonefile-sync: -1
    journal-content: changes
`;
  }
}
