/** What deploy/ asks of Prometheus. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export const rulesFile = fileURLToPath(new URL('../../deploy/prometheus/inmesh-alerts.yaml', import.meta.url));

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

/** As they are written, with Grafana's variables in them. */
export function dashboardQueries(): { title: string; query: string }[] {
  const { panels } = JSON.parse(readFileSync(new URL('../../deploy/grafana/inmesh.json', import.meta.url), 'utf8')) as { panels: readonly Panel[] };
  return panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }, index) => ({ title: targets.length > 1 ? `${title} ${index + 1}` : title, query: expr })));
}

export function alertRules(): AlertRule[] {
  const { groups } = parse(readFileSync(rulesFile, 'utf8')) as { groups: readonly { readonly rules: readonly AlertRule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}
