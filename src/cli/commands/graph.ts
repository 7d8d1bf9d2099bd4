/**
 * `inmesh graph`: who calls whom, and how that goes, put together from the snapshots of many processes.
 */
import { systemClock } from '../../core/clock.ts';
import { didYouMean, parseArguments, UsageError } from '../arguments.ts';
import type { Command } from '../command.ts';
import { gather, type Sources } from '../graph/gather.ts';
import { graphOf, type ServiceGraph } from '../graph/graph.ts';
import { picture } from '../graph/picture.ts';
import { sourceHelp, sourceOptions, sourcesOf } from '../graph/sources.ts';
import { graphTable } from '../graph/table.ts';
import { dot, mermaid } from '../graph/written.ts';
import { printable, printableJson } from '../printable.ts';

const FORMATS = ['table', 'mermaid', 'dot', 'json', 'html'] as const;
type Format = (typeof FORMATS)[number];

const options = { ...sourceOptions, format: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;

const help = `inmesh graph: who calls whom, and how that goes, from the snapshots of many processes

Usage
  inmesh graph [--from URL]… [--from-srv NAME]… [--format table|mermaid|dot|json|html]

Each process says whom it called in the last half minute (mesh.admin(), docs/admin.md); together that is the graph. Those that
do not answer are named, and the others shown.

Options
${sourceHelp}
      --format FORMAT     table; mermaid, for Markdown; dot, for Graphviz; html, a file with picture and table; json
      --json              the same as --format json
  -h, --help              this text

Rates are sums. p50 is weighted by them, p99 is the highest of any process.

Exit codes
  0  every process answered
  1  some did not
  2  called wrongly

Examples
  inmesh graph --from-srv _admin._tcp.productpage.default.svc.cluster.local --from-srv _admin._tcp.reviews.default.svc.cluster.local
  inmesh graph -f 10.0.0.7:9900 -f 10.0.0.8:9900 --format dot | dot -Tsvg > graph.svg
`;

export const graph: Command = {
  help,
  async run(args, terminal) {
    const { format, sources } = graphArguments(args);
    const found = graphOf(await gather(sources, systemClock));
    terminal.write(textOf(found, format, terminal.colours));
    if (format !== 'table') for (const { from, error } of found.failed) terminal.complain(`${printable(`${from}: ${error}`)}\n`);
    return found.failed.length === 0 ? 0 : 1;
  },
};

/** Throws UsageError. */
export function graphArguments(args: readonly string[]): { format: Format; sources: Sources } {
  const { values, positionals } = parseArguments(args, options);
  if (positionals.length > 0) throw new UsageError(`${positionals.join(' ')}: processes are named with --from URL or --from-srv NAME`);
  const wanted = values.format ?? (values.json === true ? 'json' : 'table');
  const format = FORMATS.find((each) => each === wanted);
  if (format === undefined) throw new UsageError(`--format: ${wanted} (expected: ${FORMATS.join(', ')})${didYouMean(wanted, FORMATS)}`);
  return { format, sources: sourcesOf(values) };
}

function textOf(found: ServiceGraph, format: Format, colours: boolean): string {
  switch (format) {
    case 'table': return graphTable(found, { colours, outAtMost: 20 });
    case 'mermaid': return mermaid(found);
    case 'dot': return dot(found);
    case 'json': return printableJson({ version: 1, at: new Date(systemClock.wall()).toISOString(), ...found });
    case 'html': return picture(found, new Date(systemClock.wall()).toISOString());
  }
}
