/** docs/balancing.md and its plots say what results/ says. `npm run simulate` writes all of them anew. */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { experiments, shownOn, withResults } from './page.ts';
import { svgOf } from './plots.ts';

const url = new URL('../../docs/balancing.md', import.meta.url);
const images = new URL('../../docs/images/', import.meta.url);
const all = experiments();
const plotted = [...all.values()].filter(({ plot }) => plot !== undefined);
const imageOf = (row: string) => new URL(`balancing-${row}.svg`, images);

if (process.env.UPDATE_DOCS === '1') {
  mkdirSync(images, { recursive: true });
  writeFileSync(url, withResults(readFileSync(url, 'utf8'), all));
  for (const experiment of plotted) writeFileSync(imageOf(experiment.row), svgOf(experiment));
}
const page = readFileSync(url, 'utf8');

describe('docs/balancing.md', () => {
  it('has the figures of the results, and none of its own', () => {
    expect(page).toBe(withResults(page, all));
    expect(shownOn(page).length).toBeGreaterThan(8);
  });

  it('shows every experiment, each once', () => {
    expect(shownOn(page).sort()).toEqual([...all.keys()].sort());
  });

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
