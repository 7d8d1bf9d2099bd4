import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { importCommand } from '../../../src/cli/commands/import.ts';
import { accepted } from '../../config/refusal.ts';
import { ran } from '../../support/terminal.ts';

const root = mkdtempSync(join(tmpdir(), 'inmesh-import-'));
afterAll(() => rmSync(root, { recursive: true }));
const reviews = fileURLToPath(new URL('../../cases/istio-bookinfo/networking__virtual-service-reviews-90-10.yaml', import.meta.url));

it('writes a policy, and says beside it what is left to do', async () => {
  const { code, out, complaints } = await ran(importCommand, [reviews]);
  expect(code).toBe(0);
  expect(accepted(out).services.get('reviews')?.versions.size).toBe(2);
  expect(complaints).toContain('needs: VirtualService default/reviews');
  const path = join(root, 'policy.yaml');
  expect(await ran(importCommand, [reviews, '-o', path])).toMatchObject({ code: 0, out: '' });
  expect(readFileSync(path, 'utf8')).toBe(out);
});

it('says what it could not read or write', async () => {
  expect(await ran(importCommand, [join(root, 'none.yaml')])).toMatchObject({ code: 1, out: '', complaints: expect.stringContaining('ENOENT') as string });
  expect(await ran(importCommand, [reviews, '-o', join(root, 'no', 'such', 'folder.yaml')])).toMatchObject({ code: 1, complaints: expect.stringContaining('ENOENT') as string });
  await expect(ran(importCommand, [])).rejects.toThrow('FILE is missing');
});
