/** `inmesh schema`: the policy file's JSON Schema, for editors and for whoever checks files without Node. */
import { policyJsonSchema } from '../../config/json-schema.ts';
import { parseArguments, UsageError } from '../arguments.ts';
import type { Command } from '../command.ts';
import { printableJson } from '../printable.ts';

const help = `inmesh schema: the policy file's JSON Schema (2020-12), on standard output

Usage
  inmesh schema > policy.schema.json

The same file is in the package: inmesh/policy.schema.json. Editors that speak YAML's language server use it where the
first line of a policy says so:

  # yaml-language-server: $schema=./node_modules/inmesh/dist/policy.schema.json

Options
  -h, --help  this text
`;

export const schema: Command = {
  help,
  async run(args, terminal) {
    const { positionals } = parseArguments(args, { help: { type: 'boolean', short: 'h' } });
    if (positionals.length > 0) throw new UsageError(`takes no arguments (found: ${positionals.join(' ')})`);
    terminal.write(printableJson(policyJsonSchema()));
    return 0;
  },
};
