/** docs/policy.md says what the code does. `UPDATE_DOCS=1 npx vitest run test/config/docs.test.ts` writes its tables anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { parsePolicy } from '../../src/config/parse-policy.ts';
import { knobTables, tablesOf, withKnobTables } from './knob-tables.ts';
import { accepted, refusals } from './refusal.ts';

const url = new URL('../../docs/policy.md', import.meta.url);
if (process.env.UPDATE_DOCS === '1') writeFileSync(url, withKnobTables(readFileSync(url, 'utf8')));
const page = readFileSync(url, 'utf8');

test('every table is the one the code has', () => {
  expect(page, 'write them anew with UPDATE_DOCS=1 npx vitest run test/config/docs.test.ts').toBe(withKnobTables(page));
  expect(tablesOf(page).sort()).toEqual([...knobTables().keys()].sort());
});

test('every knob has its row', () => {
  expect([...knobTables().values()].join('\n')).toContain('| `retry.maxRetries` | `2` | integer 0–10 | Attempts beyond the first. |');
  expect(knobTables().get('service')).toContain('`discovery.srv`');
});

const blocks = [...page.matchAll(/^```yaml(?: (\w+))?\n([^]*?)^```$/gm)].map((match) => ({ kind: match[1], text: match[2] as string }));

test.each(blocks.filter(({ kind }) => kind !== 'refused'))('example %# is a policy, or a piece of one', ({ text }) => {
  const document = text.includes('version: 1') ? text : `version: 1\n${text}`;
  expect(parse(document)).toBeTypeOf('object');
  accepted(document, { NAMESPACE: 'shop', DEADLINE: '5s' });
});

test('the mistakes on the page are told in the words on the page', () => {
  const { text } = blocks.find(({ kind }) => kind === 'refused') as { text: string };
  const shown = /^```text\n([^]*?)^```$/m.exec(page)?.[1]?.trimEnd();
  const parsed = parsePolicy(text, 'policy.yaml', {});
  expect(refusals(text).length).toBeGreaterThan(2);
  expect('invalid' in parsed ? parsed.invalid.message : '').toBe(shown);
});
