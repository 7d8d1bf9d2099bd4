import { expect, test } from 'vitest';
import { accepted, refusals } from './refusal.ts';

test('zones by their networks, of both families', () => {
  expect([...accepted('version: 1\nzones: { 10.1.0.0/16: eu-west-1a, "fd00:1::/32": eu-west-1b }').zones]).toEqual([['10.1.0.0/16', 'eu-west-1a'], ['fd00:1::/32', 'eu-west-1b']]);
  expect(accepted('version: 1').zones.size).toBe(0);
  expect(accepted('version: 1\nzones:').zones.size).toBe(0);
});

test.each([
  ['10.1.2.3/16: a', 'zones["10.1.2.3/16"]', 'with no bits set beyond its prefix'],
  ['10.1.0.0: a', 'zones["10.1.0.0"]', 'a network such as 10.1.0.0/16 or fd00:1::/32'],
  ['10.1.0.0/33: a', 'zones["10.1.0.0/33"]', 'a network such as'],
  ['eu-west-1a: 10.1.0.0/16', 'zones.eu-west-1a', 'a network such as'],
  ['10.1.0.0/16: [a]', 'zones["10.1.0.0/16"]', 'name of a zone'],
  ['10.1.0.0/16: ""', 'zones["10.1.0.0/16"]', 'name of a zone'],
  ['"fd00::/16": a, "FD00:0::/16": b', 'zones["FD00:0::/16"]', 'each network once; fd00::/16 is the same'],
])('%s is refused, with place and expectation', (written, path, expected) => {
  const [first, ...more] = refusals(`version: 1\nzones: { ${written} }`);
  expect(first).toContain('policy.yaml:2:');
  expect(first).toContain(path);
  expect(first).toContain(expected);
  expect(more).toEqual([]);
});

test.each([
  ['locality: { remoteCost: 0.5 }', 'locality.remoteCost: 0.5 (expected: number 1–100)'],
  ['locality: { prefer: region }', 'locality.prefer: "region" (expected: zone)'],
  ['locality: { zone: a }', 'locality.zone: unknown key'],
  ['slowStart: { window: 10ms }', 'slowStart.window: "10ms" (expected: duration 100ms–1h'],
  ['slowStart: { minWeight: 0.1 }', 'slowStart.minWeight: 0.1 (expected: share 0%–100%)'],
  ['slowStart: 30s', 'slowStart: "30s" (expected: off, or a mapping of window, minWeight, mode)'],
])('%s is refused', (written, expected) => expect(refusals(`version: 1\nservices: { orders: { ${written} } }`).join()).toContain(expected));
