/** docs/balancing.md with its plots, and docs/overload.md, say what results/ says. `npm run simulate` writes all of them anew. */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { experiments, shownOn, withResults } from './page.ts';
import { svgOf } from './plots.ts';

const docs = new URL('../../docs/', import.meta.url);
const images = new URL('images/', docs);
const all = experiments();
const plotted = [...all.values()].filter(({ plot }) => plot !== undefined);
const imageOf = (row: string) => new URL(`balancing-${row}.svg`, images);
const names = ['balancing.md', 'overload.md'];

if (process.env.UPDATE_DOCS === '1') {
  mkdirSync(images, { recursive: true });
  for (const name of names) writeFileSync(new URL(name, docs), withResults(readFileSync(new URL(name, docs), 'utf8'), all));
  for (const experiment of plotted) writeFileSync(imageOf(experiment.row), svgOf(experiment));
}
const pages = names.map((name) => readFileSync(new URL(name, docs), 'utf8'));
const page = pages[0]!;

describe('the docs', () => {
  it.each(pages.map((text, index) => [names[index]!, text] as const))('have the figures of the results on %s, and none of their own', (_name, text) => {
    expect(text).toBe(withResults(text, all));
    expect(shownOn(text).length).toBeGreaterThan(2);
  });

  it('show every experiment, each once', () => {
    expect(pages.flatMap(shownOn).sort()).toEqual([...all.keys()].sort());
  });
});

describe('docs/balancing.md', () => {
  it('has every image that it shows, and no other', () => {
    const shown = [...page.matchAll(/\]\(images\/(balancing-[^)]+)\)/g)].map((match) => match[1]!);
    expect(shown.filter((name) => !existsSync(new URL(name, images)))).toEqual([]);
    expect(readdirSync(images).filter((name) => name.startsWith('balancing-')).sort()).toEqual(shown.sort());
  });

  it.each(plotted.map((experiment) => [experiment.row, experiment] as const))('the plot of %s is drawn from its results, and can be read aloud', (row, experiment) => {
    const svg = readFileSync(imageOf(row), 'utf8');
    expect(svg).toBe(svgOf(experiment));
    expect(svg).toMatch(/<title id="title">\S[^]*<desc id="desc">\S/);
    expect(svg).toContain('prefers-color-scheme: dark');
    expect(svg).not.toContain('NaN');
  });
});
