/**
 * `inmesh import`: a policy from what a team already has for Istio or the Gateway API, and a list of what could not be carried over.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { stringify } from '../../config/yaml-text.ts';
import { importManifests } from '../../config/import/manifests.ts';
import type { Note } from '../../config/import/fields.ts';
import { parsePolicyObject } from '../../config/parse-policy.ts';
import { problemText } from '../../config/problem.ts';
import { parseArguments, UsageError } from '../arguments.ts';
import type { Command, Terminal } from '../command.ts';
import { Page } from '../page.ts';
import { printable, printableJson } from '../printable.ts';

const label = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

const options = {
  output: { type: 'string', short: 'o' },
  namespace: { type: 'string', short: 'n' },
  strict: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const help = `inmesh import: a policy from what a team already has

Usage
  inmesh import FILE… [--namespace NAME] [--output FILE] [--strict] [--json]

FILE
  YAML or JSON with Istio's VirtualService and DestinationRule, or the Gateway API's HTTPRoute; other objects are passed over

The policy goes to standard output, and what could not be carried over, or not quite, to standard error:
  dropped  it is not in the policy
  differs  it is, and does not do quite the same
  needs    something has to be made for it to work, such as a headless Service for a subset

Options
  -n, --namespace NAME  of objects that do not say theirs (default: default)
  -o, --output FILE     write the policy there
      --strict          fail where anything was dropped
      --json            policy and notes as one JSON document
  -h, --help            this text

Exit codes
  0  imported
  1  not imported, or, with --strict, not all of it
  2  called wrongly
`;

export const importCommand: Command = {
  help,
  async run(args, terminal) {
    const { values, positionals } = parseArguments(args, options);
    if (positionals.length === 0) throw new UsageError('FILE is missing');
    const { namespace = 'default', output } = values;
    if (!label.test(namespace)) throw new UsageError(`--namespace: ${namespace} (expected: lower-case letters, digits and "-")`);
    const files: { name: string; text: string }[] = [];
    try {
      for (const name of positionals) files.push({ name, text: readFileSync(name, 'utf8') });
    } catch (error) {
      terminal.complain(`${printable((error as Error).message)}\n`);
      return 1;
    }
    const { document, notes } = importManifests(files, namespace);
    const parsed = parsePolicyObject(document, {});
    const invalid = 'invalid' in parsed ? parsed.invalid.problems.map(problemText) : [];
    if (values.json === true) terminal.write(printableJson({ policy: document, notes, invalid }));
    else {
      const text = `# Imported from ${positionals.map(printable).join(', ')}.\n${stringify(document)}`;
      terminal.complain(pageOf(notes, invalid, terminal.colours));
      if (output === undefined) terminal.write(text);
      else if (!written(output, text, terminal)) return 1;
    }
    return invalid.length > 0 || (values.strict === true && notes.some(({ kind }) => kind === 'dropped')) ? 1 : 0;
  },
};

function written(path: string, text: string, terminal: Terminal): boolean {
  try {
    writeFileSync(path, text);
    return true;
  } catch (error) {
    terminal.complain(`${printable((error as Error).message)}\n`);
    return false;
  }
}

const styles = { dropped: 'red', differs: 'yellow', needs: 'cyan' } as const;

function pageOf(notes: readonly Note[], invalid: readonly string[], colours: boolean): string {
  const page = new Page(colours);
  for (const { source, object, path, kind, why } of notes) page.line(`${source}:`, { text: `${kind}:`, style: styles[kind] }, `${[object, path].filter(Boolean).join(' ')}: ${why}`);
  for (const problem of invalid) page.line({ text: 'not valid:', style: 'red' }, problem);
  return page.toString();
}
