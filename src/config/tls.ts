/**
 * `tls`: what is proved on the connections to a service, by whom, and which files hold the proofs. What is in those files is read by whoever
 * uses them (security/credentials.ts); a policy is judged where they need not be.
 */
import { isIP } from 'node:net';
import { onceSwitchedOn, type ServicePolicy } from '../core/policy.ts';
import { parseSpiffePattern } from '../core/spiffe-id.ts';
import { isDnsName } from './address.ts';
import { knob, list, oneOf, orOff, switchable, text } from './knob.ts';
import type { Path, ProblemList } from './problem.ts';
import { describeAt } from './schema-problems.ts';
import type { PolicySource } from './source.ts';

const { tls } = onceSwitchedOn;

export function tlsKnobs() {
  // Relative to what, everybody would have to know.
  const isPath = (value: string): boolean => /^\/[^\0]{1,4095}$/.test(value);
  const file = text(isPath, 'absolute path of a PEM file, such as /var/run/secrets/tls/tls.crt', '^/');
  return switchable(
    {
      mode: knob(oneOf('tls', 'mutual'), tls.mode, 'Off unless one of these is set: requests go out over TLS, also those of http: URLs. `tls`: the server proves who it is; `mutual`: so does this process.'),
      ca: knob(text((value) => value === 'system' || isPath(value), 'system, or absolute path of a PEM file, such as /var/run/secrets/tls/ca.crt', '^(system$|/)'), tls.ca, 'Certificates that the server’s must lead up to. `system`: those that Node brings.'),
      cert: knob(orOff(file), tls.cert, 'For `mutual`: our own certificate, and those between it and its root …'),
      key: knob(orOff(file), tls.key, '… and its key. All these files are followed: new connections are made with what they hold now.'),
      serverName: knob(text((value) => value === 'auto' || (isDnsName(value) && isIP(value) === 0), 'auto, or DNS name, such as reviews.shop.svc', '^[^/\\s]+$'), tls.serverName, 'Asked for on every connection (SNI) and, without `spiffeIds`, what the server’s certificate must be for. `auto`: the first of `hosts`.'),
      spiffeIds: knob(orOff(list(text((value) => !('problem' in parseSpiffePattern(value)), 'SPIFFE ID, such as spiffe://td/ns/shop/sa/reviews; * for a segment, ** for the rest', '^spiffe://'), 1)), tls.spiffeIds, 'Who the server may be: the one URI in its certificate is one of these. Its DNS names then count for nothing.'),
      minVersion: knob(oneOf('1.2', '1.3'), tls.minVersion, 'Of TLS; the newest that both sides know is spoken.'),
    },
    'Proves who is at the other end, and keeps what is said between the two. Off by default.',
  );
}

/** `scope` is where the knobs were written: `defaults` or a service. */
export function addTlsProblems({ tls: knobs }: ServicePolicy, scope: Path, source: PolicySource, problems: ProblemList): void {
  if (knobs === 'off' || source.at([...scope, 'tls']) === undefined) return;
  /** At the key, where it was written here; else at what was written here and asks for it. */
  const add = (key: string, expected: string): void => {
    const written = source.at([...scope, 'tls', key]) !== undefined;
    const path = [...scope, 'tls', ...(written ? [key] : [])];
    problems.add({ source: source.name, position: source.position(path), path, found: written ? describeAt(source, path) : `no ${key}`, expected });
  };
  for (const key of ['cert', 'key'] as const) {
    if (knobs.mode === 'mutual' && knobs[key] === 'off') add(key, `a ${key}, with mode mutual`);
    if (knobs.mode === 'tls' && knobs[key] !== 'off' && source.at([...scope, 'tls', key]) !== undefined) add(key, `no ${key} with mode tls, only with mutual`);
  }
  if (knobs.spiffeIds !== 'off' && knobs.ca === 'system') add('ca', 'a ca of your own with spiffeIds: the public ones vouch for no SPIFFE ID');
}
