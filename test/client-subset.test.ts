/** A client that finds its peers, from the policy to what it tells of itself. */
import { afterEach, expect, it, vi } from 'vitest';
import type { Transport } from '../src/core/call.ts';
import type { MeshEventMap } from '../src/core/events.ts';
import { createMeshClient, explanationText } from '../src/index.ts';
import { eventually } from './support/eventually.ts';
import { a, startScriptedDns } from './support/scripted-dns.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  vi.unstubAllEnvs();
});

const nowhereElse: Transport = {
  send: () => Promise.reject(new Error('nothing is sent')),
  retire: () => undefined,
  warm: () => Promise.resolve(),
  destroy: () => Promise.resolve(),
};

it('chooses its share of the endpoints among its peers, and says so', async () => {
  const addresses: Record<string, string[]> = {
    'reviews.test': Array.from({ length: 12 }, (_, number) => `10.0.0.${number + 1}`),
    'shop-peers.test': ['10.1.0.7', '10.1.0.8', '10.1.0.9'],
  };
  const dns = await startScriptedDns((query) => {
    const name = query.name.toLowerCase();
    query.send(query.reply({ answers: query.type === 'A' ? (addresses[name] ?? []).map((address) => a(name, address)) : [] }));
  });
  closing.push(() => dns.close());
  vi.stubEnv('POD_IP', '10.1.0.7');
  const mesh = createMeshClient({
    service: 'shop',
    instance: 'shop-7d9c6b5f4-x2x9z',
    nameservers: [dns.address],
    transport: () => nowhereElse,
    policy: {
      version: 1,
      defaults: { subset: { size: 4, peers: 'shop-peers.test' } },
      services: { reviews: { discovery: { dns: 'reviews.test', port: 80 } } },
    },
  });
  closing.push(() => mesh.close());
  const peers: MeshEventMap['peers.changed'][] = [];
  mesh.events.on('peers.changed', (event) => void peers.push(event));
  await mesh.ready();
  const subset = await eventually(() => mesh.inspect().services[0]!.subset, ({ strategy }) => strategy === 'deterministic');
  expect(subset).toMatchObject({ why: 'this is 10.1.0.7 of 3 peers', total: 12, standIns: 0 });
  expect(subset.size).toBeGreaterThanOrEqual(2);
  expect(subset.size).toBeLessThanOrEqual(6);
  expect(peers).toEqual([{ name: 'shop-peers.test', own: '10.1.0.7', total: 3, why: undefined }]);
});

/** Twelve endpoints of which four are chosen; `peers` answers the question who its peers are, or does not. */
async function warming(peers: (answer: () => void, fail: () => void) => void) {
  const dns = await startScriptedDns((query) => {
    const name = query.name.toLowerCase();
    const of = (addresses: readonly string[]) => query.send(query.reply({ answers: query.type === 'A' ? addresses.map((address) => a(name, address)) : [] }));
    if (name !== 'shop-peers.test') return of(Array.from({ length: 12 }, (_, number) => `10.0.0.${number + 1}`));
    peers(() => of(['10.1.0.7', '10.1.0.8', '10.1.0.9']), () => query.send(query.reply({ rcode: 2 })));
  });
  closing.push(() => dns.close());
  vi.stubEnv('POD_IP', '10.1.0.7');
  const warmed: string[] = [];
  const mesh = createMeshClient({
    service: 'shop', instance: 'shop-7d9c6b5f4-x2x9z', nameservers: [dns.address],
    transport: () => ({ ...nowhereElse, warm: async ({ host }) => void warmed.push(host) }),
    policy: { version: 1, defaults: { subset: { size: 4, peers: 'shop-peers.test' } }, services: { reviews: { discovery: { dns: 'reviews.test', port: 80 } } } },
  });
  closing.push(() => mesh.close({ timeout: 0 }));
  const chosen = () => mesh.inspect().services[0]!.endpoints.map(({ endpoint }) => endpoint.split(':')[0]!).sort();
  return { mesh, warmed, chosen };
}

it('connects to its share of the endpoints though the answer about its peers comes later than theirs', async () => {
  let found = false;
  const answers: (() => void)[] = [];
  const { mesh, warmed, chosen } = await warming((answer) => (found ? answer() : void answers.push(answer)));
  const ready = mesh.ready();
  await eventually(() => mesh.inspect().services[0]!.subset.total, (total) => total === 12);
  const before = chosen();
  found = true;
  for (const answer of answers) answer();
  await ready;
  expect(mesh.inspect().services[0]!.subset.strategy).toBe('deterministic');
  expect(warmed.sort()).toEqual(chosen());
  expect(chosen()).not.toEqual(before);
});

it('connects to those it has chosen by chance where nobody says who its peers are', async () => {
  const failing = await warming((_answer, fail) => fail());
  await failing.mesh.ready();
  expect(failing.warmed.sort()).toEqual(failing.chosen());
  const silent = await warming(() => undefined);
  await silent.mesh.ready(undefined, { timeout: 300 });
  expect(silent.warmed.sort()).toEqual(silent.chosen());
  expect(silent.warmed).toHaveLength(4);
});

it('says that it was closed, where that ends the wait for its peers', async () => {
  const { mesh, warmed } = await warming(() => undefined);
  const ready = mesh.ready();
  await eventually(() => mesh.inspect().services[0]!.subset.total, (total) => total === 12);
  await Promise.all([expect(ready).rejects.toMatchObject({ code: 'CLIENT_CLOSED' }), mesh.close({ timeout: 0 })]);
  expect(warmed).toEqual([]);
});

it('knows its zone and those of the endpoints by the networks of the policy, and follows them', async () => {
  const addresses = ['10.1.0.1', '10.1.0.2', '10.2.0.1', '10.3.0.1'];
  const dns = await startScriptedDns((query) => {
    query.send(query.reply({ answers: query.type === 'A' ? addresses.map((address) => a(query.name, address)) : [] }));
  });
  closing.push(() => dns.close());
  vi.stubEnv('POD_IP', '10.1.9.9');
  const mesh = createMeshClient({
    service: 'shop', nameservers: [dns.address], transport: () => nowhereElse,
    policy: { version: 1, zones: { '10.1.0.0/16': 'a', '10.2.0.0/16': 'b' }, services: { reviews: { discovery: { dns: 'reviews.test', port: 80 } } } },
  });
  closing.push(() => mesh.close());
  await mesh.ready();
  const { zone, services: [reviews] } = mesh.inspect();
  expect(zone).toBe('a');
  expect(reviews!.locality).toEqual({ zone: 'a', active: true, why: '', local: 2, remote: 1, unknown: 1 });
  expect(reviews!.endpoints.map(({ zone: its, cost }) => [its, cost])).toEqual([['a', undefined], ['a', undefined], ['b', 1.5], [undefined, undefined]]);
  expect(explanationText(mesh.explain({ url: 'http://reviews/' }))).toMatch(/10\.2\.0\.1:80 .* b {2}costs 1\.5 times as much\n/);
});
