/**
 * `inmesh resolve` against real nameservers, as somebody would run it.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ResolveReport } from '../../src/cli/resolve/report.ts';
import { freePort } from '../support/free-port.ts';
import { inquire } from '../support/inquiry.ts';
import { startKnot } from '../support/knot.ts';
import type { Knot } from '../support/knot.ts';
import { needs } from '../support/needs.ts';
import { startScriptedDns } from '../support/scripted-dns.ts';
import { startBind } from '../support/static-dns.ts';
import { headless } from '../support/watched.ts';

const path = (relative: string): string => fileURLToPath(new URL(`../../${relative}`, import.meta.url));
const nameOf = (service: string): string => `_http._tcp.${service}.default.svc.cluster.local`;

async function inmesh(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [path('dist/cli/main.js'), ...args], { timeout: 15_000, maxBuffer: 1e8 })) };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

needs('knot').describe('inmesh resolve, asking Knot', () => {
  let knot: Knot;

  beforeAll(async () => {
    await promisify(execFile)(process.execPath, [path('scripts/build-if-stale.mjs')]);
    knot = await startKnot({
      zone: [...headless('reviews', 3), ...headless('many', 300), ...headless('crowd', 800), '_http._tcp.gone.default.svc SRV 0 0 0 .', 'reviews.default.svc A 10.1.0.1', 'reviews.default.svc A 10.1.0.2'],
    });
  }, 180_000);
  afterAll(() => knot.close());

  it('prints of 3 endpoints what the documentation shows', async () => {
    const { code, stdout, stderr } = await inmesh('resolve', nameOf('reviews'), '--server', knot.address);
    const written = readFileSync(path('docs/cli.md'), 'utf8');
    const shown = /^```text\n\$ inmesh resolve _http\._tcp\.reviews[^\n]*\n([^]*?)^```$/m.exec(written)?.[1];
    const neutral = (text: string): string => text.replace(/127\.0\.0\.1:\d+|10\.96\.0\.10:53/g, 'SERVER').replace(/[\d.]+ ms/g, 'N ms').replace(/\(.*resolv\.conf\)|\(--server\)/, '(ORIGIN)').replace(/ +/g, ' ').trim();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(neutral(stdout)).toBe(neutral(shown ?? 'not there'));
  });

  it('shows of 300 how UDP was cut and TCP was whole, and the first 20', async () => {
    const { code, stdout } = await inmesh('resolve', nameOf('many'), '--server', knot.address);
    expect(code).toBe(0);
    expect(stdout).toMatch(/UDP +127\.0\.0\.1:\d+ +[\d.]+ ms +\d+ B +NOERROR +TC +cut, not looked into: over TCP then\n +TCP .* B +NOERROR +300 SRV \+ 300 A additional, TTL 5 s\n/);
    expect(stdout).toContain('endpoints 300 (300 from glue)');
    expect(stdout.match(/^ {2}10\.1\.\d+\.\d+:9080 /gm)).toHaveLength(20);
    expect(stdout).toContain('… and 280 more (--all shows them)');
    const all = await inmesh('resolve', nameOf('many'), '--all', '--server', knot.address);
    expect(all.stdout.match(/^ {2}10\.1\.\d+\.\d+:9080 /gm)).toHaveLength(300);
    expect(all.stdout).not.toContain('… and');
  });

  it('tells of 800, as JSON, which addresses were in the answer and which were read off names', async () => {
    const { code, stdout } = await inmesh('resolve', nameOf('crowd'), '--json', '--server', knot.address);
    const report = JSON.parse(stdout) as ResolveReport;
    expect(code).toBe(0);
    expect(report).toMatchObject({ version: 1, name: nameOf('crowd'), mode: 'srv', outcome: 'found', error: null, client: { does: 'uses', complete: true, ttl: 5 } });
    expect(report.attempts).toMatchObject([{ transport: 'udp', truncated: true }, { transport: 'tcp', truncated: false, rcode: 'NOERROR', records: { answer: { SRV: 800 } } }]);
    expect(report.endpoints).toHaveLength(800);
    const glued = report.endpoints.filter((endpoint) => endpoint.from === 'glue').length;
    expect(report.attempts[1]!.records.additional['A']).toBe(glued);
    expect(report.endpoints.filter((endpoint) => endpoint.from === 'dashed name')).toHaveLength(800 - glued);
    expect(glued).toBeLessThan(800);

    const written = readFileSync(path('docs/cli.md'), 'utf8');
    const objects = [report, report.servers, report.attempts[0]!, report.endpoints[0]!, report.client, report.notes[0]!];
    expect(objects.flatMap((object) => Object.keys(object)).filter((key) => !/^(?:version|next)$/.test(key) && !written.includes(`\`${key}\``) && !written.includes(`\`${key}[]\``))).toEqual([]);
  });

  it('exits with 1 where there is nothing, and says why', async () => {
    const wrongPort = await inmesh('resolve', nameOf('reviews').replace('_http', '_web'), '--server', knot.address);
    expect(wrongPort).toMatchObject({ code: 1, stderr: '' });
    expect(wrongPort.stdout).toContain('NXDOMAIN');
    expect(wrongPort.stdout).toContain('inmesh resolve --type srv reviews.default.svc.cluster.local');
    const gone = await inquire([nameOf('gone'), '--server', knot.address]);
    expect(gone.report).toMatchObject({ outcome: 'empty', client: { does: 'believes-empty' }, dropped: [{ record: 'SRV 0 0 0 .' }] });
    const dead = await inmesh('resolve', nameOf('reviews'), '--server', `127.0.0.1:${await freePort()}`);
    expect(dead).toMatchObject({ code: 1, stderr: '' });
    expect(dead.stdout).toContain('ECONNREFUSED');
  });

  it('finds addresses of a plain name, without ports', async () => {
    const { report, notes } = await inquire(['reviews.default.svc.cluster.local', '--server', knot.address]);
    expect(report.endpoints.map(({ host, port, from }) => `${host} ${port} ${from}`).sort()).toEqual(['10.1.0.1 null answer', '10.1.0.2 null answer']);
    expect(notes).toEqual([]);
  });

  it('waits for a server that says nothing, as a client does, and shows each attempt', async () => {
    const silent = await startScriptedDns(() => undefined);
    try {
      const { report, page, notes } = await inquire([nameOf('reviews'), '--server', silent.address]);
      expect(report).toMatchObject({ outcome: 'failed', attempts: [{ outcome: 'unanswered' }, { outcome: 'unanswered' }, { outcome: 'unanswered' }] });
      expect(report.attempts.map(({ sentAt }) => Math.round(sentAt / 500))).toEqual([0, 1, 3]);
      expect(notes).toEqual(['server-silent']);
      expect(page).toContain('keeps the endpoints that it has, for 24 h');
    } finally {
      await silent.close();
    }
  });
});

needs('bind').describe('inmesh resolve, asking BIND', () => {
  it('says of 1,000 that even TCP cannot carry them, and looks up what has no glue', async () => {
    const bind = await startBind({
      'cluster.local': [
        '$TTL 5', '@ SOA ns.dns hostmaster 1 7200 1800 86400 5', '@ NS ns.dns', 'ns.dns A 127.0.0.1', ...headless('recommendations', 1000),
        ...Array.from({ length: 40 }, (_, index) => [`_http._tcp.named.default.svc SRV 0 1 80 web-${index}.named.default.svc`, `web-${index}.named.default.svc A 10.2.0.${index + 1}`]).flat(),
        '',
      ].join('\n'),
    });
    try {
      const cut = await inquire([nameOf('recommendations'), '--server', bind.address]);
      expect(cut.report).toMatchObject({ outcome: 'failed', attempts: [{ transport: 'udp', truncated: true }, { transport: 'tcp', truncated: true }], client: { does: 'keeps', complete: false } });
      expect(cut.notes).toEqual(['truncated-over-tcp']);
      expect(cut.page).toMatch(/TCP .* NOERROR +TC +cut even so/);

      const named = await inquire([nameOf('named'), '--server', bind.address]);
      expect(named.report.endpoints).toHaveLength(40);
      expect(new Set(named.report.endpoints.map((endpoint) => endpoint.from))).toEqual(new Set(['look-up']));
      expect(named.page).toContain('… and 31 more questions (--all shows them)');
    } finally {
      await bind.close();
    }
  });
});
