/**
 * docs/discovery.md names a test for each requirement, and each test that has a requirement's number is named there.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const table = [...readFileSync(join(root, 'docs/discovery.md'), 'utf8').matchAll(/^\| (R-\d+) \|[^|]*\|([^|]*)\|([^|]*)\|$/gm)]
  .map(([, number, remark, files]) => ({ number: number!, open: remark!.trim() === 'not yet', files: files!.split(',').map((file) => file.trim()).filter((file) => file !== '') }));

function tests(): { number: string; file: string }[] {
  return readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .flatMap((file) => [...readFileSync(join(root, 'test', file), 'utf8').matchAll(/\bit\('(R-\d+):/g)].map(([, number]) => ({ number: number!, file: `test/${file}` })));
}

it('has a row for each of the 45 requirements, in order', () => {
  expect(table.map((row) => row.number)).toEqual(Array.from({ length: 45 }, (_, index) => `R-${index + 1}`));
});

it('names exactly the tests that there are', () => {
  const written = table.flatMap(({ number, files }) => files.map((file) => `${number} ${file}`));
  const present = [...new Set(tests().map(({ number, file }) => `${number} ${file}`))];
  expect(written.sort()).toEqual(present.sort());
});

it('has a test for every requirement that is not marked as open, and none for those that are', () => {
  for (const { number, open, files } of table) expect([number, files.length > 0]).toEqual([number, !open]);
});
