/** What is measured: each section takes a running harness and settings, and resolves with plain data for goals, tables and the JSON. */
import { allocating } from './harness/processes.mjs';
import { spread } from './harness/numbers.mjs';

export const yardstickName = 'undici-request';

/** Contender → what it is called in tables. */
export const contenders = {
  'undici-dispatch': 'undici `dispatch`, handler by hand',
  'mesh-dispatch': '**`mesh.dispatcher.dispatch`**',
  'mesh-request': '**`mesh.request`**',
  'mesh-request-sampled': '**`mesh.request`**, metrics, 1 % of traces',
  'mesh-request-traced': '**`mesh.request`**, every call traced',
  'mesh-request-instrumented': '**`mesh.request`**, metrics, 1 %, instrumentation-undici beside',
  'mesh-fetch': '**`mesh.fetch`**',
  fetch: 'built-in `fetch`',
  'undici-opossum': 'yardstick + opossum',
  'undici-cockatiel': 'yardstick + cockatiel (retry, breaker, timeout, bulkhead)',
  'undici-retry-dns': 'undici Agent + retry + dns interceptors',
  'undici-instrumented-1': 'yardstick + instrumentation-undici, metrics, 1 %',
  'undici-instrumented-100': 'yardstick + instrumentation-undici, metrics, every request',
  'undici-nginx': 'undici → nginx on the same core',
  'undici-haproxy': 'undici → haproxy on the same core',
  'node-http': 'node:http, keep-alive agent',
  grpc: '@grpc/grpc-js, round_robin, retry, deadline',
  axios: 'axios',
  got: 'got',
  ky: 'ky',
};
export const yardstickLabel = '**undici `request()`, Pool per endpoint, round robin by hand: the yardstick**';
export const labelOf = (name) => (name === yardstickName ? yardstickLabel : contenders[name]);

/** Those that the closest goals are about. */
export const core = ['undici-dispatch', 'mesh-dispatch', 'mesh-request', 'mesh-request-sampled', 'mesh-request-traced', 'mesh-fetch', 'fetch'];

/** Contenders that are running; those that cannot be started are left out, and `processes.missing` says why. */
async function started(processes, names, options) {
  const running = [];
  for (const name of names) {
    const contender = await processes.contender(name, options);
    if (contender !== undefined) running.push(contender);
  }
  return running;
}

async function withContenders(processes, names, options, work) {
  const running = await started(processes, names, options);
  try {
    return await work(running);
  } finally {
    await Promise.all(running.map(({ stop }) => stop()));
  }
}

/**
 * Runs a contender until its code is compiled and its connections are there: compiling is CPU of this process too, and lasts for tens of thousands of calls. Measured
 * after 1.5 s, the larger code was charged twice what it costs a second later.
 */
async function warmUp(contender, inFlight, enough = 40_000) {
  let calls = 0;
  for (let round = 0; round < 12 && calls < enough; round += 1) {
    const { rate } = await contender.run({ round: 'closed', inFlight, milliseconds: 500 });
    calls += rate / 2;
  }
}

const column = (rows, key) => rows.map((row) => row[key]);
const summary = ({ results, ratios }, keys) => Object.fromEntries(keys.map((key) => [key, { ...spread(column(results, key)), ratios: column(ratios, key) }]));
const summaries = (table, keys) => Object.fromEntries([...table].map(([name, measured]) => [name, summary(measured, keys)]));

/** CPU per request and requests per second. `plan`: a list of { inFlight, names, rounds }. */
export async function inFlight({ processes, interleaved }, plan, { milliseconds, warmUpCalls }) {
  const names = [yardstickName, ...new Set(plan.flatMap(({ names: each }) => each))];
  return withContenders(processes, names, {}, async (running) => {
    const byName = new Map(running.map((each) => [each.name, each]));
    for (const contender of running) await warmUp(contender, 32, warmUpCalls);
    const measured = {};
    for (const { inFlight: level, names: wanted, rounds } of plan) {
      const round = { round: 'closed', inFlight: level, milliseconds };
      const present = wanted.flatMap((name) => byName.get(name) ?? []);
      const table = await interleaved.run({ yardstick: byName.get(yardstickName), contenders: present, rounds, round, warmUp: { ...round, milliseconds: 100 } });
      measured[level] = summaries(table, ['cpu', 'rate']);
    }
    return measured;
  });
}

/** Latencies where requests come at a fixed rate. `uneven`: one of the four endpoints is twenty times slower. */
export function openLoop({ processes, interleaved }, { names, rounds, rate, milliseconds, uneven = false }) {
  const servers = uneven ? { small: processes.servers.uneven } : {};
  return withContenders(processes, [yardstickName, ...names], { servers }, async ([yardstick, ...others]) => {
    const round = { round: 'open', rate, milliseconds };
    for (const contender of [yardstick, ...others]) await warmUp(contender, 16);
    const table = await interleaved.run({ yardstick, contenders: others, rounds, round });
    return { rate, ...summaries(table, ['p50', 'p99', 'p999']) };
  });
}

/** Bytes per call, each contender in a new process. */
export async function allocation({ processes }, { names, rounds, calls }) {
  const bytes = {};
  for (const name of [yardstickName, ...names]) {
    const results = [];
    for (let round = 0; round < rounds; round += 1) {
      await withContenders(processes, [name], { flags: allocating }, async ([contender]) => {
        if (contender !== undefined) results.push((await contender.run({ round: 'allocation', calls })).bytes);
      });
    }
    if (results.length > 0) bytes[name] = spread(results);
  }
  return bytes;
}

/** A call in a large mesh beside one in a small one. */
export function scale({ processes, interleaved }, { rounds, milliseconds }) {
  return withContenders(processes, ['mesh-request-small', 'mesh-request-large'], {}, async ([small, large]) => {
    const round = { round: 'closed', inFlight: 32, milliseconds };
    for (const contender of [small, large]) await warmUp(contender, 32);
    return summaries(await interleaved.run({ yardstick: small, contenders: [large], rounds, round, warmUp: { ...round, milliseconds: 100 } }), ['cpu', 'rate']);
  });
}

/** Megabytes over a bare process. */
export async function idleMemory({ processes }, { rounds }) {
  const over = { imported: [], 500: [], heap: [], young: [] };
  for (let round = 0; round < rounds; round += 1) {
    const of = (what) => processes.script('scripts/idle-memory.mjs', [what, JSON.stringify(processes.servers.everywhere)], ['--expose-gc']);
    const [bare, imported, many] = [await of('bare'), await of('imported'), await of('500')];
    over.imported.push(imported.rss - bare.rss);
    over[500].push(many.rss - bare.rss);
    over.heap.push(many.heap - imported.heap);
    over.young.push(many.young - bare.young);
  }
  return { imported: spread(over.imported), services: spread(over[500]), heap: spread(over.heap), young: spread(over.young) };
}

/** Milliseconds of CPU. `policy`: the file that a client is made of. */
export async function startUp({ processes }, { rounds, policy }) {
  const took = { undici: [], inmesh: [], beyond: [], none: [], file: [] };
  for (let round = 0; round < rounds; round += 1) {
    const of = async (what) => (await processes.script('scripts/start-up.mjs', [what, policy])).milliseconds;
    for (const what of ['undici', 'inmesh', 'none', 'file']) took[what].push(await of(what));
    took.beyond.push(took.inmesh.at(-1) - took.undici.at(-1));
  }
  return Object.fromEntries(Object.entries(took).map(([what, milliseconds]) => [what, spread(milliseconds)]));
}

/** Megabytes per second, and by how many the process grew. */
export async function streams({ processes }, { rounds, bytes }) {
  const measured = {};
  for (const direction of ['download', 'upload', 'uploadStream']) {
    const rows = { undici: [], mesh: [], ratio: [], grown: [], grownUndici: [] };
    for (let round = 0; round < rounds; round += 1) {
      const of = (client) => processes.script('scripts/stream.mjs', [client, direction, bytes, processes.servers.streams], ['--expose-gc']);
      const [before, mesh, after] = [await of('undici'), await of('mesh'), await of('undici')];
      rows.undici.push(before.rate, after.rate);
      rows.mesh.push(mesh.rate);
      rows.ratio.push((2 * mesh.rate) / (before.rate + after.rate));
      rows.grown.push(mesh.grown);
      rows.grownUndici.push(before.grown, after.grown);
    }
    measured[direction] = Object.fromEntries(Object.entries(rows).map(([key, numbers]) => [key, spread(numbers)]));
  }
  return { bytes, ...measured };
}
