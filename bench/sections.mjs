/** What is measured: each section takes a running harness and settings, and resolves with plain data for goals, tables and the JSON. */
import { allocating } from './harness/processes.mjs';
import { spread } from './harness/numbers.mjs';

export const yardstickName = 'undici-request';

/**
 * Contender → what it is called in tables. Those of one group are alive at the same time, and nobody else is; whose ratio to each other is asked for is of the same one.
 */
const grouped = [
  {
    'undici-dispatch': 'undici `dispatch`, handler by hand',
    'mesh-dispatch': '**`mesh.dispatcher.dispatch`**',
    'mesh-request': '**`mesh.request`**',
  },
  {
    'mesh-request-sampled': '**`mesh.request`**, metrics, 1 % of traces',
    'undici-sdk-1': 'yardstick + the same calls of the SDK by hand, metrics, 1 %',
    'undici-context': "yardstick + the SDK's context manager, nothing recorded",
  },
  {
    'mesh-request-traced': '**`mesh.request`**, every call traced',
    'undici-sdk-100': 'yardstick + the same calls of the SDK by hand, every call traced',
    'mesh-request-instrumented': '**`mesh.request`**, metrics, 1 %, instrumentation-undici beside',
  },
  {
    'mesh-fetch': '**`mesh.fetch`**',
    fetch: 'built-in `fetch`',
  },
  {
    'undici-instrumented-1': 'yardstick + instrumentation-undici, metrics, 1 %',
    'undici-instrumented-100': 'yardstick + instrumentation-undici, metrics, every request',
    'undici-opossum': 'yardstick + opossum',
    'undici-cockatiel': 'yardstick + cockatiel (retry, breaker, timeout, bulkhead)',
  },
  {
    'undici-retry-dns': 'undici Agent + retry + dns interceptors',
    'undici-nginx': 'undici → nginx on the same core',
    'undici-haproxy': 'undici → haproxy on the same core',
    'node-http': 'node:http, keep-alive agent',
  },
  {
    grpc: '@grpc/grpc-js, round_robin, retry, deadline',
    axios: 'axios',
    got: 'got',
    ky: 'ky',
  },
];
export const groups = grouped.map((each) => Object.keys(each));
export const contenders = Object.assign({}, ...grouped);
export const yardstickLabel = '**undici `request()`, Pool per endpoint, round robin by hand: the yardstick**';
export const labelOf = (name) => (name === yardstickName ? yardstickLabel : contenders[name]);

/** Those that the goals at 1 and 256 in flight are about. */
export const core = groups[0];

/**
 * Contenders that are running; those that cannot be started are left out, and `processes.missing` says why. But for the first of several, with which the others
 * are compared.
 */
async function started(processes, names, options) {
  const running = [];
  for (const name of names) {
    const contender = await processes.contender(name, options);
    if (contender !== undefined) running.push(contender);
    else if (name === names[0] && names.length > 1) throw new Error(`${name}, with which others are compared, could not be started`);
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

/** A contender is warm after so many calls, or so many seconds of CPU that went into them. */
const WARM = { calls: 15_000, seconds: 2 };

/**
 * Runs contenders until their code is compiled and their connections are there: compiling is CPU of the process too, and lasts for thousands of calls. V8 compiles what has
 * run for long, so who does more in a call is done after fewer: `fetch` costs after 5,000 calls what it costs after 25,000, bare undici after 20,000. They take
 * turns, those that are warm as well: one that waits for ten seconds is cold again.
 */
async function warmUp(contenders, inFlight, enough = WARM) {
  const left = new Map(contenders.map((contender) => [contender, { ...enough }]));
  for (let pass = 0; pass < 20 && left.size > 0; pass += 1) {
    for (const contender of contenders) {
      const milliseconds = left.has(contender) ? 250 : 40;
      const { rate, cpu } = await contender.run({ round: 'closed', inFlight, milliseconds });
      const rest = left.get(contender);
      if (rest === undefined) continue;
      const calls = (rate * milliseconds) / 1000;
      rest.calls -= calls;
      rest.seconds -= (calls * cpu) / 1e6;
      if (Math.min(rest.calls, rest.seconds) <= 0) left.delete(contender);
    }
  }
}

const column = (rows, key) => rows.map((row) => row[key]);
const summary = ({ results, ratios }, keys) => Object.fromEntries(keys.map((key) => [key, { ...spread(column(results, key)), ratios: column(ratios, key) }]));
const summaries = (table, keys) => Object.fromEntries([...table].map(([name, measured]) => [name, summary(measured, keys)]));

/** Before each round: by then a contender has waited for its turn for a second or less, which costs its first few calls something. */
const brief = (round) => ({ ...round, milliseconds: 30 });

/**
 * CPU per request and requests per second. `groups`: lists of contenders. Of each group all levels are measured in direct succession, and then it is stopped: among twenty that
 * are alive each waits so long for its turn that it is cold when it comes. A group that fails is named, and the others are measured.
 * `levels`: a list of { inFlight, names, rounds }, of the groups' contenders those with these names, or all.
 */
export async function inFlight({ processes, interleaved }, groups, levels, { milliseconds, enough }) {
  const tables = Object.fromEntries(levels.map(({ inFlight: level }) => [level, new Map()]));
  for (const group of groups) {
    try {
      await withContenders(processes, [yardstickName, ...group], {}, async ([yardstick, ...running]) => {
        await warmUp([yardstick, ...running], 32, enough);
        for (const { inFlight: level, names, rounds } of levels) {
          const contenders = running.filter(({ name }) => names?.includes(name) ?? true);
          if (contenders.length === 0) continue;
          const round = { round: 'closed', inFlight: level, milliseconds };
          // Connections for as many.
          for (const contender of [yardstick, ...contenders]) await contender.run(round);
          add(tables[level], await interleaved.run({ yardstick, contenders, rounds, round, warmUp: brief(round) }));
        }
      });
    } catch (error) {
      processes.fail(group.join(', '), error);
    }
  }
  return Object.fromEntries(Object.entries(tables).map(([level, table]) => [level, summaries(table, ['cpu', 'rate'])]));
}

/** The yardstick is of every group. */
function add(table, more) {
  for (const [name, { results, ratios }] of more) {
    const all = table.get(name) ?? { results: [], ratios: [] };
    table.set(name, { results: [...all.results, ...results], ratios: [...all.ratios, ...ratios] });
  }
}

/** Latencies where requests come at a fixed rate. `uneven`: one of the four endpoints is twenty times slower. */
export function openLoop({ processes, interleaved }, { names, rounds, rate, milliseconds, uneven = false }) {
  const servers = uneven ? { small: processes.servers.uneven } : {};
  return withContenders(processes, [yardstickName, ...names], { servers }, async ([yardstick, ...others]) => {
    const round = { round: 'open', rate, milliseconds };
    // One that waits for the slow endpoint comes by few calls, and a millisecond more is nothing beside a hundred.
    await warmUp([yardstick, ...others], 16, uneven ? { calls: 6000, seconds: 1 } : WARM);
    const table = await interleaved.run({ yardstick, contenders: others, rounds, round });
    return { rate, ...summaries(table, ['p50', 'p99', 'p999']) };
  });
}

/** Bytes per call, each contender in a new process. */
export async function allocation({ processes }, { names, rounds, calls }) {
  const bytes = {};
  for (const name of [yardstickName, ...names]) {
    const results = [];
    try {
      for (let round = 0; round < rounds; round += 1) {
        await withContenders(processes, [name], { flags: allocating }, async ([contender]) => {
          if (contender !== undefined) results.push((await contender.run({ round: 'allocation', calls })).bytes);
        });
      }
    } catch (error) {
      processes.fail(`allocation of ${name}`, error);
    }
    if (results.length > 0) bytes[name] = spread(results);
  }
  return bytes;
}

/** A call in a large mesh beside one in a small one. */
export function scale({ processes, interleaved }, { rounds, milliseconds }) {
  return withContenders(processes, ['mesh-request-small', 'mesh-request-large'], {}, async ([small, large]) => {
    const round = { round: 'closed', inFlight: 32, milliseconds };
    await warmUp([small, large], 32);
    return summaries(await interleaved.run({ yardstick: small, contenders: [large], rounds, round, warmUp: brief(round) }), ['cpu', 'rate']);
  });
}

/** Megabytes over a bare process, of processes that have worked and are left idle, which takes most of a minute: what resolves is to be called later. */
export async function leftIdle({ processes }, { rounds }) {
  const started = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const what of ['bare', 'imported', '500']) started.push(await processes.waiting('scripts/idle-memory.mjs', [what, JSON.stringify(processes.servers.everywhere)]));
  }
  return async function idleMemory() {
    const over = { imported: [], 500: [], heap: [], young: [] };
    for (let first = 0; first < started.length; first += 3) {
      const [bare, imported, many] = await Promise.all(started.slice(first, first + 3).map(({ result }) => result));
      over.imported.push(imported.rss - bare.rss);
      over[500].push(many.rss - bare.rss);
      over.heap.push(many.heap - imported.heap);
      over.young.push(many.young - bare.young);
    }
    return { imported: spread(over.imported), services: spread(over[500]), heap: spread(over.heap), young: spread(over.young) };
  };
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

/** Megabytes per second, microseconds of CPU for each, and by how many the process has grown, all transfers of one direction long. */
export async function streams({ processes, interleaved }, { rounds, bytes }) {
  const measured = {};
  for (const direction of ['download', 'upload', 'uploadStream']) {
    await withContenders(processes, ['undici-streams', 'mesh-streams'], { flags: ['--expose-gc'] }, async ([yardstick, mesh]) => {
      const round = { round: 'transfer', direction, bytes };
      // The first 300 MiB cost two to three times as much as those that follow, of either.
      for (let warm = 0; warm < 3; warm += 1) for (const contender of [yardstick, mesh]) await contender.run({ ...round, bytes: 2 ** 27 });
      const table = await interleaved.run({ yardstick, contenders: [mesh], rounds, round });
      measured[direction] = summaries(table, ['rate', 'cpu', 'grown']);
    });
  }
  return { bytes, ...measured };
}
