/**
 * Why a look-up gave no answer. "There is no such record" is an answer and not among these: an error never says anything about
 * the endpoints of a service, so it never removes one.
 */

/**
 * `invalid-name`: it cannot be asked for · `malformed`: a reply broke the rules of the protocol · `timeout`: no reply in time ·
 * `network`: refused, unreachable, connection lost · `server-failure`: SERVFAIL, REFUSED and their like · `alias`: a CNAME chain
 * too long, or in a circle · `closed`: the resolver was closed meanwhile.
 */
export type DnsErrorKind = 'invalid-name' | 'malformed' | 'timeout' | 'network' | 'server-failure' | 'alias' | 'closed';

export class DnsError extends Error {
  readonly kind: DnsErrorKind;

  constructor(kind: DnsErrorKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'DnsError';
    this.kind = kind;
  }
}
