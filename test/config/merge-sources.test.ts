import { expect, test } from 'vitest';
import { parsePolicyFiles } from '../../src/config/parse-policy.ts';
import { pathText, problemText } from '../../src/config/problem.ts';

function files(...texts: string[]) {
  return parsePolicyFiles(texts.map((text, index) => ({ name: `${'abc'[index]}.yaml`, text })), {});
}

function merged(...texts: string[]) {
  const parsed = files(...texts);
  if ('invalid' in parsed) throw parsed.invalid;
  return parsed;
}

function refused(...texts: string[]): string[] {
  const parsed = files(...texts);
  expect(parsed).toHaveProperty('invalid');
  return 'invalid' in parsed ? parsed.invalid.problems.map(problemText) : [];
}

test('a later file wins key by key, as deep as keys go, and what it does not say stays', () => {
  const { policy } = merged(
    'version: 1\ndefaults: { deadline: 20s, retry: { maxRetries: 5, backoff: { base: 50ms } } }\nservices: { a: { deadline: 15s } }',
    'version: 1\ndefaults: { retry: { backoff: { max: 1s } } }\nservices: { a: { attemptTimeout: 1s }, b: {} }',
  );
  expect(policy.defaults).toMatchObject({ deadline: 20_000, retry: { maxRetries: 5, backoff: { base: 50, max: 1000 } } });
  expect(policy.services.get('a')?.policy).toMatchObject({ deadline: 15_000, attemptTimeout: 1000 });
  expect([...policy.services.keys()]).toEqual(['a', 'b']);
});

test('lists and scalars are replaced, and a key with nothing behind it says nothing', () => {
  const { policy } = merged(
    'version: 1\ndefaults: { retry: { on: [reset, 5xx] } }\nservices: { a: { deadline: 11s, hosts: [x, y] } }',
    'version: 1\ndefaults:\nservices: { a: }',
    'version: 1\ndefaults: { retry: { on: [timeout] } }\nservices: { a: { hosts: [z] } }',
  );
  expect(policy.defaults.retry).toMatchObject({ on: ['timeout'] });
  expect(policy.services.get('a')).toMatchObject({ hosts: [{ host: 'z' }], policy: { deadline: 11_000 } });
});

test('a mapping after an off switches the mechanism on again, and an off after a mapping off', () => {
  const { policy } = merged('version: 1\nservices: { a: { retry: off }, b: { retry: { maxRetries: 1 } } }', 'version: 1\nservices: { a: { retry: { maxRetries: 3 } }, b: { retry: off } }');
  expect(policy.services.get('a')?.policy.retry).toMatchObject({ maxRetries: 3, backoff: { base: 25 } });
  expect(policy.services.get('b')?.policy.retry).toBe('off');
});

test('every mistake is told with the file and the line of whoever wrote it last', () => {
  expect(refused('version: 1\nservices:\n  a: { deadline: 3 }\n  b: { retry: { maxRetries: 4 } }', 'version: 1\nservices:\n  b:\n    retry: { maxRetries: two }\n    dedline: 2s')).toEqual([
    'a.yaml:3:18 services.a.deadline: 3 (expected: duration 1ms–576h, with its unit ms, s, m or h)',
    'b.yaml:4:26 services.b.retry.maxRetries: "two" (expected: integer 0–10)',
    expect.stringContaining('b.yaml:5:5 services.b.dedline: unknown key (did you mean deadline?'),
  ]);
});

test('what two files say together is judged together', () => {
  const [problem] = refused('version: 1\nservices: { a: { deadline: 2s, attemptTimeout: 1s } }', 'version: 1\nservices: { a: { attemptTimeout: 3s } }');
  expect(problem).toBe('b.yaml:2:34 services.a.attemptTimeout: "3s" (expected: less than deadline, 2s)');
});

test('a file that is no YAML is told, with the mistakes of the others', () => {
  const problems = refused('version: 1\nx: ${NOT_SET_ANYWHERE}', 'version: [1', 'version: 1');
  expect(problems[0]).toContain('a.yaml:2:4 x: ${NOT_SET_ANYWHERE} is not set');
  expect(problems[1]).toContain('b.yaml:1:');
  expect(problems).toHaveLength(2);
});

test('of every key one can ask who said it', () => {
  const { source } = merged('version: 1\ndefaults: { deadline: 20s, retry: { maxRetries: 5 } }', 'version: 1\ndefaults:\n  retry: { maxRetries: 4 }');
  const where = (...path: string[]) => ({ [pathText(path)]: source.position(path) });
  expect(where('defaults', 'deadline')).toEqual({ 'defaults.deadline': { line: 2, column: 23, file: 'a.yaml' } });
  expect(where('defaults', 'retry', 'maxRetries')).toEqual({ 'defaults.retry.maxRetries': { line: 3, column: 24, file: 'b.yaml' } });
});

test('together they may be no larger than one may be', () => {
  const codes = Array.from({ length: 200 }, (_, index) => 400 + index).join(',');
  const many = (letter: string) => `version: 1\nservices:\n${Array.from({ length: 90 }, (_, index) => `  ${letter}${index}: {retry: {on: [${codes}]}}`).join('\n')}`;
  expect(refused(many('a'), many('b'), many('c'))).toContain('a.yaml, b.yaml, c.yaml: too many values (expected: at most 50000 in all files together)');
});
