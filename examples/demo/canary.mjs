/**
 * The canary: reviews goes from v1 to v2 by a schedule, with jason on v2 from the start; then once more, with a v2 that goes bad
 * and is rolled back. See docs/demo.md.
 *
 *     npm run demo -- canary [--fast] [--rate 100] [--port 19080]
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { rollbackFindings, rolloutFindings, Tally } from './canary-tally.mjs';
import { describe } from './clients.mjs';
import { seconds, style } from './text.mjs';

const NAME_SERVER = '127.0.0.1';
const USERS = 100;
/** Of ten calls in a row, so many name jason, a user, or nobody. */
const callers = ['jason', 'user', 'nobody', 'user', 'user', 'nobody', 'user', 'user', 'nobody', 'user'];
const addresses = {
  ratings: ['127.0.85.1', '127.0.85.2'],
  'reviews-v1': ['127.0.86.1', '127.0.86.2'],
  'reviews-v2': ['127.0.87.1', '127.0.87.2'],
};
/** Calls before all, a few at a time: code that never ran is slow, and would be overrun. */
const WARM_UP = { calls: 400, atOnce: 8 };
/** Until the schedule starts (ms): all but jason on v1. */
const LEAD = 2000;
/** Longer than any deadline (ms): what has no answer by then never gets one. */
const GIVE_UP_AFTER = 35_000;
/** A row is shown when its calls have been answered (ms). */
const SHOW_AFTER = 200;

/** What an operator would write, with minutes for these seconds. */
function policy({ start, steps, holdOn }) {
  return {
    version: 1,
    services: {
      reviews: {
        versions: {
          v1: { discovery: { srv: '_http._tcp.reviews-v1.default.svc.cluster.local' } },
          v2: { discovery: { srv: '_http._tcp.reviews-v2.default.svc.cluster.local' } },
        },
        routes: [
          { name: 'jason', match: [{ headers: { 'end-user': 'jason' } }], to: { v2: 100 } },
          { name: 'canary', to: { v1: 100 }, sticky: { header: 'x-user-id' }, schedule: { start: new Date(start).toISOString(), steps, holdOn } },
        ],
      },
    },
  };
}

/**
 * @param {import('./processes.mjs').Processes} processes
 * @param {{ fast: boolean, rate: number, port: number }} options
 * @returns {Promise<boolean>} everything was as it should be
 */
export async function canary(processes, { fast, rate, port }) {
  const say = (line) => process.stdout.write(`${line}\n`);
  const { createMeshClient } = await import('inmesh');
  const nameserver = `${NAME_SERVER}:${port + 1}`;
  say('Starting a DNS server, ratings, and two replicas each of reviews v1 and v2 …');
  const v2 = await startCluster(processes, port, nameserver);
  await warmUp(createMeshClient({ policy: policy({ start: 0, steps: [{ to: { v1: 50, v2: 50 } }] }), nameservers: [nameserver] }));

  /** One schedule under load; `during` happens in it. */
  async function act({ title, shares, length, holdOn, during = () => {} }) {
    say(`\n${style.bold(`  ${title}`)}\n`);
    say(style.dim(`  ${'time'.padStart(7)}   schedule says v1:v2   calls without a user   ${'users'.padStart(7)}   ${'jason'.padStart(6)}`));
    const start = Math.ceil((Date.now() + LEAD) / 100) * 100;
    const written = shares.map((share, i) => ({ ...(i < shares.length - 1 && { for: `${length}ms` }), to: { v1: 100 - share, v2: share } }));
    const mesh = createMeshClient({ policy: policy({ start, steps: written, holdOn }), nameservers: [nameserver] });
    await mesh.ready(['reviews'], { timeout: 5000 });
    const tally = new Tally();
    const steps = [{ from: start - LEAD, until: start, v2: 0 }, ...shares.map((share, i) => ({ from: start + i * length, until: start + (i + 1) * length, v2: share }))];
    let rolledBack;
    mesh.events.on('schedule.rolled-back', (event) => {
      rolledBack = { at: Date.now(), ...event };
      say(style.yellow(`  ${seconds((rolledBack.at - start) / 1000)}   canary is rolled back: ${(100 * event.successRate).toFixed(0)} % of the last ${event.requests} attempts at v2 succeeded`));
    });
    const stop = load(mesh, tally, rate);
    const happened = during(start);
    for (const step of steps) {
      for (let from = step.from; from < step.until; from += 1000) {
        const until = Math.min(from + 1000, step.until);
        await sleep(until + SHOW_AFTER - Date.now());
        const seen = tally.between(from, until);
        const said = rolledBack === undefined ? `${100 - step.v2}:${step.v2}` : 'rolled back';
        say(`  ${seconds((until - start) / 1000)}   ${said.padStart(19)}   ${ratio(seen.anonymous).padStart(20)}   ${ratio(seen.users).padStart(7)}   ${ratio(seen.jason).padStart(6)}`);
      }
    }
    await stop();
    await mesh.close();
    return { tally, steps, rolledBack, happened: await happened };
  }

  const length = fast ? 2000 : 6000;
  const first = await act({ title: 'reviews v1 → v2 by schedule', shares: [10, 30, 50, 100], length: fast ? 2000 : 8000 });
  const second = await act({
    title: 'once more, and v2 goes bad (it answers 500)',
    shares: [10, 30],
    length,
    holdOn: { version: 'v2', successRateBelow: '90%', window: '2s', minRequests: 20, action: 'rollback' },
    async during(start) {
      await sleep(start + length + 500 - Date.now());
      say(style.yellow('            v2 answers 500 from now on'));
      const brokenAt = Date.now();
      for (const replica of v2) replica.tell({ type: 'fault', slowness: 1, status: 500 });
      return brokenAt;
    },
  });

  say(`\n${style.bold('  by step, share of v2')}\n`);
  say(style.dim('  schedule says   calls without a user               users'));
  for (const step of first.steps) {
    const { anonymous, users } = first.tally.step(step);
    say(`  ${`${step.v2} %`.padStart(13)}   ${part(anonymous).padStart(20)}   ${part(users).padStart(17)}`);
  }
  const findings = [...rolloutFindings(first.tally, first.steps), ...rollbackFindings(second.tally, second.happened, second.rolledBack)];
  say('');
  for (const { ok, text } of findings) say(`  ${ok ? style.green('ok    ') : style.red('WRONG ')} ${text}`);
  const wrong = findings.filter(({ ok }) => !ok).length;
  say(wrong === 0 ? '\n  The canary went as its schedule says, and the bad one was rolled back.' : `\n  ${wrong} of ${findings.length} are not as they should be.`);
  return wrong === 0;
}

/** @returns the replicas of v2 */
async function startCluster(processes, port, nameserver) {
  const services = Object.entries(addresses).map(([name, all]) => ({ name, namespace: 'default', port, addresses: all }));
  await processes.start('dns', './dns-server.mjs', { host: NAME_SERVER, port: port + 1, services });
  const started = { ratings: [], 'reviews-v1': [], 'reviews-v2': [] };
  for (const [service, all] of Object.entries(addresses)) {
    const [role, version = ''] = service.split('-');
    started[service] = await Promise.all(
      all.map((host, i) => processes.start(`${service}-${i + 1}`, './service.mjs', { role, name: `${version}-${i + 1}`, side: 'inmesh', host, port, nameserver })),
    );
  }
  return started['reviews-v2'];
}

async function warmUp(mesh) {
  const unread = new Tally();
  let made = 0;
  const caller = async () => {
    while (made++ < WARM_UP.calls) await call(mesh, undefined, unread);
  };
  await Promise.all(Array.from({ length: WARM_UP.atOnce }, caller));
  await mesh.close();
}

/** Calls at even intervals, whether or not earlier ones are answered. @returns {() => Promise<void>} stops them, and waits for the last answers */
function load(mesh, tally, rate) {
  const begin = performance.now();
  const open = new Set();
  let made = 0;
  let users = 0;
  const timer = setInterval(() => {
    for (; made < ((performance.now() - begin) / 1000) * rate; made++) {
      const caller = callers[made % callers.length];
      const user = caller === 'nobody' ? undefined : caller === 'jason' ? 'jason' : `user-${users++ % USERS}`;
      const pending = call(mesh, user, tally).finally(() => open.delete(pending));
      open.add(pending);
    }
  }, 5);
  return async () => {
    clearInterval(timer);
    await Promise.race([Promise.all(open), sleep(GIVE_UP_AFTER)]);
  };
}

async function call(mesh, user, tally) {
  const record = { at: Date.now(), user, version: undefined, failed: true, problem: 'never answered' };
  tally.calls.push(record);
  const headers = user === undefined ? {} : user === 'jason' ? { 'end-user': user, 'x-user-id': user } : { 'x-user-id': user };
  try {
    const { statusCode, body } = await mesh.request('http://reviews/reviews/1', { headers });
    record.version = /"replica":"(v\d)-/.exec(await body.text())?.[1];
    record.failed = statusCode >= 500 || record.version === undefined;
    record.problem = record.failed ? `HTTP ${statusCode}` : undefined;
  } catch (error) {
    record.problem = describe(error);
  }
}

function ratio({ total, v2 }) {
  return total === 0 ? '–' : `${total - v2}:${v2}`;
}

function part({ total, v2 }) {
  return `${v2} of ${total} = ${((100 * v2) / total).toFixed(1)} %`;
}
