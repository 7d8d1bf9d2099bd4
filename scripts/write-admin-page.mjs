/**
 * Makes src/admin/page-text.ts of what is in src/admin/page: the admin page as three texts, so that the package needs no other file at run
 * time, wherever and by whatever it is bundled. `npm run build` does it; a test says when it was forgotten.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';

const root = fileURLToPath(new URL('..', import.meta.url));
const made = `${root}src/admin/page-text.ts`;

export async function pageText() {
  const page = `${root}src/admin/page/`;
  await build({ config: false, entry: { 'admin-page': `${page}main.ts` }, outDir: `${root}.cache/build`, format: ['iife'], platform: 'browser', target: 'es2022', minify: true, silent: true });
  const script = readFileSync(`${root}.cache/build/admin-page.global.js`, 'utf8').trim();
  const style = readFileSync(`${page}page.css`, 'utf8').replace(/\s*\n\s*/g, '\n').trim();
  const html = readFileSync(`${page}page.html`, 'utf8');
  // A script ends where its text says so.
  if (/<\/script|<!--/i.test(script)) throw new Error('the script of the admin page would end before its end');
  const texts = Object.entries({ html, style, script }).map(([name, text]) => `export const ${name} = ${JSON.stringify(text)};\n`);
  return `/** Made by scripts/write-admin-page.mjs of what is in page/; not to be changed here. */\n${texts.join('')}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(made, await pageText());
