/**
 * The graph in the languages of graphs: Mermaid, for Markdown and wikis, and DOT, for Graphviz. Names come from elsewhere, so each language's
 * own way of quoting is between them and whatever draws it.
 */
import { latencyText, rateText, shareText } from './figures.ts';
import { toneOf, type GraphEdge, type ServiceGraph, type Tone } from './graph.ts';

const colours: Readonly<Record<Tone, string>> = { good: '#16743a', warn: '#b26b00', bad: '#bf2418', idle: '#8a96a3' };

export function mermaid({ nodes, edges }: ServiceGraph): string {
  const ids = new Map(nodes.map(({ name }, index) => [name, `n${index}`]));
  const lines = ['flowchart LR', ...nodes.map(({ name, processes }) => `  ${ids.get(name)}["${entity(labelOf(name, processes))}"]`)];
  for (const edge of edges) lines.push(`  ${ids.get(edge.from)} -->|"${entity(factsOf(edge))}"| ${ids.get(edge.to)}`);
  edges.forEach((edge, index) => lines.push(`  linkStyle ${index} stroke:${colours[toneOf(edge)]},stroke-width:${widthOf(edge)}px`));
  return `${lines.join('\n')}\n`;
}

export function dot({ nodes, edges }: ServiceGraph): string {
  const lines = ['digraph inmesh {', '  rankdir=LR;', '  node [shape=box, style=rounded, fontname="sans-serif"];', '  edge [fontname="sans-serif", fontsize=10];'];
  for (const { name, processes } of nodes) lines.push(`  ${quoted(name)} [label=${quoted(labelOf(name, processes))}];`);
  for (const edge of edges) lines.push(`  ${quoted(edge.from)} -> ${quoted(edge.to)} [label=${quoted(factsOf(edge))}, color="${colours[toneOf(edge)]}", penwidth=${widthOf(edge)}];`);
  return `${[...lines, '}'].join('\n')}\n`;
}

export function labelOf(name: string, processes: number): string {
  return processes > 1 ? `${name} ×${processes}` : name;
}

export function factsOf({ rate, success, p99, open }: GraphEdge): string {
  return `${rateText(rate)}/s, ${shareText(success)}, p99 ${latencyText(p99)}${open > 0 ? ', circuit open' : ''}`;
}

/** By the logarithm, or one edge would hide the others. */
export function widthOf({ rate }: GraphEdge): string {
  return (1 + 1.5 * Math.log10(1 + rate)).toFixed(1);
}

/** Mermaid takes characters by their number; whatever is no letter, digit or space of ASCII is written so. */
function entity(text: string): string {
  return oneLine(text).replace(/[^A-Za-z0-9 .,:/%_-]/gu, (character) => `#${character.codePointAt(0)};`);
}

function quoted(text: string): string {
  return `"${oneLine(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

function oneLine(text: string): string {
  return text.replace(/\p{C}+/gu, ' ');
}
