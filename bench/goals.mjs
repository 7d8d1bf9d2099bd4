/**
 * What is wanted (the table of goals), and how each row is read off what was measured. `why`, a text or what makes one of the results, is printed where a goal is missed: what
 * the difference is made of, as far as profiles or other contenders tell.
 */
import { spread, written } from './harness/numbers.mjs';
import { yardstickName } from './sections.mjs';

const levels = [1, 32, 256];

/** CPU of one contender by another's, round by round, both by the yardstick beside them. */
const cpu = (one, other = yardstickName, level = 32) => ({ inFlight }) => {
  const [above, below] = [inFlight?.[level]?.[one], inFlight?.[level]?.[other]];
  if (above === undefined || below === undefined) return undefined;
  return spread(above.cpu.ratios.map((ratio, round) => ratio / (other === yardstickName ? 1 : below.cpu.ratios[round])));
};
const atMost = (limit) => ({ limit, kept: (measured) => measured.median <= limit, text: `≤ ${limit}` });
const atLeast = (limit) => ({ limit, kept: (measured) => measured.median >= limit, text: `≥ ${limit}` });
const beside = (name, label, limit) => ({ what: `CPU of \`mesh.request\` ÷ ${label}`, goal: atMost(limit), measured: cpu('mesh-request', name), why: layers });
const p99 = (section) => (results) => results[section]?.['mesh-request'] && spread(results[section]['mesh-request'].p99.ratios);

const transferred = (direction) => ({ streams }) => streams && spread(streams[direction]['mesh-streams'].rate.ratios);
/** A rate is of two processes and what else the machine does; what it takes says more. */
const effort = (direction) => ({ streams }) => `CPU of the client for the same bytes ÷ undici's: ${written(spread(streams[direction]['mesh-streams'].cpu.ratios))}`;
const grown = (direction) => ({ streams }) => streams?.[direction]['mesh-streams'].grown;

const layers = 'what balancer, retry, circuit and deadline note of each call, two promises, nine looks at the clock, and headers that say deadline and attempt to the server';

/** What of it is the SDK's, told by those that do the same without a mesh: `[text, contender]`. */
const sdk = (...others) => (results) => {
  const clauses = [...others, ...anyway].flatMap(([text, name]) => {
    const found = cpu(name)(results);
    return found === undefined ? [] : [`${text} ${found.median.toFixed(2)}`];
  });
  return `the SDK's work comes on top of the mesh's: ${clauses.join('; ')}`;
};
const byHand = 'undici with the same calls of the SDK by hand costs';
const anyway = [
  ['with its context manager in use, for which Node before 24 keeps account of every promise, and nothing recorded', 'undici-context'],
  ['`mesh.request` without an SDK', 'mesh-request'],
];

export const goals = [
  ...levels.map((level) => ({ what: `CPU of \`mesh.request\` ÷ undici \`request\`, ${level} in flight`, goal: atMost(1.05), measured: cpu('mesh-request', yardstickName, level), why: layers })),
  ...levels.map((level) => ({
    what: `CPU of \`mesh.dispatcher.dispatch\` ÷ undici \`dispatch\`, ${level} in flight`, goal: atMost(1.15), measured: cpu('mesh-dispatch', 'undici-dispatch', level),
    why: layers,
  })),
  { what: 'CPU of `mesh.request`, metrics on, 1 % of traces ÷ undici `request`', goal: atMost(1.2), measured: cpu('mesh-request-sampled'), why: sdk([byHand, 'undici-sdk-1'], ['with instrumentation-undici', 'undici-instrumented-1']) },
  { what: 'CPU of `mesh.request`, every call traced ÷ undici `request`', goal: atMost(1.4), measured: cpu('mesh-request-traced'), why: sdk([byHand, 'undici-sdk-100'], ['with instrumentation-undici, and metrics,', 'undici-instrumented-100']) },
  beside('undici-nginx', 'undici + nginx on the same core', 0.6),
  beside('undici-haproxy', 'undici + haproxy on the same core', 0.6),
  beside('got', 'got', 0.25),
  beside('axios', 'axios', 0.25),
  beside('ky', 'ky', 0.25),
  beside('fetch', 'built-in `fetch`', 0.25),
  beside('grpc', '@grpc/grpc-js', 0.25),
  { what: 'CPU of `mesh.fetch` ÷ built-in `fetch`', goal: atMost(1.05), measured: cpu('mesh-fetch', 'fetch'), why: layers },
  { what: 'p99 at 2,000 requests/s, open loop ÷ undici `request`', goal: atMost(1.05), measured: p99('openLoop'), why: 'what disturbs a shared machine is most of such a tail' },
  { what: 'p99 with one of four endpoints 20× slower ÷ undici round robin', goal: atMost(0.1), measured: p99('uneven'), why: 'first attempts find out who is slow, and a pick must look again now and then' },
  {
    what: 'heap allocated per call beyond undici `request` (bytes)', goal: atMost(500), digits: 0,
    why: layers,
    measured: ({ allocation }) => allocation?.['mesh-request'] && difference(allocation['mesh-request'], allocation[yardstickName]),
  },
  { what: 'CPU per call at 10,000 endpoints, 500 services, 200 routes ÷ 4, 1, 1', goal: atMost(1.05), measured: ({ scale }) => scale && spread(scale['mesh-request-large'].cpu.ratios), why: 'twenty endpoints have more connections than four, and each is used less often' },
  { what: '500 services with 20 endpoints each, idle, over bare Node (MB)', goal: atMost(60), digits: 1, measured: ({ memory }) => memory?.services, why: "the objects of 10,000 endpoints and 500 policies, the code that has run, and undici, which is 17 of it" },
  { what: "`import 'inmesh'` beyond undici (ms of CPU)", goal: atMost(60), digits: 0, measured: ({ startUp }) => startUp?.beyond },
  { what: 'rate of a long download ÷ undici', goal: atLeast(0.97), measured: transferred('download'), why: effort('download') },
  { what: 'rate of a long upload ÷ undici', goal: atLeast(0.97), measured: transferred('upload'), why: effort('upload') },
  { what: 'rate of a long upload of a Node stream ÷ undici', goal: atLeast(0.97), measured: transferred('uploadStream'), why: effort('uploadStream') },
  { what: 'by how much a process grows in long downloads (MB)', goal: atMost(64), digits: 0, measured: grown('download') },
  { what: 'by how much a process grows in long uploads (MB)', goal: atMost(64), digits: 0, measured: grown('upload') },
];

function difference(one, other) {
  return { median: one.median - other.median, min: one.min - other.max, max: one.max - other.min };
}
