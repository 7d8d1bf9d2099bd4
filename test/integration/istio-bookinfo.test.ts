/**
 * Istio's Bookinfo examples (istio/istio@86c9f01, Apache-2.0; copied to test/cases/istio-bookinfo), through `inmesh import`, and the outcomes that
 * Istio's tasks document for them (tasks.yaml there).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { importManifests } from '../../src/config/import/manifests.ts';
import { parsePolicyObject } from '../../src/config/parse-policy.ts';
import { seededRandom } from '../../src/core/random.ts';
import { EchoBackends, type Echoed } from '../support/echo-backends.ts';
import { importedClient, type ImportedClient } from '../support/imported-client.ts';

const folder = fileURLToPath(new URL('../cases/istio-bookinfo', import.meta.url));
const names = readdirSync(folder).filter((name) => name.endsWith('.yaml') && name !== 'tasks.yaml');
const read = (name: string) => ({ name, text: readFileSync(`${folder}/${name}`, 'utf8') });
const istio = (...parts: string[]) => parts.map((part) => read(`networking__${part}.yaml`));

const backends = new EchoBackends();
afterAll(() => backends.close());

async function withClient<Result>(files: readonly { name: string; text: string }[], work: (client: ImportedClient) => Promise<Result>): Promise<Result> {
  const client = await importedClient(files, backends, (service, version) => (version.startsWith(service) ? version : `${service}-${version}`), { random: seededRandom(7) });
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

/** Which backend answers, or with which status somebody else did. */
async function ask({ mesh }: ImportedClient, service: string, headers: Record<string, string> = {}, deadline?: string): Promise<string> {
  const { statusCode, body } = await mesh.request(`http://${service}:9080/${service}/0`, { headers, ...(deadline === undefined ? {} : { mesh: { deadline } }) });
  const text = await body.text();
  return text.startsWith('{') ? (JSON.parse(text) as Echoed).backend : String(statusCode);
}

async function shares(client: ImportedClient, service: string, calls: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let call = 0; call < calls; call += 1) {
    const backend = await ask(client, service);
    counts[backend] = (counts[backend] ?? 0) + 1;
  }
  return counts;
}

describe.each(names)('%s', (name) => {
  it('imports to a policy that is valid, and says what is left to do', () => {
    const { document, notes } = importManifests([read(name)], 'default');
    const parsed = parsePolicyObject(document, {});
    expect('invalid' in parsed ? parsed.invalid.message : '').toBe('');
    // Certificates are named in another way, and nobody needs a random choice; all else is carried over.
    const known = ['spec.trafficPolicy.tls', 'spec.trafficPolicy.loadBalancer.simple'];
    expect(notes.filter(({ kind, path }) => kind !== 'needs' && !known.includes(path))).toEqual([]);
    expect(Object.keys(document['services'] as object).length).toBeGreaterThan(0);
  });
});

describe('what Istio’s tasks document', () => {
  it.each([
    ['50-v3', { 'reviews-v1': 50, 'reviews-v3': 50 }],
    ['80-20', { 'reviews-v1': 80, 'reviews-v2': 20 }],
    ['90-10', { 'reviews-v1': 90, 'reviews-v2': 10 }],
    ['v3', { 'reviews-v3': 100 }],
  ])('traffic shifting, %s: each hundred calls are shared out exactly', async (file, expected) => {
    await withClient(istio(`virtual-service-reviews-${file}`), async (client) => {
      for (const counts of [await shares(client, 'reviews', 100), await shares(client, 'reviews', 100)]) {
        for (const [backend, count] of Object.entries(expected)) expect(Math.abs((counts[backend] ?? 0) - count)).toBeLessThanOrEqual(1);
        expect(Object.keys(counts).sort()).toEqual(Object.keys(expected).sort());
      }
    });
  });

  it.each([['90-10', 'gateway-api__route-reviews-90-10.yaml', { 'reviews-v1': 90, 'reviews-v2': 10 }], ['50-v3', 'gateway-api__route-reviews-50-v3.yaml', { 'reviews-v1': 50, 'reviews-v3': 50 }]])('the same from an HTTPRoute, %s', async (_, file, expected) => {
    await withClient([read(file)], async (client) => {
      const counts = await shares(client, 'reviews', 100);
      for (const [backend, count] of Object.entries(expected)) expect(Math.abs((counts[backend] ?? 0) - count)).toBeLessThanOrEqual(1);
    });
  });

  it.each([['test-v2', 'reviews-v1'], ['jason-v2-v3', 'reviews-v3']])('request routing by identity, %s: jason sees v2, all others %s', async (file, others) => {
    await withClient(istio('destination-rule-reviews', `virtual-service-reviews-${file}`), async (client) => {
      for (let call = 0; call < 10; call += 1) {
        expect(await ask(client, 'reviews', { 'end-user': 'jason' })).toBe('reviews-v2');
        expect(await ask(client, 'reviews')).toBe(others);
        expect(await ask(client, 'reviews', { 'end-user': 'Jason' })).toBe(others);
      }
    });
  });

  it('all of v1 at first', async () => {
    await withClient(istio('destination-rule-all', 'virtual-service-all-v1'), async (client) => {
      for (const service of ['productpage', 'reviews', 'ratings', 'details']) expect(await ask(client, service)).toBe(`${service}-v1`);
    });
  });

  it('fault injection, abort: 500 for jason, 200 for all others', async () => {
    await withClient(istio('virtual-service-ratings-test-abort'), async (client) => {
      for (let call = 0; call < 5; call += 1) {
        expect(await ask(client, 'ratings', { 'end-user': 'jason' })).toBe('500');
        expect(await ask(client, 'ratings')).toBe('ratings-v1');
      }
    });
  });

  it('fault injection, delay: jason’s calls take longer than their deadline, those of all others do not', async () => {
    await withClient(istio('virtual-service-ratings-test-delay'), async (client) => {
      await expect(ask(client, 'ratings', { 'end-user': 'jason' }, '500ms')).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
      expect(await ask(client, 'ratings', {}, '500ms')).toBe('ratings-v1');
    });
  });

  it('a status that nobody else uses, for everybody', async () => {
    await withClient(istio('fault-injection-details-v1'), async (client) => {
      expect(await ask(client, 'details')).toBe('555');
    });
  });
});
