/**
 * Endpoints that have a port from the policy and addresses from wherever their host's name leads: one host (`dns`), or a list of them
 * (`endpoints`); of addresses alone, addresses-source.ts.
 */
import type { DnsError } from './dns-error.ts';
import { HostLookup } from './host-addresses.ts';
import type { HostAddresses } from './host-addresses.ts';
import { distinct } from './source.ts';
import type { Source, SourceAnswer } from './source.ts';
import type { StubResolver } from './stub-resolver.ts';

interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

export class HostsSource implements Source {
  readonly description: string;
  readonly #hosts: readonly { readonly lookup: HostLookup; readonly port: number; known: HostAddresses | undefined }[];

  constructor(stub: StubResolver, hosts: readonly HostAndPort[], description: string) {
    this.#hosts = hosts.map(({ host, port }) => ({ lookup: new HostLookup(stub, host), port, known: undefined }));
    this.description = description;
  }

  async resolve(): Promise<SourceAnswer> {
    let failure: DnsError | undefined;
    await Promise.all(this.#hosts.map(async (host) => {
      try {
        host.known = await host.lookup.resolve();
      } catch (error) {
        // This host keeps the addresses it had.
        failure ??= error as DnsError;
      }
    }));
    const found = this.#hosts.flatMap(({ known, port }) => (known?.addresses ?? []).map((host) => ({ host, port, weight: 1, priority: 0 })));
    if (failure !== undefined && (found.length === 0 || this.#hosts.length === 1)) throw failure;
    const { endpoints, cut } = distinct(found);
    const answers = this.#hosts.flatMap(({ known }) => (known === undefined ? [] : [known]));
    return {
      endpoints,
      complete: !cut && answers.every((answer) => answer.complete),
      ttl: leastTtl(answers, failure !== undefined),
      lookup: answers.find((answer) => answer.lookup !== undefined)?.lookup,
      bytes: answers.reduce((sum, answer) => sum + (answer.lookup?.bytes ?? 0), 0),
    };
  }
}

/** As long as the shortest holds; for ever only where that is said of all. */
function leastTtl(answers: readonly HostAddresses[], failed: boolean): number | undefined {
  const said = answers.flatMap(({ ttl }) => (ttl === undefined ? [] : [ttl]));
  const ttl = Math.min(...said);
  return ttl === Infinity && (failed || said.length < answers.length) ? undefined : ttl;
}
