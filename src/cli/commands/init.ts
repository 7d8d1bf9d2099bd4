/** `inmesh init`: a policy file to begin with. */
import { writeFileSync } from 'node:fs';
import { serviceName } from '../../config/schema.ts';
import { starterPolicy } from '../../config/starter.ts';
import { parseArguments, UsageError } from '../arguments.ts';
import type { Command } from '../command.ts';
import { printable } from '../printable.ts';

const label = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

const options = {
  service: { type: 'string', short: 's', multiple: true },
  namespace: { type: 'string', short: 'n' },
  force: { type: 'boolean', short: 'f' },
  help: { type: 'boolean', short: 'h' },
} as const;

const help = `inmesh init: writes a policy file to begin with, with comments

Usage
  inmesh init [FILE] [--service NAME]… [--namespace NAME] [--force]

FILE
  policy.yaml where none is given; - for standard output

Options
  -s, --service NAME    a service to name in it; more than once for several (default: reviews)
  -n, --namespace NAME  the Kubernetes namespace of the services (default: default)
  -f, --force           replace FILE where it exists
  -h, --help            this text
`;

export const init: Command = {
  help,
  async run(args, terminal) {
    const { values, positionals } = parseArguments(args, options);
    const [file = 'policy.yaml', ...others] = positionals;
    if (others.length > 0) throw new UsageError(`one FILE at a time (found: ${positionals.join(' ')})`);
    const { service: services = ['reviews'], namespace = 'default' } = values;
    for (const name of services) if (!serviceName.test(name)) throw new UsageError(`--service: ${name} (expected: lower-case letters, digits, "-" and ".")`);
    if (!label.test(namespace)) throw new UsageError(`--namespace: ${namespace} (expected: lower-case letters, digits and "-")`);
    const text = starterPolicy({ services: [...new Set(services)], namespace });
    if (file === '-') {
      terminal.write(text);
      return 0;
    }
    try {
      writeFileSync(file, text, { flag: values.force === true ? 'w' : 'wx' });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      terminal.complain(printable(code === 'EEXIST' ? `${file}: exists (--force replaces it)` : `${file}: ${message}`) + '\n');
      return 1;
    }
    terminal.write(printable(`${file}: written. Check it with: npx inmesh validate ${file}`) + '\n');
    return 0;
  },
};
