/**
 * What a refresh of an SRV name costs, beside Node's own `dns.Resolver.resolveSrv`, and what each of them brings: ours endpoints with
 * addresses, resolveSrv names that somebody would still have to look up.
 *
 *     npm run bench:discovery [-- --rounds 50]
 *
 * Knot with 3, 300 and 800 endpoints, and BIND, which sends no addresses along, with 1,000; each on a loopback port of its own. The two take
 * turns, so that whatever else the machine does falls on both. `busy` is the time in which the event loop did not
 * sleep, and nothing else could run.
 */
import { Resolver } from 'node:dns/promises';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'tsup';

const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '50' } } });
const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds: ${options.rounds} (expected: a whole number from 1)`);
/** Connections are opened and code is compiled in these; they do not count. */
const warmUp = 30;

const root = fileURLToPath(new URL('..', import.meta.url));
await build({ config: false, entry: { discovery: `${root}bench/discovery-parts.ts` }, outDir: `${root}.cache/build`, format: ['esm'], target: 'node20', silent: true });
const { SrvSource, StubResolver, headless, startBind, startKnot, systemClock, systemRandom } = await import('../.cache/build/discovery.js');

const domain = 'cluster.local';
const name = `_http._tcp.reviews.default.svc.${domain}`;
const cases = [
  { server: 'Knot', endpoints: 3 }, { server: 'Knot', endpoints: 300 }, { server: 'Knot', endpoints: 800 }, { server: 'BIND', endpoints: 1000 },
];

function start({ server, endpoints }) {
  const records = headless('reviews', endpoints);
  if (server === 'Knot') return startKnot({ zone: records, origin: domain });
  const start = [`$ORIGIN ${domain}.`, '$TTL 5', '@ SOA ns.dns hostmaster 1 7200 1800 86400 5', '@ NS ns.dns', 'ns.dns A 127.0.0.1'];
  return startBind({ [domain]: `${[...start, ...records].join('\n')}\n` });
}

/** One refresh: how long, how long the loop was busy, and what came. */
async function measured(refresh) {
  const before = performance.eventLoopUtilization();
  const began = performance.now();
  const got = await refresh().catch((error) => error.code ?? error.message);
  const took = performance.now() - began;
  return { got: String(got), took, busy: performance.eventLoopUtilization(before).active };
}

function contenders(address) {
  const stub = new StubResolver({ clock: systemClock, random: systemRandom, nameservers: [address] });
  const source = new SrvSource(stub, name);
  const resolver = new Resolver({ timeout: 2000, tries: 1 });
  resolver.setServers([address]);
  return {
    close: () => stub.close(),
    refreshes: {
      inmesh: async () => {
        const { endpoints, complete } = await source.resolve();
        return `${endpoints.length} endpoints${complete ? '' : ', and says that there may be more'}`;
      },
      resolveSrv: async () => `${(await resolver.resolveSrv(name)).length} names`,
    },
  };
}

const sorted = (numbers) => [...numbers].sort((a, b) => a - b);
const spread = (numbers) => {
  const all = sorted(numbers);
  return `${all[Math.floor(all.length / 2)].toFixed(2)} (${all[0].toFixed(2)}–${all.at(-1).toFixed(2)})`;
};
/** Different things may come in different rounds. */
const counted = (texts) => [...new Set(texts)].map((text) => (texts.every((each) => each === text) ? text : `${text} (${texts.filter((each) => each === text).length} times)`)).join(', ');

async function run(each) {
  const server = await start(each);
  const { refreshes, close } = contenders(server.address);
  try {
    const results = Object.fromEntries(Object.keys(refreshes).map((contender) => [contender, []]));
    for (let round = -warmUp; round < rounds; round += 1) {
      for (const [contender, refresh] of Object.entries(refreshes)) {
        const result = await measured(refresh);
        if (round >= 0) results[contender].push(result);
      }
    }
    for (const [contender, all] of Object.entries(results)) {
      const of = (key) => all.map((result) => result[key]);
      console.log(`| ${each.server} | ${each.endpoints} | ${contender} | ${counted(of('got'))} | ${spread(of('took'))} | ${spread(of('busy'))} |`);
    }
  } finally {
    close();
    await server.close();
  }
}

console.log(`Node ${process.version}, ${rounds} refreshes each, taking turns; median (min–max)\n`);
console.log('| server | endpoints | | brought | ms | busy ms |');
console.log('|---|---:|---|---|---:|---:|');
try {
  for (const each of cases) await run(each);
} catch (error) {
  console.error(`\nbench:discovery: ${error.message}`);
  process.exitCode = 1;
}
