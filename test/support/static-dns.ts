/**
 * BIND and dnsmasq, each on a loopback port of its own, serving what they are given and nothing else: for what Knot does not do. BIND
 * leaves glue out beyond 13 targets and truncates over TCP; dnsmasq says NXDOMAIN without a SOA.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { servesZone } from './dns-ready.ts';
import { freePort } from './free-port.ts';
import { program } from './needs.ts';

export interface StaticDns {
  /** `ip:port` */
  readonly address: string;
  close(): Promise<void>;
}

/** Zones by origin, each a whole zone file. */
export async function startBind(zones: Readonly<Record<string, string>>): Promise<StaticDns> {
  return started('named', Object.keys(zones)[0]!, 'SOA', (directory, port) => {
    const clauses = Object.entries(zones).map(([origin, text]) => {
      writeFileSync(join(directory, `${origin}.zone`), text);
      return `zone "${origin}" { type primary; file "${origin}.zone"; };`;
    });
    const configuration = `options {
  directory "${directory}"; listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; }; pid-file none; session-keyfile "${directory}/session.key";
  recursion no; dnssec-validation no; minimal-responses no; max-records-per-type 0; notify no; allow-transfer { none; }; empty-zones-enable no;
};
controls { };
${clauses.join('\n')}
`;
    writeFileSync(join(directory, 'named.conf'), configuration);
    return ['-g', '-c', join(directory, 'named.conf'), '-n', '1'];
  });
}

/** `records` are dnsmasq's own options: `host-record=a.cluster.local,10.0.0.1`. One `host-record` must be for `ready.cluster.local`. */
export async function startDnsmasq(records: readonly string[]): Promise<StaticDns> {
  return started('dnsmasq', 'ready.cluster.local', 'A', (directory, port) => {
    writeFileSync(join(directory, 'dnsmasq.conf'), [
      `port=${port}`, 'listen-address=127.0.0.1', 'bind-interfaces', 'no-resolv', 'no-hosts', 'local=/cluster.local/', `pid-file=${directory}/pid`, 'user=root', ...records, '',
    ].join('\n'));
    return ['--keep-in-foreground', `--conf-file=${join(directory, 'dnsmasq.conf')}`];
  });
}

async function started(name: string, ready: string, type: 'SOA' | 'A', prepare: (directory: string, port: number) => string[]): Promise<StaticDns> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const directory = mkdtempSync(join(tmpdir(), `inmesh-${name}-`));
    const child = spawn(program(name), prepare(directory, port), { stdio: ['ignore', 'ignore', 'pipe'] });
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4000)));
    const close = async (): Promise<void> => {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        await ended;
      }
      rmSync(directory, { recursive: true, force: true });
    };
    const end = performance.now() + 20_000;
    while (child.exitCode === null && performance.now() < end) {
      if (await servesZone(port, ready, type)) return { address: `127.0.0.1:${port}`, close };
    }
    await close();
    if (attempt === 3) throw new Error(`${name} did not start: ${output}`);
  }
}
