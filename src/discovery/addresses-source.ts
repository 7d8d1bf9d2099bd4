/** Endpoints that somebody wrote down as addresses: there is nothing to look up, and nothing to remember but the list itself. */
import { isIP } from 'node:net';
import { withoutBrackets } from './host-addresses.ts';
import { distinct } from './source.ts';
import type { Source, SourceAnswer } from './source.ts';

interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

export class AddressesSource implements Source {
  readonly #listed: readonly HostAndPort[];

  constructor(listed: readonly HostAndPort[]) {
    this.#listed = listed;
  }

  static takes(listed: readonly HostAndPort[]): boolean {
    return listed.every(({ host }) => isIP(withoutBrackets(host)) !== 0);
  }

  get description(): string {
    return `endpoints ${this.#listed.map(({ host, port }) => `${host}:${port}`).join(', ')}`;
  }

  resolve(): Promise<SourceAnswer> {
    const { endpoints, cut } = distinct(this.#listed.map(({ host, port }) => ({ host: withoutBrackets(host), port, weight: 1, priority: 0 })));
    return Promise.resolve({ endpoints, complete: !cut, ttl: Infinity });
  }
}
