/**
 * The examples do what they say, and the demo's name server answers as CoreDNS does, to Node's own resolver and on the wire.
 */
import { type ChildProcess, execFile, fork, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import dnsPacket from 'dns-packet';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from './support/eventually.ts';

const path = (relative: string): string => fileURLToPath(new URL(`../${relative}`, import.meta.url));

describe('the examples', () => {
  // They import the package by its name, as it is built.
  beforeAll(() => promisify(execFile)(process.execPath, [path('scripts/build-if-stale.mjs')]), 300_000);

  it.each([
    ['quick-start', ['200 hello from greeter', 'answered by first and second']],
    ['undici-request', ['8 of 8 orders placed, some at the second attempt']],
    ...['express', 'fastify', 'koa', 'hono', 'nest'].map((framework): [string, string[]] => [`server-${framework}`, ['front had what the caller gave', 'back had what front left of it', 'both are drained']]),
    ['any-dispatcher', ['fetch of Node reached catalog', 'fetch of undici reached catalog', 'request of undici reached catalog']],
  ])('%s prints what it should, and ends', async (name, lines) => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [path(`examples/${name}.mjs`)], { timeout: 10_000 });
    expect(stdout.trimEnd().split('\n')).toEqual(lines);
    expect(stderr).toBe('');
  });

  it.each(['quick-start', 'undici-request', 'any-dispatcher', 'server-express', 'server-fastify', 'server-koa', 'server-hono'])('%s is short enough to be read at a glance', (name) => {
    expect(readFileSync(path(`examples/${name}.mjs`), 'utf8').split('\n').length).toBeLessThan(40);
  });
});

describe('the name server of the demo', () => {
  const reviews = 'reviews.default.svc.cluster.local';
  const srvName = `_http._tcp.${reviews}`;
  let server: ChildProcess;
  let port: number;
  let resolver: Resolver;

  beforeEach(async () => {
    server = fork(path('examples/demo/dns-server.mjs'), { execArgv: [] });
    port = (await told({ type: 'start', host: '127.0.0.1', port: 0, services: [service(3)] })).port;
    resolver = new Resolver({ timeout: 1000, tries: 2 });
    resolver.setServers([`127.0.0.1:${port}`]);
  });
  afterEach(() => server.kill('SIGKILL'));

  it('gives one SRV record per endpoint, all of the weight ⌊100/N⌋', async () => {
    const records = await resolver.resolveSrv(srvName);
    expect(records.map(({ name, port, priority, weight }) => ({ name, port, priority, weight }))).toEqual(
      [1, 2, 3].map((n) => ({ name: `127-0-81-${n}.${reviews}`, port: 19080, priority: 0, weight: 33 })),
    );
  });

  it('gives the addresses of a service, and of each target', async () => {
    const addresses = await resolver.resolve4(reviews, { ttl: true });
    expect(addresses.sort((a, b) => (a.address < b.address ? -1 : 1))).toEqual([1, 2, 3].map((n) => ({ address: `127.0.81.${n}`, ttl: 5 })));
    expect(await resolver.resolve4(`127-0-81-2.${reviews}`)).toEqual(['127.0.81.2']);
  });

  it('knows neither a service that never was nor one without endpoints, and has no AAAA', async () => {
    await expect(resolver.resolveSrv('_http._tcp.orders.default.svc.cluster.local')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(resolver.resolve6(reviews)).rejects.toMatchObject({ code: 'ENODATA' });
    await told({ type: 'services', services: [service(0)] });
    await expect(resolver.resolve4(reviews)).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  it('answers with what it was last told', async () => {
    await told({ type: 'services', services: [service(5)] });
    expect(await resolver.resolve4(reviews)).toHaveLength(5);
    await told({ type: 'services', services: [service(1)] });
    expect(await resolver.resolve4(reviews)).toEqual(['127.0.81.1']);
  });

  it('gives all of a long answer over TCP', async () => {
    await told({ type: 'services', services: [service(60)] });
    expect(await resolver.resolveSrv(srvName)).toHaveLength(60);
  });

  it('brings glue where there is room, drops glue before answers, and says when it cut something off', async () => {
    const whole = await overUdp('SRV', srvName, 1232);
    expect(whole.flag_tc).toBe(false);
    expect(whole.flag_aa).toBe(true);
    expect(whole.additionals?.filter(({ type }) => type === 'A')).toHaveLength(3);

    await told({ type: 'services', services: [service(9)] });
    const withoutGlue = await overUdp('SRV', srvName, 1232);
    expect(withoutGlue.flag_tc).toBe(true);
    expect(withoutGlue.answers).toHaveLength(9);
    expect(withoutGlue.additionals?.filter(({ type }) => type === 'A').length).toBeLessThan(9);

    const small = await overUdp('SRV', srvName, undefined);
    expect(small.flag_tc).toBe(true);
    expect(small.answers?.length).toBeLessThan(9);
    expect(small.additionals).toEqual([]);
  });

  it('brings the SOA with every "no"', async () => {
    for (const [type, name, rcode] of [['A', 'orders.default.svc.cluster.local', 'NXDOMAIN'], ['AAAA', reviews, 'NOERROR']] as const) {
      const answer = await overUdp(type, name, 1232);
      expect((answer as unknown as { rcode: string }).rcode).toBe(rcode);
      expect(answer.answers).toEqual([]);
      expect(answer.authorities).toMatchObject([{ type: 'SOA', name: 'cluster.local', ttl: 5, data: { minimum: 5 } }]);
    }
  });

  it('answers a broken query with FORMERR, and noise not at all', async () => {
    const socket = createSocket('udp4');
    const answered = once(socket, 'message');
    const header = '\0\x07\0\0\0\x01\0\0\0\0\0\0';
    for (const bytes of ['', 'x', '\0\x08\x80\0\0\0\0\0\0\0\0\0', `${header}\xc0`]) socket.send(Buffer.from(bytes, 'latin1'), port, '127.0.0.1');
    const [answer] = (await answered) as [Buffer];
    expect(dnsPacket.decode(answer)).toMatchObject({ id: 7, rcode: 'FORMERR' });
    expect(await resolver.resolve4(reviews)).toHaveLength(3);
    socket.close();
  });

  it('can be killed, and started again on the same port', async () => {
    server.kill('SIGKILL');
    await once(server, 'exit');
    await expect(resolver.resolve4(reviews)).rejects.toMatchObject({ code: expect.stringMatching(/ECONNREFUSED|ETIMEOUT/) });
    server = fork(path('examples/demo/dns-server.mjs'), { execArgv: [] });
    await told({ type: 'start', host: '127.0.0.1', port, services: [service(2)] });
    expect(await resolver.resolve4(reviews)).toHaveLength(2);
  });

  function service(endpoints: number) {
    const addresses = Array.from({ length: endpoints }, (_, i) => `127.0.81.${i + 1}`);
    return { name: 'reviews', namespace: 'default', port: 19080, addresses };
  }

  async function told(order: object): Promise<{ type: string; port: number }> {
    const wanted = 'host' in order ? 'ready' : 'updated';
    server.send(order);
    for (;;) {
      const [message] = (await once(server, 'message')) as [{ type: string; port: number }];
      if (message.type === wanted) return message;
    }
  }

  async function overUdp(type: 'A' | 'AAAA' | 'SRV', name: string, edns: number | undefined): Promise<dnsPacket.DecodedPacket> {
    const socket = createSocket('udp4');
    const opt = { type: 'OPT', name: '.', udpPayloadSize: edns, flags: 0, options: [] } as unknown as dnsPacket.Answer;
    const query = dnsPacket.encode({ type: 'query', id: 7, questions: [{ type, name }], additionals: edns === undefined ? [] : [opt] });
    const answered = once(socket, 'message');
    socket.send(query, port, '127.0.0.1');
    const [message] = (await answered) as [Buffer];
    socket.close();
    expect(message.length).toBeLessThanOrEqual(edns ?? 512);
    return dnsPacket.decode(message);
  }
});

describe('the demo', () => {
  it('says in one line that a port is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const { code, stderr } = await run(['--port', String(port - 1)]);
    expect(code).toBe(2);
    expect(stderr).toBe(`the demo cannot start: dns: 127.0.0.1:${port} is taken by another process; choose another port with --port\n`);
    taken.close();
  });

  it.each([
    [['--rate', 'many'], '--rate: many'],
    [['--port', '70000'], '--port: 70000'],
    [['--quick'], '--quick'],
    [['canari'], 'canari (expected: canary, or nothing)'],
  ])('refuses %j', async (args, problem) => {
    const { code, stderr } = await run(args);
    expect(code).toBe(2);
    expect(stderr).toContain(problem);
    expect(stderr).toContain('usage:');
    expect(stderr).not.toContain(' at ');
  });

  it.each([
    ['SIGINT', 130],
    ['SIGKILL', null],
  ] as const)('leaves no process behind after %s', async (signal, expected) => {
    const demo = spawn(process.execPath, [path('examples/demo/main.mjs'), '--port', '27080'], { stdio: 'ignore' });
    const children = await eventually(
      () => readFileSync(`/proc/${demo.pid}/task/${demo.pid}/children`, 'utf8').trim().split(' ').filter(Boolean),
      (pids) => pids.length >= 2,
    );
    const ended = once(demo, 'exit');
    demo.kill(signal);
    expect((await ended)[0]).toBe(expected);
    await eventually(() => children.every((pid) => !alive(pid)));
  });

  it('moves reviews from v1 to v2 as the schedule says, and rolls a bad v2 back', async () => {
    const { stdout } = await promisify(execFile)('npm', ['run', '--silent', 'demo', '--', 'canary', '--fast', '--port', '25080'], { cwd: path('.') });
    const findings = stdout.trimEnd().split('\n').slice(-11, -2);
    const expected = [
      /calls without a user: off by 0\.\d calls at most/,
      /users: off by [0-4]\.\d standard deviations at most/,
      /\d+ of 100 users seen moving from v1 to v2, 0 more than once, back or not at all/,
      /jason: \d+ calls on v2, 0 on v1/,
      /0 of \d+ calls failed/,
      /v2 rolled back \d\.\d s after it began to fail, at step 2, when \d+ % of \d+ attempts succeeded/,
      /after that, v1 answered (\d+) of \1 calls; before it, \d+ failed/,
      /\d+ users came back to v1, 0 of them before the rollback/,
      /jason: 0 of \d+ calls on v1/,
    ];
    expect(findings).toEqual(expected.map((line) => expect.stringMatching(new RegExp(`^  ok     ${line.source}`))));
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('  The canary went as its schedule says, and the bad one was rolled back.');
  }, 90_000);

  /** A zombie is dead: whoever inherited it has only not looked yet. */
  function alive(pid: string): boolean {
    return existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  }

  async function run(args: string[]): Promise<{ code: number; stderr: string }> {
    const demo = spawn(process.execPath, [path('examples/demo/main.mjs'), ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    demo.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const [code] = (await once(demo, 'close')) as [number];
    return { code, stderr };
  }
});
