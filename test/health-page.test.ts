/** What docs/health.md says in figures and in YAML is so. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { mostEjected } from '../src/core/ejection-limit.ts';
import { defaultServicePolicy } from '../src/core/policy.ts';
import { accepted } from './config/refusal.ts';

const page = readFileSync(new URL('../docs/health.md', import.meta.url), 'utf8');

test('how many of how many endpoints the defaults eject at most', () => {
  const row = (first: string) => new RegExp(`^\\| ${first}[^|]*\\|(.+)\\|$`, 'm').exec(page)![1]!.split('|').map(Number);
  const totals = row('endpoints');
  expect(totals.length).toBeGreaterThan(4);
  expect(row('ejected at most')).toEqual(totals.map((total) => mostEjected(total, defaultServicePolicy.outlier.ejection)));
});

const blocks = [...page.matchAll(/^```yaml\n([^]*?)^```$/gm)].map(([, text]) => text!);

test.each(blocks)('example %# is a piece of a policy', (text) => {
  expect(accepted(`version: 1\n${text}`)).toBeDefined();
});

test('there are examples', () => expect(blocks.length).toBeGreaterThan(0));
