/**
 * The graph as a table for the terminal, and below it what does not go as it should.
 */
import { Page, type Piece, type Style } from '../page.ts';
import { latencyText, rateText, shareText } from './figures.ts';
import { toneOf, type GraphEdge, type ServiceGraph, type Tone } from './graph.ts';

const styles: Readonly<Record<Tone, Style>> = { good: 'green', warn: 'yellow', bad: 'red', idle: 'dim' };

export interface TableOptions {
  readonly colours: boolean;
  /** Lines of endpoints that are out of use; the rest is counted. */
  readonly outAtMost: number;
}

export function graphTable({ nodes, edges, failed }: ServiceGraph, { colours, outAtMost }: TableOptions): string {
  const page = new Page(colours);
  const asked = nodes.reduce((sum, { processes }) => sum + processes, 0);
  page.line({ text: `${asked} ${asked === 1 ? 'process' : 'processes'}`, style: 'bold' }, failed.length === 0 ? '' : { text: `${failed.length} did not answer`, style: 'red' });
  page.blank();
  if (edges.length === 0) page.line(asked === 0 ? 'Nobody answered.' : 'Nobody has called anybody yet.');
  else page.table([head, ...edges.map(rowOf)], '  ');
  const out = edges.flatMap((edge) => edge.out.map((each) => ({ ...each, edge })));
  if (out.length > 0) {
    page.blank();
    page.line({ text: 'Out of use', style: 'bold' });
    page.table(out.slice(0, outAtMost).map(({ edge, endpoint, state, why, processes }) => [edge.to, endpoint, { text: state, style: state === 'trial' ? 'yellow' : 'red' }, `for ${processes} of ${edge.processes}`, { text: why, style: 'dim' }]), '  ');
    if (out.length > outAtMost) page.line({ text: `  … ${out.length - outAtMost} more`, style: 'dim' });
  }
  if (failed.length > 0) {
    page.blank();
    page.line({ text: 'No answer', style: 'bold' });
    page.table(failed.map(({ from, error }) => [from, { text: error, style: 'red' }]), '  ');
  }
  return page.toString();
}

const head: readonly Piece[] = ['FROM', 'TO', 'CALLS/S', 'SUCCESS', 'P50', 'P99', 'IN FLIGHT', 'ENDPOINTS', 'PROCESSES', 'CIRCUIT'].map((text, column) => ({ text, style: 'dim', right: column > 1 && column < 9 }));

function rowOf(edge: GraphEdge): Piece[] {
  const { from, to, rate, success, p50, p99, inFlight, endpoints, out, processes, open } = edge;
  const right = (text: string, style?: Style): Piece => ({ text, right: true, style });
  const tone = styles[toneOf(edge)];
  return [
    from, { text: to, style: 'bold' }, right(rateText(rate)), right(shareText(success), tone), right(latencyText(p50)), right(latencyText(p99)), right(String(inFlight)),
    right(out.length === 0 ? String(endpoints) : `${endpoints - Math.min(endpoints, out.length)} of ${endpoints}`, out.length === 0 ? undefined : 'yellow'), right(String(processes)),
    open === 0 ? { text: 'closed', style: 'dim' } : { text: processes === 1 ? 'open' : `open in ${open}`, style: 'red' },
  ];
}
