/** What a policy is refused for, in the words its writer reads; a policy that is accepted fails the test. */
import { expect } from 'vitest';
import type { Policy } from '../../src/core/policy.ts';
import { parsePolicy, parsePolicyObject } from '../../src/config/parse-policy.ts';
import { problemText } from '../../src/config/problem.ts';

export function refusals(text: string, env: NodeJS.ProcessEnv = {}): string[] {
  const parsed = parsePolicy(text, 'policy.yaml', env);
  expect(parsed).toHaveProperty('invalid');
  return 'invalid' in parsed ? parsed.invalid.problems.map(problemText) : [];
}

export function accepted(text: string, env: NodeJS.ProcessEnv = {}): Policy {
  const parsed = parsePolicy(text, 'policy.yaml', env);
  if ('invalid' in parsed) throw parsed.invalid;
  return parsed.policy;
}

export function objectRefusals(document: unknown, env: NodeJS.ProcessEnv = {}): string[] {
  const parsed = parsePolicyObject(document, env);
  expect(parsed).toHaveProperty('invalid');
  return 'invalid' in parsed ? parsed.invalid.problems.map(problemText) : [];
}

export function acceptedObject(document: unknown, env: NodeJS.ProcessEnv = {}): Policy {
  const parsed = parsePolicyObject(document, env);
  if ('invalid' in parsed) throw parsed.invalid;
  return parsed.policy;
}

/** What is allowed and warned of. */
export function suspicionsOf(text: string, env: NodeJS.ProcessEnv = {}): string[] {
  const parsed = parsePolicy(text, 'policy.yaml', env);
  if ('invalid' in parsed) throw parsed.invalid;
  return parsed.warnings.map(problemText);
}
