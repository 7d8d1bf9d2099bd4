/** docs/telemetry.md says what the code does. `UPDATE_DOCS=1 npx vitest run test/telemetry/docs.test.ts` writes its table anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { metricTable, prometheusName, type MetricEntry, type MetricName } from '../../src/core/metrics.ts';

const url = new URL('../../docs/telemetry.md', import.meta.url);
if (process.env.UPDATE_DOCS === '1') writeFileSync(url, withTable(readFileSync(url, 'utf8')));
const page = readFileSync(url, 'utf8');

function table(): string {
  const rows = Object.entries(metricTable).map(([name, { instrument, unit, attributes, meaning, when }]: [string, MetricEntry]) =>
    `| \`${name}\` | \`${prometheusName(name as MetricName)}\` | ${instrument} | \`${unit}\` | ${attributes.map((each) => `\`${each}\``).join(', ')} | ${meaning} | ${when} |`);
  return ['| metric | for Prometheus | instrument | unit | attributes | meaning | when |', '|---|---|---|---|---|---|---|', ...rows].join('\n');
}

function withTable(text: string): string {
  return text.replace(/<!-- metrics -->[^]*<!-- \/metrics -->/, () => `<!-- metrics -->\n${table()}\n<!-- /metrics -->`);
}

test('its table is the one the code has', () => {
  expect(page).toContain('<!-- metrics -->');
  expect(page, 'write it anew with UPDATE_DOCS=1 npx vitest run test/telemetry/docs.test.ts').toBe(withTable(page));
});

test('it explains every attribute, and names for Prometheus what exists', () => {
  const explained = [...page.matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, names]) => [...names!.matchAll(/`([\w.]+)`/g)].map(([, name]) => name));
  const used = new Set(Object.values(metricTable).flatMap(({ attributes }) => attributes as readonly string[]));
  for (const attribute of used) if (attribute.startsWith('inmesh.') || attribute.startsWith('http.request')) expect(explained).toContain(attribute);
  const names = Object.keys(metricTable).map((name) => prometheusName(name as MetricName));
  const queried = [...page.matchAll(/\b(inmesh_[a-z_]+?)(?:_bucket|_count|_sum)?(?=\{|\[| ==)/g)].map(([, name]) => name!);
  expect(queried.length).toBeGreaterThan(5);
  expect(queried.filter((name) => !names.includes(name))).toEqual([]);
});
