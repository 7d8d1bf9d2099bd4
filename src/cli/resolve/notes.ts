/**
 * What somebody who knows would say on seeing this: what is not as it should be, what is worth knowing, what to try next.
 */
import { count } from '../numbers.ts';
import { isSrvName } from './srv-name.ts';
import type { AttemptReport, EndpointReport, Note, ResolveReport } from './report.ts';

export interface Findings extends Omit<ResolveReport, 'notes' | 'version'> {
  /** One address that stands for many instances. */
  readonly virtual: boolean;
  /** The cluster's domain, as the search list tells it. */
  readonly clusterDomain: string;
}

export function notesOn(findings: Findings): readonly Note[] {
  return [...aboutServers(findings.attempts), ...aboutSize(findings), ...aboutEndpoints(findings), ...aboutNothing(findings)];
}

function aboutServers(attempts: readonly AttemptReport[]): Note[] {
  const notes: Note[] = [];
  for (const server of new Set(attempts.map((attempt) => attempt.server))) {
    const here = attempts.filter((attempt) => attempt.server === server);
    const answered = here.some((attempt) => attempt.outcome === 'answered');
    const silent = here.filter((attempt) => attempt.outcome === 'unanswered');
    const refused = here.find((attempt) => attempt.outcome === 'failed');
    const cut = here.some((attempt) => attempt.transport === 'udp' && attempt.truncated);
    const overTcp = here.filter((attempt) => attempt.transport === 'tcp');
    if (cut && overTcp.every((attempt) => attempt.outcome === 'failed' || attempt.outcome === 'unanswered')) {
      notes.push(warning('tcp-blocked', `${server} answers over UDP, but this answer needs TCP, and that fails. Is TCP port 53 open, in the Service and in every NetworkPolicy?`));
    } else if (!answered && refused !== undefined) {
      notes.push(warning('server-unreachable', `${refused.error}. Does a nameserver listen there, and may this pod talk to it?`));
    } else if (!answered && silent.length > 0) {
      notes.push(warning('server-silent', `${server} did not answer. Is it up, and does every NetworkPolicy let this pod talk to it?`));
    }
    const code = here.find(({ rcode }) => rcode !== null && !['NOERROR', 'NXDOMAIN', 'FORMERR', 'NOTIMP', 'BADVERS'].includes(rcode))?.rcode;
    if (code === 'SERVFAIL') notes.push(warning('server-failure', `${server} says SERVFAIL: it cannot tell. CoreDNS does so until it has heard of all Services.`));
    else if (code !== undefined && code !== null) notes.push(warning('server-failure', `${server} says ${code}: it will not tell.`));
    if (here.some((attempt) => attempt.outcome === 'malformed')) notes.push(warning('malformed-reply', `${server} sent what is no valid DNS message. Nothing of it is used.`));
    if (here.some((attempt) => attempt.edns) && here.some((attempt) => !attempt.edns)) notes.push(note('no-edns', `${server} does not understand EDNS and is asked without for 15 minutes.`));
  }
  const discarded = attempts.reduce((sum, attempt) => sum + attempt.discarded, 0);
  if (discarded > 0) notes.push(warning('discarded', `${count(discarded)} datagrams came that were no reply to what was asked: forged, or astray. They are ignored.`));
  return notes;
}

function aboutSize({ attempts, endpoints, client }: Findings): Note[] {
  const notes: Note[] = [];
  if (attempts.some((attempt) => attempt.transport === 'tcp' && attempt.truncated)) {
    notes.push(warning('truncated-over-tcp', 'The answer is cut even over TCP: one DNS message, at most 65,535 bytes, cannot name all of this service. '
      + 'The EndpointSlice source (kubernetes, docs/discovery.md) has no such limit.'));
  }
  if (client.ttl === 0) notes.push(note('ttl-zero', 'TTL 0: some cache on the way may have answered with what it had. The client asks once more after a second.'));
  const dashed = endpoints.filter((endpoint) => endpoint.from === 'dashed name').length;
  if (dashed > 0) notes.push(note('dashed-names', `${dashed === 1 ? 'One address was not in the answer and is' : `${count(dashed)} addresses were not in the answer and are`} read off the targets' names.`));
  return notes;
}

function aboutEndpoints({ mode, virtual, endpoints, name }: Findings): Note[] {
  const notes: Note[] = [];
  if (virtual) {
    notes.push(warning('virtual-address', 'One virtual address (ClusterIP) stands for all instances: calls spread by connection, not by load, and no instance can be put aside. '
      + 'A headless Service (clusterIP: None) names them all.'));
  }
  const weights = new Set(endpoints.map((endpoint) => endpoint.weight));
  if (mode === 'srv' && endpoints.length > 1 && weights.size === 1 && !weights.has(1)) notes.push(note('equal-weights', `All weights are ${[...weights][0]}; equal weights count as 1.`));
  const shared = sharedAddresses(endpoints);
  if (shared > 0) notes.push(note('shared-address', `${count(shared)} endpoints share an address and differ by port. Only SRV can tell them apart: A records name the address once.`));
  const service = serviceOf(endpoints, name);
  if (mode !== 'srv' && endpoints.length === 1 && service !== undefined) {
    notes.push(hint('srv-form', `One address of a Kubernetes Service: a ClusterIP, unless the Service is headless with one pod ready. With the name of a port, SRV tells more: inmesh resolve _http._tcp.${service}`));
  }
  if (mode !== 'srv' && isSrvName(name)) notes.push(hint('srv-form', `This is the name of SRV records: inmesh resolve --type srv ${name}`));
  return notes;
}

function aboutNothing({ mode, outcome, name, attempts, servers, clusterDomain }: Findings): Note[] {
  const notes: Note[] = [];
  const unknown = attempts.some(({ rcode }) => rcode === 'NXDOMAIN' || rcode === 'REFUSED');
  if (outcome !== 'found' && mode !== 'srv' && unknown && /^[^._]+(?:\.[^._]+)?$/.test(name) && !servers.search.some((domain) => /(?:^|\.)svc\./.test(domain))) {
    const [service, namespace = '<namespace>'] = name.split('.');
    notes.push(hint('no-search-list', `${servers.path} has no search list of a cluster, so short names of Services lead nowhere. In full: ${service}.${namespace}.svc.${clusterDomain}`));
  }
  if (outcome !== 'empty') return notes;
  const missing = attempts.some((attempt) => attempt.rcode === 'NXDOMAIN');
  if (missing) notes.push(note('nxdomain', 'NXDOMAIN from CoreDNS means: no such Service, or none of its pods is ready, or no port of that name. It does not say which.'));
  else if (!attempts.some(({ records }) => ['A', 'AAAA', 'SRV'].some((type) => type in records.answer))) notes.push(note('nodata', 'The name exists, and has no record of the type that was asked for.'));
  if (mode === 'srv' && isSrvName(name)) {
    const service = name.replace(/^(?:_[^.]+\.)+/, '');
    if (!name.endsWith(`.${clusterDomain}`)) {
      const rest = service.includes('.') ? service.replace(/\.svc$/, '') : `${service}.<namespace>`;
      notes.push(hint('absolute-name', `SRV names are absolute, no search list applies. In this cluster: ${name.slice(0, name.length - service.length)}${rest}.svc.${clusterDomain}`));
    }
    if (missing) notes.push(hint('list-ports', `A port's name may be wrong. CoreDNS answers this with all ports of the Service (undocumented; other servers do not): inmesh resolve --type srv ${service}`));
  }
  return notes;
}

function sharedAddresses(endpoints: readonly EndpointReport[]): number {
  const ports = new Map<string, number>();
  for (const { host } of endpoints) ports.set(host, (ports.get(host) ?? 0) + 1);
  return [...ports.values()].filter((count) => count > 1).reduce((sum, count) => sum + count, 0);
}

/** `reviews.default.svc.cluster.local`, where that is the name that has the address. */
function serviceOf(endpoints: readonly EndpointReport[], name: string): string | undefined {
  return [endpoints[0]?.target ?? '', name].find((candidate) => /^[^._]+\.[^.]+\.svc\.[^.]/.test(candidate));
}

const warning = (code: string, text: string): Note => ({ level: 'warning', code, text });
const note = (code: string, text: string): Note => ({ level: 'note', code, text });
const hint = (code: string, text: string): Note => ({ level: 'hint', code, text });
