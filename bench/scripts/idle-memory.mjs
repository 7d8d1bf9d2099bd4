/**
 * What an idle process holds that did nothing (`bare`), that has imported inmesh (`imported`), or that has called each of 500 services with
 * twenty endpoints once (`500`). Says when it has worked, and then, when it has been idle for long enough, what it holds.
 */
import { getHeapSpaceStatistics } from 'node:v8';

const [, , what, given] = process.argv;
const SERVICES = 500;
const SUBSET = 20;
const LOOK_EVERY = 5_000;
const IDLE_AT_LEAST = 10_000;
/** Others are measured meanwhile. On a busy machine V8 now and then takes more than a minute and a half. */
const IDLE_AT_MOST = 150_000;
/** A young generation that has not grown, or no longer. */
const SMALL = 2.5e6;

async function call(ports) {
  const { createMeshClient } = await import('inmesh');
  const services = {};
  for (let service = 0; service < SERVICES; service += 1) {
    // Every endpoint is another one: an address in 127.0.0.0/8.
    const endpoints = Array.from({ length: SUBSET }, (_, number) => `127.${1 + (service >> 8)}.${service & 255}.${1 + number}:${ports[number % ports.length]}`);
    services[`service-${service}`] = { discovery: { endpoints } };
  }
  // Idle connections close at once: what is asked is what the mesh holds, not what sockets do.
  const mesh = createMeshClient({ policy: { version: 1, defaults: { connection: { keepAlive: '100ms' } }, services } });
  for (const name of Object.keys(services)) await (await mesh.request(`http://${name}/reviews/1`)).body.text();
  return mesh;
}

const young = () => getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space').space_size;

if (what === 'imported') await import('inmesh');
const kept = what === '500' ? await call(JSON.parse(given)) : undefined;
process.send('worked');
// What work has made V8's young generation grow by it gives back when a process has been idle for half a minute. Nobody collects anything for it here.
for (let waited = 0; waited < IDLE_AT_LEAST || (young() > SMALL && waited < IDLE_AT_MOST); waited += LOOK_EVERY) await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
const { rss, heapUsed } = process.memoryUsage();
process.send({ rss: rss / 1e6, heap: heapUsed / 1e6, young: young() / 1e6 });
await kept?.close();
process.disconnect();
