/**
 * resolv.conf(5): which nameservers there are, and how relative names become absolute.
 */
import type { Nameserver } from './nameserver.ts';
import { nameserver, parseNameserver } from './nameserver.ts';

export interface ResolvConf {
  readonly nameservers: readonly Nameserver[];
  /** Domains that relative names are tried in, without trailing dots. */
  readonly search: readonly string[];
  /** A name with at least this many dots is tried as it is first. Kubernetes says 5. */
  readonly ndots: number;
}

/** What holds where there is no file: a nameserver on this machine. */
export const fallbackResolvConf: ResolvConf = { nameservers: [nameserver('127.0.0.1')], search: [], ndots: 1 };

/** As glibc: further ones are ignored. */
const MAX_NAMESERVERS = 3;
const MAX_NDOTS = 15;

/** Undefined where no usable nameserver is named: a file that is being written looks like that. */
export function parseResolvConf(text: string): ResolvConf | undefined {
  const nameservers: Nameserver[] = [];
  let search: readonly string[] = [];
  let ndots = fallbackResolvConf.ndots;
  for (const line of text.split('\n')) {
    const [keyword, ...values] = (line.split(/[#;]/, 1)[0] ?? '').trim().split(/\s+/);
    switch (keyword) {
      case 'nameserver': {
        const server = values[0] === undefined ? undefined : parseNameserver(values[0]);
        if (server !== undefined && nameservers.length < MAX_NAMESERVERS) nameservers.push(server);
        break;
      }
      case 'search':
      case 'domain':
        search = values.map((domain) => domain.replace(/\.$/, '')).filter((domain) => domain !== '');
        break;
      case 'options':
        ndots = ndotsOf(values) ?? ndots;
        break;
      default:
    }
  }
  return nameservers.length === 0 ? undefined : { nameservers, search, ndots };
}

function ndotsOf(options: readonly string[]): number | undefined {
  for (const option of options) {
    const digits = /^ndots:(\d+)$/.exec(option)?.[1];
    if (digits !== undefined) return Math.min(Number(digits), MAX_NDOTS);
  }
  return undefined;
}

/** The absolute names that a name stands for, in the order in which they are tried (resolv.conf(5), `ndots`). */
export function candidateNames(typed: string, conf: Pick<ResolvConf, 'search' | 'ndots'>): string[] {
  if (typed.endsWith('.')) return [typed];
  const searched = conf.search.map((domain) => `${typed}.${domain}`);
  const dots = typed.split('.').length - 1;
  return dots >= conf.ndots ? [typed, ...searched] : [...searched, typed];
}
