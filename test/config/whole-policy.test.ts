/** The policy file as it was designed, with every default written out, is one; and its defaults are those of the code. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parsePolicy } from '../../src/config/parse-policy.ts';
import { problemText } from '../../src/config/problem.ts';

function parsed(text: string) {
  const result = parsePolicy(text, 'whole-policy.yaml', {});
  if ('invalid' in result) throw new Error(result.invalid.problems.map(problemText).join('\n'));
  return result;
}

const whole = parsed(readFileSync(new URL('./whole-policy.yaml', import.meta.url), 'utf8'));

it('is valid, and nothing in it looks like a mistake', () => {
  expect(whole.warnings.map(problemText)).toEqual([]);
});

it('says of every knob what holds without it', () => {
  expect(whole.policy.defaults).toEqual(parsed('version: 1').policy.defaults);
});
