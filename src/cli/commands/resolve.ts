/**
 * `inmesh resolve`: looks a name up as the client does and shows everything on the way. For the pod in which nothing works.
 */
import { isIP } from 'node:net';
import { systemClock } from '../../core/clock.ts';
import { systemRandom } from '../../core/random.ts';
import { DnsError } from '../../discovery/dns-error.ts';
import { canonicalName } from '../../discovery/name.ts';
import { parseNameserver } from '../../discovery/nameserver.ts';
import { UsageError, didYouMean, parseArguments } from '../arguments.ts';
import type { Command } from '../command.ts';
import { printableJson } from '../printable.ts';
import { investigate } from '../resolve/investigate.ts';
import type { Inquiry } from '../resolve/investigate.ts';
import type { Mode } from '../resolve/report.ts';
import { resolvePage } from '../resolve/resolve-page.ts';
import { isSrvName } from '../resolve/srv-name.ts';

const TYPES = ['srv', 'a', 'aaaa'] as const;

const options = {
  server: { type: 'string', short: 's', multiple: true },
  type: { type: 'string', short: 't' },
  json: { type: 'boolean' },
  all: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const help = `inmesh resolve: looks a name up as the client does, and shows everything on the way

Usage
  inmesh resolve NAME [--server IP[:PORT]] [--type srv|a|aaaa] [--all] [--json]

NAME
  _http._tcp.reviews.default.svc.cluster.local   SRV records, and the addresses of their targets; always absolute
  reviews.default.svc.cluster.local, reviews     addresses of a host: hosts file, then DNS with the search list of
                                                 resolv.conf; a trailing dot makes it absolute

Options
  -s, --server IP[:PORT]  ask this nameserver instead of those of /etc/resolv.conf; more than once for several
  -t, --type TYPE         ask for this type alone, in DNS alone: srv, a or aaaa
      --all               show all endpoints, questions and dropped records, not the first ones
      --json              everything as one JSON document (docs/cli.md)
  -h, --help              this text

Exit codes
  0  endpoints were found
  1  none were found, or nobody could say
  2  called wrongly

NO_COLOR=1 turns colours off.
`;

export interface ResolveArguments extends Inquiry {
  readonly json: boolean;
  readonly all: boolean;
}

export const resolve: Command = {
  help,
  async run(args, terminal) {
    const { json, all, ...inquiry } = resolveArguments(args);
    const report = await investigate(inquiry, { clock: systemClock, random: systemRandom, environment: process.env, resolvConf: '/etc/resolv.conf', hosts: '/etc/hosts' });
    terminal.write(json ? printableJson(report) : resolvePage(report, { colours: terminal.colours, all }));
    return report.outcome === 'found' ? 0 : 1;
  },
};

/** Throws UsageError. */
export function resolveArguments(args: readonly string[]): ResolveArguments {
  const { values, positionals } = parseArguments(args, options);
  const [name, ...others] = positionals;
  if (name === undefined) throw new UsageError('NAME is missing');
  if (others.length > 0) throw new UsageError(`one NAME at a time (found: ${positionals.join(' ')})`);
  for (const server of values.server ?? []) {
    if (parseNameserver(server) === undefined) throw new UsageError(`--server: ${server} (expected: IP, IP:PORT or [IPV6]:PORT)`);
  }
  return { name: nameOf(name), mode: modeOf(name, values.type), servers: values.server ?? [], json: values.json === true, all: values.all === true };
}

/** In lower case; a trailing dot is kept, since it says that no search list applies. */
function nameOf(typed: string): string {
  const bare = typed.startsWith('[') && typed.endsWith(']') ? typed.slice(1, -1) : typed;
  if (isIP(bare) !== 0) return bare;
  try {
    return canonicalName(typed) + (typed.endsWith('.') ? '.' : '');
  } catch (error) {
    if (error instanceof DnsError) throw new UsageError(error.message);
    throw error;
  }
}

function modeOf(name: string, type: string | undefined): Mode {
  if (type === undefined) return isSrvName(name) ? 'srv' : 'host';
  const known = TYPES.find((each) => each === type.toLowerCase());
  if (known === undefined) throw new UsageError(`--type: ${type} (expected: ${TYPES.join(', ')})${didYouMean(type, TYPES)}`);
  if (isIP(name) !== 0) throw new UsageError(`--type: ${name} is an address, which is not looked up`);
  return known;
}
