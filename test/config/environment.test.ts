import { expect, test } from 'vitest';
import { accepted, acceptedObject, objectRefusals, refusals } from './refusal.ts';

const srv = (value: string, env: NodeJS.ProcessEnv) => {
  const source = accepted(`version: 1\nservices:\n  a:\n    discovery:\n      srv: ${value}\n`, env).services.get('a')?.source;
  return source?.kind === 'srv' ? source.name : undefined;
};

test('a variable is replaced, within a text too', () => {
  expect(srv('_http._tcp.a.${NS}.svc.${DOMAIN:-cluster.local}', { NS: 'shop' })).toBe('_http._tcp.a.shop.svc.cluster.local');
});

test('a default is used where the variable is unset or empty', () => {
  expect(srv('_a._tcp.${X:-b}', {})).toBe('_a._tcp.b');
  expect(srv('_a._tcp.${X:-b}', { X: '' })).toBe('_a._tcp.b');
  expect(srv('_a._tcp.${X:-b}', { X: 'c' })).toBe('_a._tcp.c');
});

test('a number or boolean from a variable is one, unless it stands in quotes', () => {
  const text = (n: string) => `version: 1\ndefaults:\n  retry:\n    maxRetries: ${n}\n  propagate:\n    trace: \${TRACE:-false}\n`;
  const policy = accepted(text('${N}'), { N: '3' });
  expect(policy.defaults.retry).toMatchObject({ maxRetries: 3 });
  expect(policy.defaults.propagate.trace).toBe(false);
  expect(refusals(text('"${N}"'), { N: '3' })).toEqual(['policy.yaml:4:17 defaults.retry.maxRetries: "3" from ${N} (expected: integer 0–10)']);
});

test('a variable that is not set is named, with its place', () => {
  expect(refusals('version: 1\ndefaults:\n  deadline: ${D}\n')).toEqual([
    'policy.yaml:3:13 defaults.deadline: ${D} is not set (expected: environment variable D, or a default: ${D:-…})',
  ]);
});

test('a bad value tells which variable it came from', () => {
  expect(refusals('version: 1\ndefaults:\n  deadline: ${D}\n', { D: 'soon' })[0]).toMatch(/^policy\.yaml:3:13 defaults\.deadline: "soon" from \$\{D\} \(expected: duration/);
});

test.each(['${', '${}', '${A', '${1A}', '${A B}', '${A:b}', '${A:-${B}}'])('%s is refused', (reference) => {
  expect(refusals(`version: 1\nservices: { a: { discovery: { srv: "x.${reference}" } } }`, { A: 'a', B: 'b' })[0]).toContain('expected: ${NAME} or ${NAME:-default}');
});

test('what a variable holds is never structure, and not looked at again', () => {
  const env = { X: '{ maxRetries: 1 }', Y: '${Z}', Z: '5s' };
  expect(refusals('version: 1\ndefaults:\n  retry: ${X}\n', env)[0]).toContain('"{ maxRetries: 1 }" from ${X}');
  expect(refusals('version: 1\ndefaults:\n  deadline: ${Y}\n', env)[0]).toContain('"${Z}" from ${Y}');
});

test('keys are never replaced', () => {
  expect(refusals('version: 1\nservices:\n  ${X}: {}\n', { X: 'a' })[0]).toContain('services["${X}"]');
});

test('inside braces a reference needs quotes, and the message says so', () => {
  expect(refusals('version: 1\ndefaults: { deadline: ${D} }\n', { D: '5s' }).join()).toContain('needs quotes');
});

test('an object of the same shape knows the environment too', () => {
  expect(acceptedObject({ version: 1, defaults: { deadline: '${D}', retry: { maxRetries: '${N}' } } }, { D: '20s', N: '1' }).defaults).toMatchObject({ deadline: 20_000, retry: { maxRetries: 1 } });
  expect(objectRefusals({ version: 1, defaults: { deadline: '${D}' } })[0]).toContain('options.policy defaults.deadline: ${D} is not set');
});
