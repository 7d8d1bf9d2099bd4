import { afterEach, describe, expect, it } from 'vitest';
import { graph, graphArguments } from '../../../src/cli/commands/graph.ts';
import { top, topArguments } from '../../../src/cli/commands/top.ts';
import { startServer, startTcp } from '../../support/http-server.ts';
import { ran } from '../../support/terminal.ts';
import { snapshotText, type Called } from '../graph/processes.ts';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0)) await close();
});

/** `127.0.0.1:PORT` of one that says this. */
async function saying(text: string, status = 200): Promise<string> {
  const server = await startServer((request, response) => void response.writeHead(request.url === '/snapshot.json' ? status : 404).end(text));
  cleanup.push(() => server.close());
  return `127.0.0.1:${server.port}`;
}

const processOf = (service: string, called: readonly Called[]): Promise<string> => saying(snapshotText(service, called));

async function shop(): Promise<string[]> {
  return [
    await processOf('productpage', [{ name: 'reviews', good: 30, takes: 20 }, { name: 'details', good: 10 }]),
    await processOf('productpage', [{ name: 'reviews', good: 8, bad: 2, takes: 40, states: ['available', 'ejected', 'available'] }]),
    await processOf('reviews', [{ name: 'ratings', good: 5, circuit: 'open' }]),
  ];
}

const from = (addresses: readonly string[]): string[] => addresses.flatMap((address) => ['--from', address]);

describe('inmesh graph', () => {
  it('puts the processes together: rates are sums, success is weighted, p99 the highest', async () => {
    const { code, out } = await ran(graph, [...from(await shop()), '--json']);
    expect(code).toBe(0);
    const { nodes, edges, failed } = JSON.parse(out);
    expect(nodes).toEqual([{ name: 'details', processes: 0 }, { name: 'productpage', processes: 2 }, { name: 'ratings', processes: 0 }, { name: 'reviews', processes: 1 }]);
    expect(edges).toMatchObject([
      { from: 'productpage', to: 'details', processes: 1, rate: 10, success: 1, out: [] },
      { from: 'productpage', to: 'reviews', processes: 2, rate: 40, success: 0.95, endpoints: 3, open: 0, out: [{ endpoint: '10.0.0.2:80', state: 'ejected', processes: 1 }] },
      { from: 'reviews', to: 'ratings', rate: 5, open: 1 },
    ]);
    expect(edges[1].p99 / 40).toBeCloseTo(1, 1);
    expect(edges[1].p50 / 25).toBeCloseTo(1, 1);
    expect(failed).toEqual([]);
  });

  it('is a table on a terminal, with what is out of use below', async () => {
    const { out } = await ran(graph, from(await shop()));
    expect(out).toMatch(/^3 processes\n\n {2}FROM +TO +CALLS\/S +SUCCESS/);
    expect(out).toMatch(/\n {2}productpage {2}reviews +40\.0 +95\.00 % +\d+\.\d ms +\d+\.\d ms +0 +2 of 3 +2 {2}closed\n/);
    expect(out).toMatch(/\n {2}reviews +ratings .* open\n/);
    expect(out).toMatch(/Out of use\n {2}reviews {2}10\.0\.0\.2:80 {2}ejected {2}for 1 of 2 {2}success rate 0 %/);
  });

  it('names those that do not answer, whatever they do instead, and waits for none longer than it was told', async () => {
    const silent = await startTcp(() => {});
    cleanup.push(() => silent.close());
    const endless = await startServer((_, response) => {
      response.writeHead(200);
      const more = setInterval(() => response.write(Buffer.alloc(1 << 20, 120)), 1);
      response.on('close', () => clearInterval(more));
    });
    cleanup.push(() => endless.close());
    const moved = await startServer((_, response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end());
    cleanup.push(() => moved.close());
    const others = [`127.0.0.1:${silent.port}`, '127.0.0.1:1', await saying('{}'), await saying('<html>'), await saying('', 403), `127.0.0.1:${moved.port}`, `127.0.0.1:${endless.port}`];
    const begun = performance.now();
    const { code, out, complaints } = await ran(graph, [...from([(await shop())[0]!, ...others]), '--timeout', '1s', '--json']);
    expect(performance.now() - begun).toBeLessThan(10_000);
    expect(code).toBe(1);
    const { edges, failed } = JSON.parse(out);
    expect(edges).toHaveLength(2);
    const reasons = failed.map(({ error }: { error: string }) => error);
    expect(reasons.slice(0, 5)).toEqual(['no answer within 1000 ms', expect.stringMatching(/ECONNREFUSED|bad port/), expect.stringContaining('no snapshot of this form'), 'what it answers is no JSON', 'it answers with status 403']);
    expect(reasons[5]).toMatch(/redirect/);
    expect(reasons[6]).toMatch(/more than 32 MiB|no answer within/);
    expect(complaints.split('\n')).toHaveLength(8);
  }, 30_000);

  it('believes nothing of what it is told but what it understands', async () => {
    const nonsense = { format: 'inmesh/snapshot@1', service: 7, instance: null, policy: [], services: [null, 3, { name: {}, traffic: { rate: 'much', success: null, p50: Infinity }, endpoints: 'none', versions: [{ endpoints: [null, { state: 'ejected' }] }], circuit: 9 }] };
    const { code, out } = await ran(graph, [...from([await saying(JSON.stringify(nonsense))]), '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out).edges).toEqual([{ from: '?', to: '?', processes: 3, rate: 0, inFlight: 0, open: 0, endpoints: 2, out: [{ endpoint: '?', state: 'ejected', why: '', processes: 1 }] }]);
  });

  const hostile = '"]; <script>alert(1)</script> \u001b[31m\n-->|x| %% & \\';

  it('lets no name out of its quotes, in any format', async () => {
    const at = await processOf('shop', [{ name: hostile, good: 1 }]);
    const text = async (format: string) => (await ran(graph, ['--from', at, '--format', format])).out;
    for (const format of ['table', 'mermaid', 'dot', 'json', 'html']) expect((await text(format)).replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    expect(await text('html')).not.toContain('<script>');
    expect((await text('mermaid')).split('\n')[1]).toMatch(/^ {2}n0\["(?:[A-Za-z0-9 .,:/%_-]|#\d+;)*"\]$/);
    expect((await text('dot')).split('\n')[4]).toMatch(/^ {2}"(?:[^"\\]|\\.)*" \[label="(?:[^"\\]|\\.)*"\];$/);
  });

  it('is Mermaid and DOT as those are written', async () => {
    const addresses = await shop();
    expect((await ran(graph, [...from(addresses), '--format', 'mermaid'])).out).toMatch(new RegExp(`^flowchart LR
  n0\\["details"\\]
  n1\\["productpage #215;2"\\]
  n2\\["ratings"\\]
  n3\\["reviews"\\]
  n1 -->\\|"10\\.0/s, 100 %, p99 [\\d.]+ ms"\\| n0
  n1 -->\\|"40\\.0/s, 95\\.00 %, p99 [\\d.]+ ms"\\| n3
  n3 -->\\|"5\\.00/s, 100 %, p99 [\\d.]+ ms, circuit open"\\| n2
  linkStyle 0 stroke:#16743a,stroke-width:2\\.6px
  linkStyle 1 stroke:#b26b00,`));
    expect((await ran(graph, [...from(addresses), '--format', 'dot'])).out).toMatch(/^digraph inmesh \{\n[^]*"productpage" -> "reviews" \[label="40\.0\/s, 95\.00 %, [^"]*", color="#b26b00", penwidth=3\.4\];\n[^]*\}\n$/);
  });

  it('is one HTML file that loads and runs nothing', async () => {
    const { out } = await ran(graph, [...from(await shop()), '--format', 'html']);
    expect(out).toMatch(/<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-[^']+'">/);
    expect(out).not.toMatch(/<script|src=|href=| style="/);
    expect(out.match(/<path /g)).toHaveLength(3);
    expect(out.match(/<rect /g)).toHaveLength(4);
    // Callers stand to the left of whom they call.
    const x = (name: string): number => Number(new RegExp(`translate\\((\\d+) [\\d.]+\\)"><rect[^>]*/><text[^>]*>${name}`).exec(out)?.[1]);
    expect(x('productpage')).toBeLessThan(x('reviews'));
    expect(x('reviews')).toBeLessThan(x('ratings'));
  });

  it('draws circles, too', async () => {
    const circle = [await processOf('a', [{ name: 'b', good: 1 }, { name: 'a', good: 1 }]), await processOf('b', [{ name: 'c', good: 1 }]), await processOf('c', [{ name: 'a', good: 1 }])];
    const { code, out } = await ran(graph, [...from(circle), '--format', 'html']);
    expect([code, out.match(/<path /g)?.length]).toEqual([0, 4]);
  });

  it.each([
    [['--format', 'png'], '--format: png (expected: table, mermaid, dot, json, html)'],
    [['10.0.0.1:9900'], '10.0.0.1:9900: processes are named with --from URL or --from-srv NAME'],
    [['--from', 'http://'], '--from: http:// (expected: a URL, or HOST:PORT)'],
    [['--timeout', 'soon'], '--timeout: soon (expected: a duration of up to 10m, such as 500ms or 2s)'],
    [['--from-srv', 'a..b'], /^--from-srv: name/],
    [['--server', 'dns'], /^--server: dns/],
  ])('%j is refused', (args, expected) => {
    expect(() => graphArguments(args)).toThrow(expected);
  });

  it('asks the page of this machine where nobody says otherwise, and takes an address in any form', () => {
    expect(graphArguments([]).sources.urls).toEqual(['http://127.0.0.1:9900/snapshot.json']);
    expect(graphArguments(['-f', '10.0.0.7:9900', '-f', 'https://ops.shop/mesh', '-f', 'http://a/mesh/snapshot.json']).sources.urls).toEqual(['http://10.0.0.7:9900/snapshot.json', 'https://ops.shop/mesh/snapshot.json', 'http://a/mesh/snapshot.json']);
  });
});

describe('inmesh top', () => {
  it('is one table in a pipe', async () => {
    const { code, out } = await ran(top, from(await shop()));
    expect([code, out.match(/CALLS\/S/g)?.length, out.includes('\x1b')]).toEqual([0, 1, false]);
  });

  it('writes over itself on a terminal, no more lines than that has', async () => {
    let written: string[] = [];
    const terminal = { write: (text: string) => void written.push(text), complain: () => {}, colours: false, rows: 6 };
    expect(await top.run([...from(await shop()), '--interval', '100ms', '--count', '3'], terminal)).toBe(0);
    expect(written).toHaveLength(3);
    for (const frame of written) {
      expect(frame.startsWith('\x1b[H')).toBe(true);
      expect(frame.match(/\n/g)!.length).toBeLessThan(6);
      expect(frame).toMatch(/… \d+ more lines/);
    }
    written = [];
    await top.run([...from(await shop()), '--count', '1'], { ...terminal, rows: 50 });
    expect(written[0]).toContain('Out of use');
  });

  it('ends with Ctrl-C while it waits', async () => {
    const done = top.run([...from(await shop()), '--interval', '1h'], { write: () => void setImmediate(() => process.emit('SIGINT')), complain: () => {}, colours: false, rows: 20 });
    expect(await done).toBe(0);
  });

  it.each([[['--interval', '1ms'], /^--interval: 1ms/], [['--count', '0'], /^--count: 0/]])('%j is refused', (args, expected) => {
    expect(() => topArguments(args)).toThrow(expected);
  });
});
