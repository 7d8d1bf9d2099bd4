/**
 * `inmesh diff`: what changes from one policy to another, by meaning, and what that does to whoever calls and is called.
 */
import { decode, readPolicyFiles } from '../../config/policy-files.ts';
import { diffPolicies, type PolicyDiff, type ServiceChange } from '../../config/policy-diff.ts';
import { parsePolicyFiles } from '../../config/parse-policy.ts';
import { policyError } from '../../config/problem.ts';
import type { WorstCase } from '../../config/worst-case.ts';
import { MeshError } from '../../core/errors.ts';
import type { Policy } from '../../core/policy.ts';
import { parseArguments, UsageError } from '../arguments.ts';
import type { Command } from '../command.ts';
import { Page } from '../page.ts';
import { printable, printableJson } from '../printable.ts';

const options = { json: { type: 'boolean' }, 'exit-code': { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;

const help = `inmesh diff: what changes from one policy to another, by meaning

Usage
  inmesh diff OLD NEW [--json] [--exit-code]

OLD, NEW
  a policy file, or a folder whose *.yaml together are one policy

Which knob of which service, after inheritance: a changed default shows at each service that has it; comments, order and
anchors show nowhere. Where it matters: into how many attempts one call may turn, the load while everything fails, and
the longest that a caller waits.

Options
      --json       one JSON document (docs/cli.md)
      --exit-code  exit with 1 where there is any difference
  -h, --help       this text

Exit codes
  0  compared
  1  one of them is not valid, or, with --exit-code, they differ
  2  called wrongly
`;

export const diff: Command = {
  help,
  async run(args, terminal) {
    const { values, positionals } = parseArguments(args, options);
    const [before, after, ...others] = positionals;
    if (before === undefined || after === undefined || others.length > 0) throw new UsageError(`OLD and NEW are needed (found: ${positionals.join(' ') || 'nothing'})`);
    let found: PolicyDiff;
    try {
      found = diffPolicies(policyAt(before), policyAt(after));
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      terminal.complain(`${error.message.split('\n').map(printable).join('\n')}\n`);
      return 1;
    }
    terminal.write(values.json === true ? printableJson(found) : pageOf(found, terminal.colours));
    const same = found.services.length === 0 && found.unknownHosts === undefined && found.zones === undefined;
    return same || values['exit-code'] !== true ? 0 : 1;
  },
};

/** Throws MeshError POLICY_INVALID. */
function policyAt(path: string): Policy {
  const files = readPolicyFiles([path], 'the path that was given');
  const parsed = parsePolicyFiles(files.map((file) => ({ name: file.path, text: decode(file) })), process.env);
  if ('invalid' in parsed) throw policyError(parsed.invalid);
  return parsed.policy;
}

function pageOf({ unknownHosts, zones, services }: PolicyDiff, colours: boolean): string {
  const page = new Page(colours);
  for (const change of [unknownHosts, zones]) if (change !== undefined) page.line({ text: change.knob, style: 'bold' }, change.before, '→', change.after);
  for (const change of services) serviceOf(page, change);
  if (services.length === 0 && unknownHosts === undefined && zones === undefined) page.line('no difference');
  return page.toString();
}

const signs = { added: { text: '+', style: 'green' }, removed: { text: '-', style: 'red' }, changed: { text: '~', style: 'yellow' } } as const;

function serviceOf(page: Page, { service, kind, knobs, effect }: ServiceChange): void {
  page.line(signs[kind], { text: service ?? 'hosts that no service names', style: 'bold' });
  page.table(knobs.map(({ knob, before, after }) => [knob, { text: before, style: 'red' }, '→', { text: after, style: 'green' }]), '    ');
  if (effect === undefined) return;
  const rows: [string, string, string][] = [
    ['attempts of one call, at most', ...both(effect, ({ attempts }) => String(attempts))],
    ['load while everything fails', ...both(effect, ({ load }) => `${load.toFixed(2)}×`)],
    ['longest wait of a caller', ...both(effect, ({ wait }) => `${wait / 1000} s`)],
  ];
  page.table(rows.filter(([, before, after]) => before !== after).map(([what, before, after]) => [{ text: what, style: 'dim' }, before, '→', after]), '    ');
}

function both({ before, after }: { before: WorstCase; after: WorstCase }, write: (side: WorstCase) => string): [string, string] {
  return [write(before), write(after)];
}
