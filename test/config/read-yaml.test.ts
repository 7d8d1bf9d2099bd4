import { expect, test } from 'vitest';
import { accepted, refusals } from './refusal.ts';

test.each([
  ['', 'policy.yaml:1:1: empty (expected: a policy, which begins with "version: 1")'],
  ['# nothing but words\n', 'policy.yaml:1:1: empty (expected'],
  ['---\n', 'policy.yaml:1:1: empty (expected'],
  ['null', 'policy.yaml:1:1: empty (expected'],
  ['version 1', 'policy.yaml:1:1: "version 1" (expected: a mapping of version'],
  ['- version: 1', 'policy.yaml:1:1: a list (expected: a mapping of version'],
  ['version: 1\n---\nversion: 1\n', 'policy.yaml:2:1: a second document (expected: one document per file)'],
  ['version: 1\nversion: 1\n', 'policy.yaml:2:1 version: given twice (expected: once; it is also in line 1)'],
  ['version: 1\nservices:\n  a:\n  b:\n  "a":\n', 'policy.yaml:5:3 services.a: given twice (expected: once; it is also in line 3)'],
  ['version: 1\ndefaults:\n\tdeadline: 1s\n', 'policy.yaml:3:1: Tabs are not allowed as indentation (expected: valid YAML)'],
  ['version: 1\ndefaults: { deadline: 5s\n', 'policy.yaml:3:1: Flow map in block collection must be sufficiently indented'],
  ['version: 1\nservices:\n  a: "open\n', 'policy.yaml:4:1: Missing closing "quote (expected: valid YAML)'],
  ['version: 1\nservices: *all\n', 'policy.yaml:2:11 services: *all (expected: an anchor &all further up)'],
  ['version: 1\ndefaults: &d { deadline: 20s }\nservices:\n  a:\n    <<: *d\n', 'policy.yaml:5:5 services.a["<<"]: a merge key (expected: YAML 1.2, which has none'],
  ['version: !!int 1\n', 'policy.yaml:1:10: tag "!!int" (expected: no tags'],
  ['%YAML 1.1\n---\nversion: 1\n', 'policy.yaml:1:1: a directive (expected: no directives'],
  ['version: 1\n? [a]\n: b\n', 'policy.yaml:2:3: a key that is no word (expected: plain words as keys)'],
  ['version: 1\n: b\n', 'policy.yaml:2:1: a key that is no word'],
  ['version: 1\n\0', 'policy.yaml:2:1: control character "\\u0000" (expected: YAML text)'],
  [`version: 1\nservices: ${'['.repeat(30)}`, 'policy.yaml:2:35: nested too deeply (expected: at most 24 levels)'],
  ['version: 1\ndefaults: &a { retry: *a }\n', 'nested too deeply (expected: at most 24 levels, aliases followed)'],
])('%j is refused', (text, line) => {
  expect(refusals(text).join('\n')).toContain(line);
});

test('what follows from one slip in the syntax is not told', () => {
  expect(refusals('version: 1\nservices:\n  a: { deadline: ${X} }\n  b: { deadline: 5s, hosts: [c, d] }\n  c: {}\n').length).toBeLessThanOrEqual(1);
});

test('each independent slip in the syntax is told', () => {
  const lines = refusals('version: 1\nservices:\n  a: b: c\n  d: "\\q"\n  e: "\\z"\n');
  expect(lines.map((line) => line.split(' ')[0])).toEqual(['policy.yaml:3:6:', 'policy.yaml:4:7:', 'policy.yaml:5:7:']);
});

test('a byte order mark and Windows line ends change nothing', () => {
  expect(accepted('\uFEFFversion: 1\r\ndefaults:\r\n  deadline: 20s\r\n').defaults.deadline).toBe(20_000);
  expect(refusals('\uFEFFversion: 1\r\ndefaults:\r\n  deadline: x\r\n')[0]).toContain('policy.yaml:3:13 defaults.deadline: "x" ');
});

test('an end marker is not a second document', () => expect(accepted('---\nversion: 1\n...\n').services.size).toBe(0));

test('an anchor may be set again, and an alias means the last one above it', () => {
  const policy = accepted('version: 1\nservices:\n  a: { retry: &r { maxRetries: 1 } }\n  b: { retry: *r }\n  c: { retry: &r { maxRetries: 3 } }\n  d: { retry: *r }\n');
  expect([...policy.services.values()].map(({ policy: { retry } }) => (retry === 'off' ? retry : retry.maxRetries))).toEqual([1, 1, 3, 3]);
});

test('an alias inside what an alias repeats keeps its meaning', () => {
  const policy = accepted('version: 1\nservices:\n  a: { retry: &r { maxRetries: 1 } }\n  b: &b { retry: *r }\n  c: { retry: &r { maxRetries: 3 } }\n  d: *b\n');
  expect(policy.services.get('d')?.policy.retry).toMatchObject({ maxRetries: 1 });
});

test.each(['|\n    ', '>-\n    ', '"', "'", ''])('a text that begins with %j and goes on for ever is refused before it is parsed', (opening) => {
  const closing = opening.length === 1 ? opening : '';
  expect(refusals(`version: 1\nservices:\n  a: ${opening}${'x'.repeat(5000)}${closing}\n`)[0]).toMatch(/: text of \d+ characters \(expected: at most 4096\)$/);
});

test('a thousand services are an ordinary policy', () => {
  const text = `version: 1\nservices:\n${Array.from({ length: 1000 }, (_, i) => `  s${i}:\n    deadline: 20s\n    retry: { maxRetries: 1 }\n    discovery: { srv: _http._tcp.s${i} }\n`).join('')}`;
  expect(accepted(text).services.size).toBe(1000);
});
