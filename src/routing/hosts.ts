/**
 * Hosts: which service a request is for, by the host and port of its URL.
 *
 * Where both the request and the policy's entry give a port, it must be the same; an entry with that port goes before one without.
 */
import type { ServiceEntry } from '../core/policy.ts';

export interface Authority {
  /** Lower case, no brackets, no trailing dot. */
  readonly host: string;
  readonly port: number;
  /** The port was written, and is not merely the scheme's. */
  readonly explicit: boolean;
}

/** `authority` is what URL.host gives: lower case, the scheme's own port left out. */
export function splitAuthority(scheme: 'http' | 'https', authority: string): Authority {
  const colon = authority.lastIndexOf(':');
  const explicit = colon > authority.lastIndexOf(']');
  const host = (explicit ? authority.slice(0, colon) : authority).replace(/^\[|\]$/g, '').replace(/\.$/, '');
  return { host, port: explicit ? Number(authority.slice(colon + 1)) : scheme === 'https' ? 443 : 80, explicit };
}

export interface HostTable {
  /** The service that has this host; undefined where none does. */
  find(authority: Authority): ServiceEntry | undefined;
}

export function hostTable(services: Iterable<ServiceEntry>): HostTable {
  const byHost = new Map<string, { port: number | undefined; entry: ServiceEntry }[]>();
  for (const entry of services) {
    for (const { host, port } of entry.hosts) {
      const rows = byHost.get(host) ?? [];
      rows.push({ port, entry });
      byHost.set(host, rows);
    }
  }
  return {
    find({ host, port, explicit }) {
      const rows = byHost.get(host) ?? [];
      const row = rows.find((candidate) => candidate.port === port) ?? rows.find((candidate) => candidate.port === undefined || !explicit);
      return row?.entry;
    },
  };
}
