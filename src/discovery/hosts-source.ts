/**
 * Endpoints that have a port from the policy and addresses from wherever their host's name leads: one host (`dns`), or a list of them
 * (`endpoints`).
 */
import { isIP } from 'node:net';
import type { DnsError } from './dns-error.ts';
import { HostLookup, withoutBrackets } from './host-addresses.ts';
import type { HostAddresses } from './host-addresses.ts';
import { distinct } from './source.ts';
import type { Source, SourceAnswer } from './source.ts';
import type { StubResolver } from './stub-resolver.ts';

interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** Of addresses there is nothing to look up, and nothing to know. */
interface Host {
  readonly lookup: HostLookup | undefined;
  readonly address: string;
  readonly port: number;
  known: HostAddresses | undefined;
}

export class HostsSource implements Source {
  readonly description: string;
  readonly #hosts: readonly Host[];
  readonly #named: readonly Host[];

  constructor(stub: StubResolver, hosts: readonly HostAndPort[], description: string) {
    this.#hosts = hosts.map(({ host, port }) => {
      const address = withoutBrackets(host);
      return { lookup: isIP(address) === 0 ? new HostLookup(stub, host) : undefined, address, port, known: undefined };
    });
    this.#named = this.#hosts.filter(({ lookup }) => lookup !== undefined);
    this.description = description;
  }

  async resolve(): Promise<SourceAnswer> {
    let failure: DnsError | undefined;
    await Promise.all(this.#named.map(async (host) => {
      try {
        host.known = await host.lookup!.resolve();
      } catch (error) {
        // This host keeps the addresses it had.
        failure ??= error as DnsError;
      }
    }));
    const found = this.#hosts.flatMap(({ lookup, address, known, port }) => (lookup === undefined ? [address] : (known?.addresses ?? [])).map((host) => ({ host, port, weight: 1, priority: 0 })));
    if (failure !== undefined && (found.length === 0 || this.#hosts.length === 1)) throw failure;
    const { endpoints, cut } = distinct(found);
    const answers = this.#named.flatMap(({ known }) => (known === undefined ? [] : [known]));
    return {
      endpoints,
      complete: !cut && answers.every((answer) => answer.complete),
      ttl: leastTtl(answers, failure !== undefined),
      lookup: answers.find((answer) => answer.lookup !== undefined)?.lookup,
      bytes: answers.reduce((sum, answer) => sum + (answer.lookup?.bytes ?? 0), 0),
    };
  }
}

/** As long as the shortest holds; for ever only where that is said of all, or there is nothing to look up. */
function leastTtl(answers: readonly HostAddresses[], failed: boolean): number | undefined {
  const said = answers.flatMap(({ ttl }) => (ttl === undefined ? [] : [ttl]));
  const ttl = Math.min(...said);
  return ttl === Infinity && (failed || said.length < answers.length) ? undefined : ttl;
}
