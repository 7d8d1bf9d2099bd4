/**
 * What the pages of the docs take from results/: between `<!-- simulated H1 -->` and `<!-- end -->` stand the plot and the tables of
 * that experiment, with what was published beside them. Nobody types a figure.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Cells, Experiment, Range } from './compare.ts';
import { headingOf, rangeWritten } from './numbers.ts';

const results = fileURLToPath(new URL('results/', import.meta.url));

export function experiments(): ReadonlyMap<string, Experiment> {
  const found = readdirSync(results).filter((name) => name.endsWith('.json')).sort();
  return new Map(found.map((name) => [name.slice(0, -'.json'.length), JSON.parse(readFileSync(`${results}${name}`, 'utf8')) as Experiment]));
}

/** Lazy to the last: an empty one must not reach to the end of the next. */
const block = /^<!-- simulated (\S+) -->\n(?:[^]*?\n)??<!-- end -->$/gm;

/** The experiments that a page shows, in its order. */
export function shownOn(page: string): string[] {
  return [...page.matchAll(block)].map((match) => match[1]!);
}

/** The page with what the results say. */
export function withResults(page: string, all: ReadonlyMap<string, Experiment>): string {
  return page.replace(block, (_, row: string) => {
    const experiment = all.get(row);
    if (experiment === undefined) throw new Error(`the docs show ${row}, of which there is no result`);
    return `<!-- simulated ${row} -->\n${shown(experiment)}\n<!-- end -->`;
  });
}

function shown({ row, title, published, seeds, tables, plot }: Experiment): string {
  const parts = [];
  if (plot !== undefined) parts.push(`![${title}](images/balancing-${row}.svg)`);
  parts.push(`Published: ${published}. Here: mean of ${seeds.length} seeds (least–most).`);
  for (const { caption, lines } of tables) parts.push(`${caption === '' ? '' : `${caption}:\n\n`}${table(lines)}`);
  return parts.join('\n\n');
}

function table(lines: readonly Cells[]): string {
  const figures = Object.keys(lines[0]!).filter((name) => name !== 'way');
  const cell = (line: Cells, figure: string) => (typeof line[figure] === 'string' ? line[figure] : rangeWritten(figure, line[figure] as Range));
  return [
    `| | ${figures.map(headingOf).join(' | ')} |`,
    `|---|${figures.map(() => '---:').join('|')}|`,
    ...lines.map((line) => `| ${line.way.startsWith('inmesh') ? `**${line.way}**` : line.way} | ${figures.map((figure) => cell(line, figure)).join(' | ')} |`),
  ].join('\n');
}
