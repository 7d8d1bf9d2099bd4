import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { page } from '../../src/admin/page-file.ts';
// @ts-expect-error It is a script, without types.
import { pageText } from '../../scripts/write-admin-page.mjs';

describe('the page', () => {
  it('is what its sources make (node scripts/write-admin-page.mjs)', async () => {
    expect(readFileSync(new URL('../../src/admin/page-text.ts', import.meta.url), 'utf8') === (await (pageText as () => Promise<string>)())).toBe(true);
  }, 60_000);

  it('is one file that loads no other', () => {
    expect(page.html).not.toMatch(/(?:src|href)="(?!policy"|metrics"|snapshot\.json"|#services"|data:)/);
    expect(page.html).not.toMatch(/@import|url\(/);
    expect(page.html).not.toContain('/* script */');
    expect(page.html.length).toBeLessThan(64 * 1024);
  });

  it('allows its own script and style and nothing else', () => {
    expect(page.securityPolicy).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; script-src 'sha256-[^']+'; connect-src 'self'; img-src data:;/);
    expect(page.securityPolicy).not.toMatch(/unsafe|\*/);
    expect(page.html).not.toMatch(/ style="| on[a-z]+="/);
  });
});
