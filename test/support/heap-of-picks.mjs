/**
 * What a pick leaves on the heap, in bytes, for each of these kinds of balancer: node heap-of-picks.mjs <balancer.js> <type> …, with --expose-gc and room
 * for all of it in the young generation. The clock stands still at a whole number: what the system's says is a fraction of 16 bytes.
 *
 * Nobody is ejected, as a pick that is a trial is not one of many.
 *
 * `plain`: all are alike. `various`: weights, zones, reports, failures, tried ones and full ones. `newcomers`: the same, and some that have just come.
 */
const [parts, ...types] = process.argv.slice(2);
const { Cluster, defaultServicePolicy, noZones, systemRandom } = await import(parts);

const PICKS = 100_000;
const ROUNDS = 6;
const success = { kind: 'success' };
const failure = { kind: 'failure' };
let now = 1_000_000;
const clock = { now: () => now, wall: () => now, after: () => ({ cancel() {} }) };

function world(type, kind) {
  const various = kind !== 'plain';
  const zones = various ? { own: 'a', of: ({ host }) => (Number(host.split('.')[3]) % 3 === 0 ? 'b' : 'a') } : noZones;
  const knobs = { ...defaultServicePolicy, zones, subset: 'off', outlier: 'off', balancer: { ...defaultServicePolicy.balancer, type }, maxPerEndpoint: various ? 4 : 100 };
  const cluster = new Cluster({ service: 'test', identity: 'test', clock, random: systemRandom, knobs: () => knobs, emit() {}, retire() {}, refresh() {} });
  const resolve = (count) => cluster.reconcile({ endpoints: Array.from({ length: count }, (_, number) => ({ host: `10.0.0.${number}`, port: 80, weight: various ? 1 + (number % 3) : 1, priority: 0 })), complete: true, source: 'test' });
  const pick = () => cluster.pick({ tried: new Set(), hashKey: undefined });
  resolve(60);
  for (let time = 0; time < 3_000; time += 1) {
    now += 1;
    const node = pick();
    const ticket = node.begin();
    if (various && time % 3 === 0) node.reports({ at: now, utilisation: 0.1 + (time % 7) / 10, requestRate: 10 + (time % 90), failureRate: 0, inFlight: 5, connections: 3 }, 'success');
    ticket.settle(various && time % 20 === 0 ? failure : success, now - 5.5 - (time % 10));
    ticket.release();
  }
  if (kind === 'newcomers') {
    now += 20_000;
    resolve(70);
  }
  for (let held = various ? 150 : 60; held > 0; held -= 1) pick().begin();
  const requests = Array.from({ length: 1_024 }, (_, number) => ({
    tried: new Set(various && number % 4 === 0 ? [`10.0.0.${number % 60}:80`] : []),
    hashKey: type === 'hash' && number % 8 !== 0 ? `user-${number}` : undefined,
  }));
  return { name: `${type}, ${kind}`, cluster, requests };
}

function run({ cluster, requests }) {
  let nobody = 0;
  for (let time = 0; time < PICKS; time += 1) if (cluster.pick(requests[time & 1_023]) === undefined) nobody += 1;
  if (nobody > 0) throw new Error(`${nobody} picks found nobody`);
}

const worlds = types.flatMap((type) => ['plain', 'various', 'newcomers'].map((kind) => world(type, kind)));
for (let round = 0; round < ROUNDS; round += 1) for (const each of worlds) run(each);
const bytes = Object.fromEntries(
  worlds.map((each) => {
    let least = Infinity;
    for (let round = 0; round < ROUNDS; round += 1) {
      globalThis.gc();
      const before = process.memoryUsage().heapUsed;
      run(each);
      const left = (process.memoryUsage().heapUsed - before) / PICKS;
      // Less than nothing where the engine collected in between; then it says nothing.
      if (left >= 0) least = Math.min(least, left);
    }
    return [each.name, least];
  }),
);
console.log(JSON.stringify(bytes));
