/**
 * resolv.conf(5): which nameservers there are, and how relative names become absolute. `RES_OPTIONS` and `LOCALDOMAIN` in the environment
 * change it, as they do for libc.
 *
 * Its `timeout` and `attempts` are not followed: 5 s twice is how a nameserver that is gone becomes an outage (series.ts). Nor is
 * `single-request`: our A and AAAA queries never leave at the same time, and each has a socket of its own.
 */
import { getServers } from 'node:dns';
import { Nameserver, parseNameserver } from './nameserver.ts';

export interface ResolvConf {
  readonly nameservers: readonly Nameserver[];
  /** Domains that relative names are tried in, without trailing dots. */
  readonly search: readonly string[];
  /** A name with at least this many dots is tried as it is first. Kubernetes says 5. */
  readonly ndots: number;
  /** Begin with another nameserver each time. */
  readonly rotate: boolean;
  /** `use-vc`: TCP for everything. */
  readonly overTcp: boolean;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** As glibc: further ones are ignored. */
const MAX_NAMESERVERS = 3;
const DEFAULT_NDOTS = 1;
const MAX_NDOTS = 15;

/** What holds where there is no file: what Node was told by the system (on Windows it has ways of its own), else a nameserver on this machine. */
export function fallbackResolvConf(servers: readonly string[] = getServers()): ResolvConf {
  const nameservers = servers.flatMap((server) => parseNameserver(server) ?? []).slice(0, MAX_NAMESERVERS);
  return { nameservers: nameservers.length > 0 ? nameservers : [new Nameserver('127.0.0.1')], search: [], ndots: DEFAULT_NDOTS, rotate: false, overTcp: false };
}

/** Undefined where no usable nameserver is named: a file that is being written looks like that. */
export function parseResolvConf(text: string, environment: Environment = {}): ResolvConf | undefined {
  const nameservers: Nameserver[] = [];
  let search: readonly string[] = [];
  const options: string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...values] = words(line.split(/[#;]/, 1)[0] ?? '');
    switch (keyword) {
      case 'nameserver': {
        const server = values[0] === undefined ? undefined : parseNameserver(values[0]);
        if (server !== undefined && nameservers.length < MAX_NAMESERVERS) nameservers.push(server);
        break;
      }
      case 'search':
      case 'domain':
        search = domains(values);
        break;
      case 'options':
        options.push(...values);
        break;
      default:
    }
  }
  if (nameservers.length === 0) return undefined;
  const { LOCALDOMAIN: localDomain, RES_OPTIONS: more } = environment;
  if (localDomain !== undefined) search = domains(words(localDomain));
  options.push(...words(more ?? ''));
  return { nameservers, search, ndots: ndotsOf(options), rotate: options.includes('rotate'), overTcp: options.includes('use-vc') };
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

function domains(values: readonly string[]): string[] {
  return values.map((domain) => domain.replace(/\.$/, '')).filter((domain) => domain !== '');
}

/** The last one that is a number. */
function ndotsOf(options: readonly string[]): number {
  const digits = options.map((option) => /^ndots:(\d+)$/.exec(option)?.[1]).findLast((found) => found !== undefined);
  return digits === undefined ? DEFAULT_NDOTS : Math.min(Number(digits), MAX_NDOTS);
}

/** The absolute names that a name stands for, in the order in which they are tried (resolv.conf(5), `ndots`). */
export function candidateNames(typed: string, conf: Pick<ResolvConf, 'search' | 'ndots'>): string[] {
  if (typed.endsWith('.')) return [typed];
  const searched = conf.search.map((domain) => `${typed}.${domain}`);
  const dots = typed.split('.').length - 1;
  return dots >= conf.ndots ? [typed, ...searched] : [...searched, typed];
}

/** The cluster's own domain, as a pod's search list tells it: `cluster.local` of `shop.svc.cluster.local svc.cluster.local cluster.local`. */
export function clusterDomain(search: readonly string[]): string {
  for (const domain of search) {
    const found = /^(?:[^.]+\.)?svc\.(.+)$/.exec(domain)?.[1];
    if (found !== undefined) return found;
  }
  return 'cluster.local';
}
