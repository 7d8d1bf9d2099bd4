import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { MeshError } from '../../src/index.ts';
import { OwnPolicy } from '../../src/server/own-policy.ts';
import { systemClock } from '../../src/core/clock.ts';
import { eventually } from '../support/eventually.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function own(text: string, named = true) {
  const folder = mkdtempSync(join(tmpdir(), 'inmesh-own-'));
  folders.push(folder);
  const path = join(folder, 'policy.yaml');
  const write = (content: string): void => writeFileSync(path, content);
  write(text);
  const warnings: string[] = [];
  const policy = new OwnPolicy({ service: 'orders', named, policy: path, watch: true, clock: systemClock, warn: (message) => warnings.push(message) });
  return { policy, warnings, write };
}

const deadlineOf = (policy: OwnPolicy): number => policy.entry.policy.deadline;

test('is what the policy says of the service, and follows it', async () => {
  const { policy, write } = own('version: 1\nservices: { orders: { deadline: 7s } }');
  expect(deadlineOf(policy)).toBe(7000);
  write('version: 1\nservices: { orders: { deadline: 8s } }');
  await eventually(() => deadlineOf(policy) === 8000);
  write('version: 1\nservices: { orders: { deadline: 8 } }');
  await eventually(() => !policy.snapshot().valid);
  expect(deadlineOf(policy)).toBe(8000);
  expect(policy.snapshot()).toMatchObject({ valid: false, generation: 2 });
  policy.close();
});

test('a name that is given and not there is an error, for its rules would be nobody’s', () => {
  let error: unknown;
  try {
    own('version: 1\nservices: { ordres: {} }');
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(MeshError);
  expect(error).toMatchObject({ code: 'UNKNOWN_SERVICE', message: 'the policy does not name "orders" (did you mean ordres?)' });
});

test('a name that was guessed and is not there goes by the defaults, with a warning', () => {
  const { policy, warnings } = own('version: 1\ndefaults: { deadline: 3s }\nservices: { reviews: {} }', false);
  expect(deadlineOf(policy)).toBe(3000);
  expect(warnings).toEqual(['the policy does not name "orders"; its server half goes by what holds for all']);
  policy.close();
});

test('a policy without services holds for all', () => {
  const { policy, warnings } = own('version: 1\ndefaults: { deadline: 3s }');
  expect(deadlineOf(policy)).toBe(3000);
  expect(warnings).toEqual([]);
  policy.close();
});

test('a service that leaves the policy keeps what it said last', async () => {
  const { policy, warnings, write } = own('version: 1\nservices: { orders: { deadline: 7s } }');
  write('version: 1\nservices: { reviews: {} }');
  await eventually(() => policy.snapshot().generation === 2);
  expect(deadlineOf(policy)).toBe(7000);
  expect(warnings).toEqual(['the policy does not name "orders" any more; its server half goes by what it said last']);
  policy.close();
});
