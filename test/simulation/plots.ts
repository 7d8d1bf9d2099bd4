/**
 * Plots: the SVG of an experiment. Plain shapes and text, with a title and a description for who does not see them; colours that hold on
 * light and on dark, and differ in brightness and dashes as well.
 */
import type { Curve, Experiment, Plot, Range } from './compare.ts';
import { headingOf, rangeWritten } from './numbers.ts';

const WIDTH = 800;
const OURS = '#e8590c';
const OTHERS = ['#1c7ed6', '#2f9e44', '#9c36b5', '#868e96', '#e0a100', '#0c8599', '#c2255c'];
const DASHES = ['', '6 3', '2 3', '8 3 2 3', '', '6 3', '2 3'];

const style = `<style>
  text { font: 13px system-ui, sans-serif; fill: #333 }
  .faint { fill: #777 }
  .axis { stroke: #999; stroke-width: 1; fill: none }
  .grid { stroke: #999; stroke-width: 0.5; opacity: 0.4 }
  @media (prefers-color-scheme: dark) { text { fill: #ddd } .faint { fill: #999 } }
</style>`;

const isOurs = (way: string) => way === 'inmesh' || way.startsWith('inmesh,');
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const at = (value: number) => Number(value.toFixed(1));

export function svgOf(experiment: Experiment): string {
  const plot = experiment.plot;
  if (plot === undefined) throw new Error(`${experiment.row} has nothing to plot`);
  const { body, height, description } = plot.kind === 'bars' ? bars(experiment, plot) : curves(plot);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title desc">
<title id="title">${escaped(experiment.title)}</title>
<desc id="desc">${escaped(description)}</desc>
${style}
${body.join('\n')}
</svg>
`;
}

interface Drawing {
  readonly body: readonly string[];
  readonly height: number;
  readonly description: string;
}

const LABELS = 340;
const FIGURES = 130;
const ROW = 26;

/** Lying bars, one for each way, with the least and the most of the seeds as a line. */
function bars(experiment: Experiment, { table, figure, scale }: Extract<Plot, { kind: 'bars' }>): Drawing {
  const { caption, lines } = experiment.tables[table]!;
  const ranges = lines.map((line) => ({ way: line.way, range: line[figure] as Range }));
  // Shares near 1 differ in what they lack: the bars begin where the least does.
  const share = figure === 'success' || figure === 'within';
  const least = Math.min(...ranges.map(({ range }) => range.least));
  const from = share ? Math.floor(least * 20) / 20 - (least < 1 ? 0 : 0.05) : scale === 'log' ? 10 ** Math.floor(Math.log10(Math.max(least, 0.1))) : 0;
  const most = Math.max(...ranges.map(({ range }) => range.most), from * 1.01);
  const place = scaled(scale, from, most, LABELS, WIDTH - FIGURES);
  const body = [`<text x="0" y="16" class="faint">${escaped([headingOf(figure), caption].filter((part) => part !== '').join(' · '))}${scale === 'log' ? ' (logarithmic)' : share ? ` (from ${Math.round(100 * from)} %)` : ''}</text>`];
  ranges.forEach(({ way, range }, row) => {
    const top = 26 + row * ROW;
    const colour = isOurs(way) ? OURS : '#868e96';
    body.push(
      `<text x="${LABELS - 8}" y="${top + 15}" text-anchor="end">${escaped(way)}</text>`,
      `<rect x="${LABELS}" y="${top + 3}" width="${at(Math.max(1, place(range.mean) - LABELS))}" height="${ROW - 9}" fill="${colour}"/>`,
      `<path class="axis" d="M${at(place(range.least))} ${top + 11}H${at(place(range.most))}"/>`,
      `<text x="${at(place(range.most)) + 6}" y="${top + 15}">${rangeWritten(figure, { ...range, least: range.mean, most: range.mean })}</text>`,
    );
  });
  return { body, height: 30 + ranges.length * ROW, description: `${headingOf(figure)}: ${ranges.map(({ way, range }) => `${way} ${rangeWritten(figure, range)}`).join('; ')}` };
}

const LEFT = 60;
const PLOT_HEIGHT = 240;

function curves({ x, y, scale, curves: all }: Extract<Plot, { kind: 'curves' }>): Drawing {
  const points = all.flatMap(({ points: own }) => own);
  const [xs, ys] = [points.map(([px]) => px), points.map(([, py]) => py)];
  const lowest = scale === 'log' ? 10 ** Math.floor(Math.log10(Math.max(0.1, Math.min(...ys)))) : Math.min(...ys) > 0.5 && Math.max(...ys) <= 1 ? Math.floor(Math.min(...ys) * 20) / 20 : 0;
  const across = scaled('linear', Math.min(...xs), Math.max(...xs), LEFT, WIDTH - 20);
  const up = scaled(scale, lowest, Math.max(...ys), PLOT_HEIGHT, 24);
  const body = [`<text x="0" y="14" class="faint">${escaped(y)}${scale === 'log' ? ' (logarithmic)' : ''}</text>`];
  for (const tick of ticks(scale, lowest, Math.max(...ys))) {
    body.push(`<path class="grid" d="M${LEFT} ${at(up(tick))}H${WIDTH - 20}"/>`, `<text x="${LEFT - 6}" y="${at(up(tick)) + 4}" text-anchor="end">${shortly(tick)}</text>`);
  }
  for (const tick of ticks('linear', Math.min(...xs), Math.max(...xs))) body.push(`<text x="${at(across(tick))}" y="${PLOT_HEIGHT + 18}" text-anchor="middle">${shortly(tick)}</text>`);
  body.push(`<path class="axis" d="M${LEFT} 24V${PLOT_HEIGHT}H${WIDTH - 20}"/>`, `<text x="${WIDTH - 20}" y="${PLOT_HEIGHT + 36}" text-anchor="end" class="faint">${escaped(x)}</text>`);
  let other = 0;
  // Ours last, on top of the others.
  [...all].sort((a, b) => Number(isOurs(a.way)) - Number(isOurs(b.way))).forEach((curve, row) => {
    const ours = isOurs(curve.way);
    const colour = ours ? OURS : OTHERS[other % OTHERS.length]!;
    const dash = ours ? '' : DASHES[other % DASHES.length]!;
    if (!ours) other += 1;
    const line = `stroke="${colour}" stroke-width="${ours ? 3 : 1.8}"${dash === '' ? '' : ` stroke-dasharray="${dash}"`} fill="none"`;
    const top = PLOT_HEIGHT + 52 + Math.floor(row / 2) * 20;
    const left = LEFT + (row % 2) * 370;
    body.push(`<path ${line} d="M${curve.points.map(([px, py]) => `${at(across(px))} ${at(up(py))}`).join('L')}"/>`, `<path ${line} d="M${left} ${top}h28"/>`, `<text x="${left + 36}" y="${top + 4}">${escaped(curve.way)}</text>`);
  });
  return { body, height: PLOT_HEIGHT + 62 + Math.ceil(all.length / 2) * 20, description: `${y} by ${x}. ${all.map(described).join('; ')}` };
}

function described({ way, points }: Curve): string {
  const values = points.map(([, value]) => value);
  return `${way}: from ${shortly(Math.min(...values))} to ${shortly(Math.max(...values))}`;
}

/** From values to places on paper. */
function scaled(scale: 'linear' | 'log', from: number, to: number, start: number, end: number): (value: number) => number {
  const bend = scale === 'log' ? (value: number) => Math.log10(Math.max(value, 1e-9)) : (value: number) => value;
  const length = bend(to) - bend(from);
  return (value) => start + (length === 0 ? 0 : ((bend(value) - bend(from)) / length) * (end - start));
}

function ticks(scale: 'linear' | 'log', from: number, to: number): number[] {
  const found: number[] = [];
  if (scale === 'log') {
    for (let tick = from; tick <= to; tick *= 10) found.push(tick, ...[2, 5].map((factor) => tick * factor).filter((value) => value <= to && to / from < 300));
    return found;
  }
  const rough = (to - from) / 6;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * magnitude).find((size) => size >= rough)!;
  for (let count = Math.ceil(from / step - 1e-9); count * step <= to + 1e-9; count += 1) found.push(count * step);
  return found;
}

const shortly = (value: number) => String(Number(value.toPrecision(3)));
