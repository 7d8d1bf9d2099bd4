import { expect, test } from 'vitest';
import { accepted, refusals } from './refusal.ts';

const inOrders = (knobs: string): string => `version: 1\nservices: { orders: { ${knobs} } }`;
const allowOf = (knobs: string) => accepted(inOrders(knobs), {}).services.get('orders')!.allow;

test('is a list of who may, and for what', () => {
  expect(allowOf('allow: [spiffe://shop.example/a, { id: "*", methods: [GET], paths: [/healthz] }, { id: "spiffe://shop.example/ns/*/sa/**" }]')).toEqual([
    { id: 'spiffe://shop.example/a', methods: undefined, paths: undefined },
    { id: '*', methods: ['GET'], paths: ['/healthz'] },
    { id: 'spiffe://shop.example/ns/*/sa/**', methods: undefined, paths: undefined },
  ]);
  expect(allowOf('allow: []')).toEqual([]);
  expect(allowOf('deadline: 1s')).toBeUndefined();
});

test.each([
  ['allow: spiffe://shop.example/a'], ['allow: [front]'], ['allow: ["spiffe://*/a"]'], ['allow: [https://shop.example/a]'], ['allow: [{ methods: [GET] }]'], ['allow: [{ id: "**" }]'],
  ['allow: [{ id: "*", methods: [] }]'], ['allow: [{ id: "*", methods: [get] }]'], ['allow: [{ id: "*", paths: [orders] }]'], ['allow: [{ id: "*", paths: ["/a/*/b"] }]'], ['allow: [{ id: "*", paths: ["/a*"] }]'],
  ['allow: [{ id: "*", paths: ["/a?b"] }]'], ['allow: [{ id: "*", path: [/a] }]'], ['inbound: { forwardedFrom: [proxy] }'], ['inbound: { forwardedFrom: [10.0.0.0/33] }'], ['inbound: { forwardedFrom: ["fd00::/129"] }'], ['inbound: { authorization: off }'],
])('%s is refused, with what is expected', (knobs) => {
  expect(refusals(inOrders(knobs)).join('\n')).toMatch(/expected: /);
});

test('defaults have no rules for callers', () => {
  expect(refusals('version: 1\ndefaults: { allow: [] }').join('\n')).toContain('defaults.allow: unknown key');
});
