/**
 * Compare: the same scenario, the same seeds, several ways of choosing; the table of it, and the file that docs/balancing.md and docs/overload.md are made of.
 *
 * Seeds from 101 on were never tuned on. `npm run simulate` plays five of them, with every way there is, and writes results/; an ordinary test
 * run plays two, with those that something is asserted of. (`SIMULATION=1` is for a first look.)
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import type { Figures, Summary } from './figures.ts';
import { headingOf, rangeWritten } from './numbers.ts';
import { play, type Scenario } from './world.ts';
import type { NamedWay } from './way.ts';

const asked = process.env.SIMULATION;
export const whole = asked !== undefined;
if (asked !== undefined && !/^[1-9]\d?$/.test(asked)) throw new Error(`SIMULATION: ${asked} (expected: a number of seeds)`);
export const seeds: readonly number[] = Array.from({ length: whole ? Number(asked) : 2 }, (_, number) => 101 + number);

// They work all the time, and there is much of it.
vi.setConfig({ testTimeout: whole ? 3_600_000 : 180_000 });

/** Mean over the seeds, and the least and the most. */
export interface Range {
  readonly mean: number;
  readonly least: number;
  readonly most: number;
}

export type Line = { readonly way: string } & { readonly [Name in keyof Summary]: Range };

/** A line of a table: some of the figures of one way, or others. */
export interface Cells {
  readonly way: string;
  readonly [figure: string]: Range | string;
}

export interface Curve {
  readonly way: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** What its plot shows: one figure of a table as bars, or curves. */
export type Plot =
  | { readonly kind: 'bars'; readonly table: number; readonly figure: string; readonly scale: 'linear' | 'log' }
  | { readonly kind: 'curves'; readonly x: string; readonly y: string; readonly scale: 'linear' | 'log'; readonly curves: readonly Curve[] };

/** What is written down of one experiment. */
export interface Experiment {
  /** Name of its files. */
  readonly row: string;
  readonly title: string;
  /** The figures of those who published it, in words; where nobody did, what it is. */
  readonly published: string;
  readonly seeds: readonly number[];
  readonly tables: readonly { readonly caption: string; readonly lines: readonly Cells[] }[];
  readonly plot?: Plot;
}

export function range(values: readonly number[]): Range {
  const round = (value: number) => Number(value.toPrecision(6));
  return { mean: round(values.reduce((sum, value) => sum + value, 0) / values.length), least: round(Math.min(...values)), most: round(Math.max(...values)) };
}

export function lineOf(way: string, summaries: readonly Summary[]): Line {
  const names = Object.keys(summaries[0]!) as (keyof Summary)[];
  const ranges = Object.fromEntries(names.map((name) => [name, range(summaries.map((summary) => summary[name]))]));
  return { way, ...(ranges as { [Name in keyof Summary]: Range }) };
}

export interface Played {
  readonly line: Line;
  /** By seed. */
  readonly runs: readonly Figures[];
}

/** By the name of the way. */
export function compare(scenario: Scenario, ways: readonly NamedWay[], from?: number, to?: number): ReadonlyMap<string, Played> {
  return new Map(ways.map((way) => {
    const runs = seeds.map((seed) => play(scenario, way, seed));
    return [way.name, { runs, line: lineOf(way.name, runs.map((run) => run.summary(from, to))) }];
  }));
}

const results = fileURLToPath(new URL('results/', import.meta.url));

/** Prints it and writes it down, where the whole set is played. */
export function record(experiment: Omit<Experiment, 'seeds'>): void {
  if (!whole) return;
  mkdirSync(results, { recursive: true });
  const { tables, plot, ...facts } = experiment;
  writeFileSync(`${results}${experiment.row}.json`, `${JSON.stringify({ ...facts, seeds, tables, plot }, undefined, 1)}\n`);
  console.log([`${experiment.row}: ${experiment.title}`, `  published: ${experiment.published}`, ...tables.flatMap(({ caption, lines }) => [`  ${caption}`, ...lines.map(printed)])].join('\n'));
}

function printed({ way, ...figures }: Cells): string {
  const cells = Object.entries(figures).map(([name, figure]) => (typeof figure === 'string' ? figure : `${headingOf(name)} ${rangeWritten(name, figure)}`));
  return `    ${way}: ${cells.join(' · ')}`;
}
