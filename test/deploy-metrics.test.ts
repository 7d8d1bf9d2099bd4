/** The dashboard and the alert rules speak of metrics that there are, by labels that these have. */
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { metricTable, prometheusName, type MetricName } from '../src/core/metrics.ts';
import { alertRules, dashboardQueries } from './support/deployed-queries.ts';

const labelsOf = new Map((Object.keys(metricTable) as MetricName[]).map((name) => [prometheusName(name), new Set(metricTable[name].attributes.map((attribute) => attribute.replaceAll('.', '_')))]));
/** Prometheus' own. */
const OF_TARGETS = ['job', 'instance', 'le'];

/** Selectors of metrics, and names of labels in `by (…)` and `on (…)`. */
function spokenOf(query: string): { metric: string; labels: string[] }[] {
  return [...query.matchAll(/\b((?:inmesh|http_client|dns)_[a-z_]+)(?:\{([^}]*)\})?/g)]
    .filter(([, name]) => ![...labelsOf.values()].some((labels) => labels.has(name!)))
    .map(([, name, selectors = '']) => ({ metric: name!.replace(/_(?:bucket|sum|count)$/, ''), labels: [...selectors.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label!) }));
}

const queries = [...dashboardQueries().map(({ title, query }) => [title, query] as const), ...alertRules().map(({ alert, expr }) => [alert, expr] as const)];

describe('the dashboard and the alert rules', () => {
  it('are there', () => {
    expect(dashboardQueries().length).toBeGreaterThan(25);
    expect(alertRules().length).toBeGreaterThan(8);
    expect(readdirSync(new URL('../deploy/prometheus/', import.meta.url))).toEqual(['inmesh-alerts.yaml']);
  });

  it.each(queries)('%s speaks of metrics that there are', (_, query) => {
    const spoken = spokenOf(query);
    expect(spoken.length).toBeGreaterThan(0);
    for (const { metric, labels } of spoken) {
      expect([...labelsOf.keys()]).toContain(metric);
      expect(labels.filter((label) => !labelsOf.get(metric)!.has(label) && !OF_TARGETS.includes(label))).toEqual([]);
    }
    const grouped = [...query.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, names]) => names!.split(',').map((name) => name.trim()));
    const known = new Set(spoken.flatMap(({ metric }) => [...labelsOf.get(metric)!]));
    expect(grouped.filter((label) => !known.has(label) && !OF_TARGETS.includes(label))).toEqual([]);
  });

  it('show every metric', () => {
    const shown = new Set(dashboardQueries().flatMap(({ query }) => spokenOf(query).map(({ metric }) => metric)));
    expect([...labelsOf.keys()].filter((metric) => !shown.has(metric))).toEqual([]);
  });

  it('say of each alert how bad it is, and what to do', () => {
    for (const { alert, labels, annotations } of alertRules()) {
      expect([alert, labels.severity]).toEqual([expect.stringMatching(/^Inmesh[A-Z]/), expect.stringMatching(/^(critical|warning)$/)]);
      expect(annotations.summary.length + annotations.description.length).toBeGreaterThan(60);
    }
    expect(() => parse(readFileSync(new URL('../deploy/prometheus/inmesh-alerts.yaml', import.meta.url), 'utf8'))).not.toThrow();
  });
});
