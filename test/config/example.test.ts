import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { accepted } from './refusal.ts';

const url = new URL('../../examples/policy.yaml', import.meta.url);
const text = readFileSync(url, 'utf8');

test('the example is a policy', () => {
  const { services } = accepted(text);
  expect([...services.keys()]).toEqual(['productpage', 'reviews', 'ratings', 'details', 'payments']);
  expect(services.get('ratings')).toMatchObject({
    source: { kind: 'srv', name: '_http._tcp.ratings.default.svc.cluster.local' },
    hosts: [{ host: 'ratings' }, { host: 'ratings.default.svc.cluster.local' }, { host: 'ratings', port: 9080 }],
    policy: { deadline: 800, attemptTimeout: 300, retry: { maxRetries: 2, budget: { perSuccess: 0.2, cap: 20 } }, circuit: { failureRate: 0.4 } },
  });
});

test('the example follows its environment', () => {
  expect(accepted(text, { NAMESPACE: 'shop' }).services.get('reviews')?.source).toEqual({ kind: 'srv', name: '_http._tcp.reviews.shop.svc.cluster.local' });
});

test('editors find its schema where the build puts it', () => {
  expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=../dist/policy.schema.json');
  const built = new URL('../dist/policy.schema.json', url);
  if (existsSync(built)) expect(JSON.parse(readFileSync(built, 'utf8'))).toHaveProperty('title', 'inmesh policy');
});
