/**
 * The absolute name of a Kubernetes Service's port in DNS (kubernetes/dns specification 1.1.0, 2.3.2 and 2.4.2). Absolute, because with
 * `ndots:5` a relative one costs up to eight questions, seven of them in vain. Only ports that have a name are in DNS.
 */
import { readFileSync } from 'node:fs';
import { DnsError } from './dns-error.ts';
import { canonicalName } from './name.ts';
import { clusterDomain } from './resolv-conf.ts';

export interface ServicePort {
  readonly service: string;
  /** Default: the pod's own, else `default`. */
  readonly namespace?: string | undefined;
  /** Name of the port, not its number. */
  readonly port: string;
  readonly protocol?: 'tcp' | 'udp' | 'sctp' | undefined;
}

const OWN_NAMESPACE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';
const MAX_LABEL = 63;

/** `_http._tcp.reviews.shop.svc.cluster.local`. Throws DnsError `invalid-name`. */
export function serviceName({ service, namespace = ownNamespace(), port, protocol = 'tcp' }: ServicePort, search: readonly string[]): string {
  for (const label of [service, namespace, port]) {
    if (label.includes('.') || label.length > MAX_LABEL) throw new DnsError('invalid-name', `name: ${JSON.stringify(label)} (expected: one label)`);
  }
  return canonicalName(`_${port}._${protocol}.${service}.${namespace}.svc.${clusterDomain(search)}`);
}

/** Of this pod; `default` outside of one. */
export function ownNamespace(): string {
  try {
    return readFileSync(OWN_NAMESPACE, 'utf8').trim();
  } catch {
    return 'default';
  }
}
