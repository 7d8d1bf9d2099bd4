/**
 * The graph as one HTML file: a picture, and the table that says the same. Nothing is loaded and nothing runs; its Content-Security-Policy allows
 * one style, by its hash.
 *
 * Services stand in columns: who is called stands to the right of everybody who calls, as far as there is no circle; within a column, near the
 * middle of their callers (Sugiyama's barycenters, once from left to right).
 */
import { createHash } from 'node:crypto';
import { latencyText, rateText, shareText } from './figures.ts';
import { toneOf, type GraphEdge, type GraphNode, type ServiceGraph } from './graph.ts';
import { labelOf, widthOf } from './written.ts';

const BOX = { width: 190, height: 44, across: 150, down: 22, margin: 24 };

const style = `:root{color-scheme:light dark;--ground:#f4f6f9;--panel:#fff;--line:#dde3ea;--ink:#16202c;--muted:#566473;--good:#16743a;--warn:#8a5300;--bad:#bf2418;--idle:#8a96a3}
@media (prefers-color-scheme:dark){:root{--ground:#0a0d13;--panel:#11161e;--line:#222b37;--ink:#e8eef5;--muted:#93a1b2;--good:#4bd07a;--warn:#f0b341;--bad:#ff8077;--idle:#5c6877}}
body{margin:0;padding:24px;background:var(--ground);color:var(--ink);font:14px/1.45 system-ui,sans-serif;font-variant-numeric:tabular-nums}
h1{font-size:18px;margin:0 0 4px}p{margin:0 0 16px;color:var(--muted)}section{background:var(--panel);border:1px solid var(--line);border-radius:12px;padding:16px;margin:0 0 16px;overflow-x:auto}
svg{display:block;max-width:none}rect{fill:var(--ground);stroke:var(--line)}text{fill:var(--ink);font-size:13px;font-weight:600}text.s{fill:var(--muted);font-size:11px;font-weight:400;paint-order:stroke;stroke:var(--panel);stroke-width:4px}
path{fill:none;opacity:.7}.good{stroke:var(--good)}.warn{stroke:var(--warn)}.bad{stroke:var(--bad)}.idle{stroke:var(--idle)}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:6px 14px 6px 0;border-bottom:1px solid var(--line);white-space:nowrap}th{font-weight:500;font-size:12px;color:var(--muted)}.n{text-align:right}td.good{color:var(--good)}td.warn{color:var(--warn)}td.bad{color:var(--bad)}`;

interface Placed extends GraphNode {
  readonly x: number;
  readonly y: number;
}

export function picture(graph: ServiceGraph, at: string): string {
  const hash = createHash('sha256').update(style).digest('base64');
  const { nodes, edges, failed } = graph;
  const asked = nodes.reduce((sum, { processes }) => sum + processes, 0);
  const missing = failed.length === 0 ? '' : `; ${failed.length} did not answer: ${failed.map(({ from, error }) => `${from} (${error})`).join(', ')}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${hash}'">
<title>Service graph</title><style>${style}</style></head><body>
<h1>Service graph</h1><p>${escaped(`${at}, of ${asked} ${asked === 1 ? 'process' : 'processes'}${missing}`)}</p>
<section>${drawing(graph)}</section>
<section><table><thead><tr><th scope="col">From</th><th scope="col">To</th><th scope="col" class="n">Calls/s</th><th scope="col" class="n">Success</th><th scope="col" class="n">p50</th><th scope="col" class="n">p99</th><th scope="col" class="n">In flight</th><th scope="col" class="n">Processes</th><th scope="col">Out of use</th></tr></thead><tbody>
${edges.map(rowOf).join('\n')}
</tbody></table></section></body></html>
`;
}

function rowOf(edge: GraphEdge): string {
  const cells = [rateText(edge.rate), shareText(edge.success), latencyText(edge.p50), latencyText(edge.p99), String(edge.inFlight), String(edge.processes)];
  const out = [...(edge.open > 0 ? [`circuit open in ${edge.open}`] : []), ...edge.out.map(({ endpoint, state }) => `${endpoint} ${state}`)].join(', ');
  return `<tr><td>${escaped(edge.from)}</td><td class="${toneOf(edge)}">${escaped(edge.to)}</td>${cells.map((cell) => `<td class="n">${escaped(cell)}</td>`).join('')}<td>${escaped(out)}</td></tr>`;
}

function drawing(graph: ServiceGraph): string {
  const places = placed(graph);
  const [width, height] = [Math.max(0, ...[...places.values()].map(({ x }) => x + BOX.width)) + BOX.margin, Math.max(0, ...[...places.values()].map(({ y }) => y + BOX.height)) + BOX.margin];
  const lines = graph.edges.map((edge) => {
    const [from, to] = [places.get(edge.from)!, places.get(edge.to)!];
    const [x1, y1, x2, y2] = [from.x + BOX.width, from.y + BOX.height / 2, to.x, to.y + BOX.height / 2];
    // Backwards and to itself it goes around.
    const bend = x2 > x1 ? (x2 - x1) / 2 : BOX.across;
    const path = `<path class="${toneOf(edge)}" stroke-width="${widthOf(edge)}" d="M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}"/>`;
    return { path, label: x2 > x1 ? `<text class="s" text-anchor="end" x="${x2 - 8}" y="${y2 - 6}">${escaped(`${rateText(edge.rate)}/s · ${latencyText(edge.p99)}`)}</text>` : '' };
  });
  const boxes = [...places.values()].map(({ name, processes, x, y }) => `<g transform="translate(${x} ${y})"><rect width="${BOX.width}" height="${BOX.height}" rx="9"/><text x="14" y="27">${escaped(short(labelOf(name, processes)))}</text></g>`);
  return `<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="The services, and who calls whom; the table says the same">${lines.map(({ path }) => path).join('')}${boxes.join('')}${lines.map(({ label }) => label).join('')}</svg>`;
}

function placed({ nodes, edges }: ServiceGraph): Map<string, Placed> {
  const columns = columnsOf(nodes, edges);
  const places = new Map<string, Placed>();
  const tallest = Math.max(0, ...columns.map((column) => column.length));
  for (const [index, column] of columns.entries()) {
    const middle = (node: GraphNode): number => {
      const callers = edges.filter(({ to }) => to === node.name).flatMap(({ from }) => places.get(from)?.y ?? []);
      return callers.length === 0 ? 0 : callers.reduce((sum, y) => sum + y, 0) / callers.length;
    };
    const sorted = [...column].sort((one, other) => middle(one) - middle(other) || (one.name < other.name ? -1 : 1));
    const top = BOX.margin + ((tallest - column.length) * (BOX.height + BOX.down)) / 2;
    for (const [row, node] of sorted.entries()) places.set(node.name, { ...node, x: BOX.margin + index * (BOX.width + BOX.across), y: top + row * (BOX.height + BOX.down) });
  }
  return places;
}

/** One more than the furthest caller; a call back to where one came from, on the way from those whom nobody calls, moves nobody. */
function columnsOf(nodes: readonly GraphNode[], edges: readonly GraphEdge[]): GraphNode[][] {
  const columns = new Map<string, number>();
  const callees = new Map<string, string[]>();
  for (const { from, to } of edges) callees.set(from, [...(callees.get(from) ?? []), to]);
  const called = new Set(edges.filter(({ from, to }) => from !== to).map(({ to }) => to));
  const onTheWay = new Set<string>();
  const visit = (name: string, column: number): void => {
    if (onTheWay.has(name) || (columns.get(name) ?? -1) >= column) return;
    columns.set(name, column);
    onTheWay.add(name);
    for (const each of callees.get(name) ?? []) visit(each, column + 1);
    onTheWay.delete(name);
  };
  for (const { name } of nodes) if (!called.has(name)) visit(name, 0);
  // Circles that nobody calls from outside begin somewhere.
  for (const { name } of nodes) if (!columns.has(name)) visit(name, 0);
  const grouped: GraphNode[][] = [];
  for (const node of nodes) (grouped[columns.get(node.name)!] ??= []).push(node);
  // Where circles moved their members on, a column may have been left empty.
  return grouped.filter((column) => column !== undefined);
}

function short(text: string): string {
  return text.length > 24 ? `${text.slice(0, 23)}…` : text;
}

function escaped(text: string): string {
  return text.replace(/\p{C}+/gu, ' ').replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
