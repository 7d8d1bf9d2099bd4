/**
 * What `inmesh resolve` found out, as data: `--json` prints it, and the page for people is made of nothing else. Keys are always there;
 * null is what is not known or does not apply. Durations are milliseconds, TTLs seconds. New keys may come, none changes its meaning
 * within one `version`.
 */

/** `host`: as the client looks up a host, IPv4 or IPv6, through hosts file and search list. The others ask that type alone. */
export type Mode = 'srv' | 'host' | 'a' | 'aaaa';

export interface ResolveReport {
  readonly version: 1;
  readonly name: string;
  readonly mode: Mode;
  readonly servers: ServersReport;
  /** The absolute names that are tried, in order, until one has addresses. One, where the name is not searched for. */
  readonly candidates: readonly string[];
  /** Every query, in the order in which they left. */
  readonly attempts: readonly AttemptReport[];
  /** `empty`: it was answered that there is nothing. `failed`: there is no answer, or none that says anything. */
  readonly outcome: 'found' | 'empty' | 'failed';
  readonly error: string | null;
  readonly endpoints: readonly EndpointReport[];
  /** Records that were answered and that no endpoint comes of. */
  readonly dropped: readonly DroppedReport[];
  readonly client: ClientReport;
  readonly notes: readonly Note[];
}

export interface ServersReport {
  /** `option`: `--server`. `system`: resolv.conf was of no use, so what Node was told, else this machine. */
  readonly from: 'option' | 'resolv.conf' | 'system';
  readonly nameservers: readonly string[];
  /** Path of the resolv.conf that was read, or was to be. */
  readonly path: string;
  /** Why it was of no use. */
  readonly problem: string | null;
  readonly search: readonly string[];
  readonly ndots: number;
  /** Of those that the resolver follows: `rotate`, `use-vc`. */
  readonly options: readonly string[];
  /** Variables that changed it: `RES_OPTIONS`, `LOCALDOMAIN`. */
  readonly environment: readonly string[];
}

export interface AttemptReport {
  readonly question: { readonly name: string; readonly type: string };
  readonly server: string;
  readonly transport: 'udp' | 'tcp';
  readonly edns: boolean;
  /** Since the beginning. */
  readonly sentAt: number;
  /**
   * `malformed`: something came that cannot be read. `unanswered`: nothing came while anybody waited; where another attempt was
   * answered, nobody waits any longer.
   */
  readonly outcome: 'answered' | 'malformed' | 'failed' | 'unanswered';
  readonly duration: number | null;
  readonly bytes: number | null;
  readonly rcode: string | null;
  /** The TC bit: the server left records out. */
  readonly truncated: boolean;
  /** Datagrams that were no reply to this question: forged, or astray. */
  readonly discarded: number;
  /** Counts by type; all empty where the reply was not looked into because it was cut. */
  readonly records: { readonly answer: Readonly<Record<string, number>>; readonly authority: Readonly<Record<string, number>>; readonly additional: Readonly<Record<string, number>> };
  /** Answers of other types or classes, which are not read. */
  readonly unread: number;
  /** Of answers and additional records. */
  readonly ttl: { readonly min: number; readonly max: number } | null;
  readonly error: string | null;
}

export interface EndpointReport {
  readonly host: string;
  /** null: the policy's. */
  readonly port: number | null;
  readonly priority: number;
  /** As the record says. */
  readonly weight: number;
  /** As the balancer takes it: 1 where all of a priority are equal, and never 0. */
  readonly effectiveWeight: number;
  /** The SRV record's, or the name that has the address. */
  readonly target: string;
  /** The least of the records it comes from; null where none does. */
  readonly ttl: number | null;
  readonly from: 'glue' | 'dashed name' | 'look-up' | 'answer' | 'hosts file' | 'the name itself';
}

export interface DroppedReport {
  /** As in a zone file. */
  readonly record: string;
  readonly reason: string;
  /** How often it was there. */
  readonly times: number;
}

export interface ClientReport {
  /**
   * What a client does with it. `uses`: these endpoints and no others · `adds`: these, and removes none · `believes-empty`: there are
   * none · `doubts-empty`: there are none, once it has been confirmed · `keeps`: what it has.
   */
  readonly does: 'uses' | 'adds' | 'believes-empty' | 'doubts-empty' | 'keeps';
  readonly complete: boolean;
  /** When it asks again: chance decides between the two. null: never. */
  readonly next: { readonly min: number; readonly max: number } | null;
  /** Received for the answer, which stretches the interval. */
  readonly bytes: number;
  readonly ttl: number | null;
}

export interface Note {
  /** `warning`: something is not as it should be · `note`: worth knowing · `hint`: what to try. */
  readonly level: 'warning' | 'note' | 'hint';
  /** For programs; the text may change. */
  readonly code: string;
  readonly text: string;
}
