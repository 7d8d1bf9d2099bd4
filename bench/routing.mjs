/**
 * What it costs to find the route of a request.
 *
 *     npm run bench:routing [-- --rounds 20]
 *
 * Tables of 1, 10 and 200 routes: by path alone, by path, method and header, and 200 that differ in one header, which is the worst a table can
 * be asked. Requests walk through hits and misses. The tables take turns, so that whatever else the machine does falls on all. `B` is what a
 * look-up leaves on the heap.
 */
import { parseArgs } from 'node:util';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';

const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '20' } } });
const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds: ${options.rounds} (expected: a whole number from 1)`);
const lookUps = 20_000;

const root = fileURLToPath(new URL('..', import.meta.url));
await build({ config: false, entry: { routing: `${root}bench/routing-parts.ts` }, outDir: `${root}.cache/build`, format: ['esm'], target: 'node20', silent: true });
const { RouteTable } = await import('../.cache/build/routing.js');

const exactly = (value) => ({ kind: 'exact', value });
const match = (parts) => ({ path: undefined, method: undefined, headers: [], query: [], cookies: [], ...parts });
const routes = (count, one) => Array.from({ length: count }, (_, index) => ({ name: `route-${index}`, matches: [match(one(index))] }));

const path = (index) => ({ kind: index % 3 === 0 ? 'exact' : 'prefix', value: `/api/v${index % 4}/things-${index}` });
const byPath = (count) => routes(count, (index) => ({ path: path(index) }));
const byAll = (count) => routes(count, (index) => ({ path: path(index), method: index % 2 === 0 ? 'GET' : undefined, headers: [{ name: 'x-tenant', value: exactly('a') }] }));
const byHeader = (count) => routes(count, (index) => ({ headers: [{ name: 'x-tenant', value: exactly(`tenant-${index}`) }] }));

const headers = ['accept', '*/*', 'accept-language', '*', 'sec-fetch-mode', 'cors', 'user-agent', 'node', 'accept-encoding', 'gzip, deflate', 'x-tenant', 'a'];
const request = (target, more = {}) => ({ method: 'GET', path: target, headers, ...more });
const hits = (count) => Array.from({ length: 64 }, (_, index) => request(`/api/v${(index % count) % 4}/things-${index % count}${index % 2 === 0 ? '' : '/4711'}`));
const withQuery = (requests) => requests.map((each) => ({ ...each, path: `${each.path}?page=2&size=50` }));
const tenants = (count) => Array.from({ length: 64 }, (_, index) => request('/', { headers: [...headers.slice(0, 10), 'x-tenant', `tenant-${(index * 37) % count}`] }));

const cases = [
  { name: '1 route, no condition', table: routes(1, () => ({})), requests: hits(10) },
  { name: '10 routes by path', table: byPath(10), requests: hits(10) },
  { name: '10 routes by path, with a query', table: byPath(10), requests: withQuery(hits(10)) },
  { name: '10 routes by path, method and header', table: byAll(10), requests: hits(10) },
  { name: '200 routes by path', table: byPath(200), requests: hits(200) },
  { name: '200 routes by path, method and header', table: byAll(200), requests: hits(200) },
  { name: '200 routes by one header', table: byHeader(200), requests: tenants(200) },
].map((each) => ({ ...each, table: new RouteTable(each.table), nanoseconds: [], bytes: [] }));

let found = 0;
function lookUp({ table, requests }) {
  for (let index = 0; index < lookUps; index += 1) if (table.find(requests[index & 63]) !== undefined) found += 1;
}

for (let round = -5; round < rounds; round += 1) {
  for (const each of cases) {
    const heap = process.memoryUsage().heapUsed;
    const began = performance.now();
    lookUp(each);
    const took = performance.now() - began;
    const grown = process.memoryUsage().heapUsed - heap;
    if (round < 0) continue;
    each.nanoseconds.push((took * 1e6) / lookUps);
    if (grown >= 0) each.bytes.push(grown / lookUps);
  }
}
if (found === 0) throw new Error('no request found its route');

const sorted = (numbers) => [...numbers].sort((a, b) => a - b);
const median = (numbers) => sorted(numbers)[Math.floor(numbers.length / 2)];
console.log(`Node ${process.version}, ${rounds} rounds of ${lookUps} look-ups, taking turns; median (min–max)\n`);
console.log('| table | ns per look-up | B |');
console.log('|---|---:|---:|');
for (const { name, nanoseconds, bytes } of cases) {
  const all = sorted(nanoseconds);
  console.log(`| ${name} | ${Math.round(median(all))} (${Math.round(all[0])}–${Math.round(all.at(-1))}) | ${bytes.length === 0 ? '?' : median(bytes).toFixed(1)} |`);
}
