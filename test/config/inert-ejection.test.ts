import { expect, test } from 'vitest';
import { suspicionsOf } from './refusal.ts';

const told = (knobs: string) => suspicionsOf(`version: 1\nservices:\n  a: { ${knobs} }\n`);
const three = 'discovery: { endpoints: ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"] }';

test.each([
  ['outlier: { relative: off }', 'services.a.outlier: a mapping (expected: one of relative, consecutiveFailures and successRate: with all of them off nobody is ever ejected)'],
  ['outlier: { ejection: { maxShare: 0% } }', 'services.a.outlier.ejection.maxShare: "0%" (expected: more than 0%: nobody is ever ejected)'],
  ['outlier: { panic: { below: 100% } }', 'services.a.outlier.panic.below: "100%" (expected: less than 100%: whoever is ejected is used all the same)'],
  ['outlier: { successRate: { threshold: 0% } }', 'services.a.outlier.successRate.threshold: "0%" (expected: more than 0%'],
  ['outlier: { relative: { gap: 100% } }', 'services.a.outlier.relative.gap: "100%" (expected: less than 100%'],
  ['outlier: { relative: { fleetAbove: 100% } }', 'services.a.outlier.relative.fleetAbove: "100%" (expected: less than 100%'],
  ['outlier: { relative: { sigmas: 10, window: 100ms } }', 'services.a.outlier.relative.sigmas: 10 (expected: less, or a longer window: to eject anybody takes more than 100 attempts within 100ms)'],
  ['outlier: { relative: { minRequests: 1000, window: 1s } }', 'services.a.outlier.relative.minRequests: 1000 (expected: less, or a longer window: to eject an endpoint takes 1000 of its attempts within 1s)'],
  [`${three}, outlier: { ejection: { minRemaining: 3 } }`, 'services.a.outlier.ejection.minRemaining: 3 (expected: more endpoints than ejection.minRemaining, 3: none of its 3 endpoints is ever ejected)'],
  ['discovery: { endpoints: ["10.0.0.1:80"] }, outlier: { consecutiveFailures: 5 }', 'services.a.discovery.endpoints: a list (expected: more endpoints than ejection.minRemaining, 1: its only endpoint is never ejected)'],
])('%s can never eject', (knobs, sentence) => {
  const warnings = told(knobs);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain(sentence);
});

test.each([
  'outlier: off',
  'outlier: {}',
  'outlier: { relative: off, consecutiveFailures: 5 }',
  'outlier: { panic: { below: 100%, mode: fail-fast } }',
  'outlier: { relative: { sigmas: 10 } }',
  'outlier: { relative: { minRequests: 1000 } }',
  `${three}, outlier: { ejection: { minRemaining: 2 } }`,
  // Nobody asked for ejection.
  'discovery: { endpoints: ["10.0.0.1:80"] }',
])('%s is fine', (knobs) => {
  expect(told(knobs)).toEqual([]);
});

test('what was inherited is told where it stands, once, and judged with the endpoints of each service', () => {
  const text = `version: 1
defaults:
  outlier: { ejection: { maxShare: 0% } }
services: { a: {}, b: { outlier: { mode: observe } } }
`;
  expect(suspicionsOf(text)).toEqual([expect.stringContaining('policy.yaml:3:36 defaults.outlier.ejection.maxShare')]);
  const few = `version: 1
defaults: { outlier: { ejection: { minRemaining: 5 } } }
services: { a: { ${three} } }
`;
  expect(suspicionsOf(few)).toEqual([expect.stringContaining('services.a.discovery.endpoints: a list (expected: more endpoints than ejection.minRemaining, 5')]);
});
