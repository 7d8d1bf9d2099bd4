/**
 * What the mesh costs beside bare undici: CPU per request of the client process, and requests per second, as ratios.
 *
 *     npm run bench [-- --rounds 7 --seconds 1 --in-flight 1,32,256 --only mesh-request]
 *
 * One server process, one process per contender, all alive at once, rounds interleaved: each contender's round is divided by the
 * mean of its yardstick's rounds just before and after, so that whatever else the machine does falls on both. Absolute
 * figures of a shared machine mean little; read the ratios.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1' },
    'in-flight': { type: 'string', default: '1,32,256' },
    only: { type: 'string' },
  },
});
const rounds = Number(options.rounds);
const milliseconds = Number(options.seconds) * 1000;

/** Contender → what it is measured against. */
const comparisons = [
  ['mesh-request', 'undici-request'],
  ['mesh-dispatch', 'undici-dispatch'],
  ['mesh-fetch', 'fetch'],
].filter(([name]) => options.only === undefined || options.only === name);

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const server = fork(path('server.mjs'));
const [ports] = await once(server, 'message');

async function start(name) {
  const child = fork(path('contender.mjs'), [path(`contenders/${name}.mjs`), ports.join(',')]);
  await once(child, 'message');
  return async (inFlight, time = milliseconds) => {
    child.send({ inFlight, milliseconds: time });
    const [result] = await once(child, 'message');
    if (result.failed > 0) throw new Error(`${name}: ${result.failed} requests failed`);
    return result;
  };
}

const sorted = (numbers) => [...numbers].sort((a, b) => a - b);
const median = (numbers) => sorted(numbers)[Math.floor(numbers.length / 2)];
const spread = (numbers) => `${median(numbers).toFixed(2)} (${sorted(numbers)[0].toFixed(2)}–${sorted(numbers).at(-1).toFixed(2)})`;

console.log(`Node ${process.version}, ${rounds} rounds of ${options.seconds} s, interleaved; median (min–max)\n`);
console.log('| contender | in flight | CPU µs/request | of yardstick | CPU ÷ yardstick | rps ÷ yardstick |');
console.log('|---|---:|---:|---:|---:|---:|');
for (const [name, yardstickName] of comparisons) {
  const contender = await start(name);
  const yardstick = await start(yardstickName);
  for (const inFlight of options['in-flight'].split(',').map(Number)) {
    await contender(inFlight, 1000);
    await yardstick(inFlight, 1000);
    const own = [];
    const others = [await yardstick(inFlight)];
    for (let round = 0; round < rounds; round += 1) {
      own.push(await contender(inFlight));
      others.push(await yardstick(inFlight));
    }
    const beside = (key, round) => (others[round][key] + others[round + 1][key]) / 2;
    const ratios = (key) => own.map((result, round) => result[key] / beside(key, round));
    const cpu = median(own.map((result) => result.cpu)).toFixed(1);
    const yardstickCpu = median(others.map((result) => result.cpu)).toFixed(1);
    console.log(`| ${name} ÷ ${yardstickName} | ${inFlight} | ${cpu} | ${yardstickCpu} | ${spread(ratios('cpu'))} | ${spread(ratios('rate'))} |`);
  }
}
process.exit();
