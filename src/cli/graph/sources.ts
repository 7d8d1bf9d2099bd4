/**
 * The options that say which processes are asked; the same for `graph` and `top`.
 */
import { parseDuration } from '../../config/duration.ts';
import { DnsError } from '../../discovery/dns-error.ts';
import { canonicalName } from '../../discovery/name.ts';
import { parseNameserver } from '../../discovery/nameserver.ts';
import { UsageError } from '../arguments.ts';
import { snapshotUrl, USUAL, type Sources } from './gather.ts';

export const sourceOptions = {
  from: { type: 'string', short: 'f', multiple: true },
  'from-srv': { type: 'string', multiple: true },
  server: { type: 'string', short: 's', multiple: true },
  timeout: { type: 'string' },
} as const;

export const sourceHelp = `  -f, --from URL          the admin page of a process: http://10.0.0.7:9900/, or 10.0.0.7:9900; more than once for several.
                          Default: ${USUAL}
      --from-srv NAME     all that the SRV records of this name lead to, such as those of a headless Service:
                          _admin._tcp.productpage.default.svc.cluster.local
  -s, --server IP[:PORT]  ask this nameserver instead of those of /etc/resolv.conf
      --timeout DURATION  for each process; default 2s`;

/** Throws UsageError. */
export function sourcesOf(values: { from?: string[]; 'from-srv'?: string[]; server?: string[]; timeout?: string }): Sources {
  const { from = [], 'from-srv': srv = [], server: nameservers = [], timeout: given = '2s' } = values;
  const timeout = parseDuration(given);
  if (timeout === undefined || timeout < 1 || timeout > 600_000) throw new UsageError(`--timeout: ${given} (expected: a duration of up to 10m, such as 500ms or 2s)`);
  for (const server of nameservers) if (parseNameserver(server) === undefined) throw new UsageError(`--server: ${server} (expected: IP, IP:PORT or [IPV6]:PORT)`);
  for (const name of srv) {
    try {
      canonicalName(name);
    } catch (error) {
      if (error instanceof DnsError) throw new UsageError(`--from-srv: ${error.message}`);
      throw error;
    }
  }
  const urls = from.length + srv.length === 0 ? [USUAL] : from;
  return { urls: urls.map(snapshotUrl), srv, nameservers, timeout };
}
