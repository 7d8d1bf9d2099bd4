/**
 * One look-up as a client makes it, by the same code, with everything written down that happens.
 */
import { isIP } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import { usableFamily } from '../../discovery/address.ts';
import { DnsError } from '../../discovery/dns-error.ts';
import { HostLookup } from '../../discovery/host-addresses.ts';
import type { HostAddresses } from '../../discovery/host-addresses.ts';
import { candidateNames, clusterDomain } from '../../discovery/resolv-conf.ts';
import type { Environment } from '../../discovery/resolv-conf.ts';
import type { SourceAnswer } from '../../discovery/source.ts';
import { SrvSource } from '../../discovery/srv.ts';
import { judge } from './judgement.ts';
import { notesOn } from './notes.ts';
import { addressProvenance, srvProvenance } from './provenance.ts';
import type { Provenance } from './provenance.ts';
import { Recorder, RecordingResolver } from './recorder.ts';
import type { Mode, ResolveReport } from './report.ts';
import { serversReport } from './servers.ts';

export interface Inquiry {
  /** Valid: `canonicalName` takes it, or it is an address. */
  readonly name: string;
  readonly mode: Mode;
  /** Of `--server`, valid; none: those of resolv.conf. */
  readonly servers: readonly string[];
}

export interface Surroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly environment: Environment;
  /** Paths. */
  readonly resolvConf: string;
  readonly hosts: string;
}

/** Never rejects for anything that nameservers do. */
export async function investigate(inquiry: Inquiry, surroundings: Surroundings): Promise<ResolveReport> {
  const { name, mode, servers } = inquiry;
  const { clock, random, environment, resolvConf, hosts } = surroundings;
  const recorder = new Recorder(clock);
  const stub = new RecordingResolver({ clock, random, resolvConf, hosts, nameservers: servers.length > 0 ? servers : undefined }, recorder);
  // A resolver keeps no process alive; somebody who asks and waits does.
  const waiting = clock.after(Infinity, () => undefined);
  let found: Found | DnsError;
  try {
    found = await ask(mode, name, stub);
  } catch (error) {
    if (!(error instanceof DnsError)) throw error;
    found = error;
  } finally {
    waiting.cancel();
    stub.close();
  }

  const { error, ...client } = await judge(found instanceof DnsError ? found : found.answer, name);
  const { endpoints, dropped } = provenance(mode, name, found, stub, recorder);
  const searched = mode !== 'srv' && recorder.lookups.length > 0;
  const findings = {
    name, mode, servers: serversReport(servers, resolvConf, environment),
    candidates: searched ? candidateNames(name, stub.search).map((candidate) => candidate.replace(/\.$/, '')) : [name],
    attempts: recorder.attempts,
    outcome: endpoints.length > 0 ? 'found' : client.does === 'keeps' ? 'failed' : 'empty',
    error, endpoints, dropped, client,
  } as const;
  const virtual = !(found instanceof DnsError) && found.answer.virtual === true;
  return { version: 1, ...findings, notes: notesOn({ ...findings, virtual, clusterDomain: clusterDomain(stub.search.search) }) };
}

interface Found {
  readonly answer: SourceAnswer;
  /** Where there are no ports. */
  readonly addresses?: readonly string[];
}

async function ask(mode: Mode, name: string, stub: RecordingResolver): Promise<Found> {
  switch (mode) {
    case 'srv':
      return { answer: await new SrvSource(stub, name).resolve() };
    case 'host':
      return withoutPorts(await new HostLookup(stub, name).resolve());
    case 'a':
    case 'aaaa':
      return withoutPorts(await ofOneType(mode === 'a' ? 'A' : 'AAAA', name, stub));
  }
}

/** As a host is looked up, with one type of question alone and in DNS alone. */
async function ofOneType(type: 'A' | 'AAAA', name: string, stub: RecordingResolver): Promise<HostAddresses> {
  let empty: HostAddresses | undefined;
  let failure: DnsError | undefined;
  for (const candidate of candidateNames(name, stub.search)) {
    try {
      const { records, truncated, ttl, lookup } = await stub.lookup(candidate, type);
      const addresses = records.map((record) => record.address).filter((address) => usableFamily(address) !== undefined);
      const answer = { addresses, complete: !truncated, ttl, lookup: lookup && { ...lookup, dropped: [] } };
      if (addresses.length > 0) return answer;
      empty ??= answer;
    } catch (error) {
      if (!(error instanceof DnsError) || error.kind !== 'server-failure') throw error;
      failure ??= error;
    }
  }
  if (failure !== undefined || empty === undefined) throw failure!;
  return empty;
}

function withoutPorts({ addresses, complete, ttl, lookup }: HostAddresses): Found {
  return { addresses, answer: { endpoints: addresses.map((host) => ({ host, port: 0, weight: 1, priority: 0 })), complete, ttl, lookup } };
}

function provenance(mode: Mode, name: string, found: Found | DnsError, stub: RecordingResolver, { lookups, messages }: Recorder): Provenance {
  const answer = found instanceof DnsError ? undefined : found;
  if (mode === 'srv') return srvProvenance(answer?.answer.endpoints ?? [], lookups, messages, stub.family);
  const inHosts = isIP(name) === 0 && stub.hosts.has(name.toLowerCase().replace(/\.$/, ''));
  return addressProvenance(answer?.addresses ?? [], lookups, messages, inHosts ? 'hosts file' : 'the name itself', name);
}
