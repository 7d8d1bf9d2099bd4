/**
 * Names as they may be asked for. dns-packet encodes anything: a label of 192 bytes becomes a compression pointer, `a..b` ends the
 * question early. So a name is checked before it is encoded.
 */
import { domainToASCII } from 'node:url';
import { DnsError } from './dns-error.ts';

/** Letters, digits, hyphens, and the underscore of `_http._tcp`. */
const LABEL = /^[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?$/;
/** RFC 1035's 255 octets, less the first length byte and the root. */
const MAX_NAME_LENGTH = 253;

/** Lower case, no trailing dot, U-labels as A-labels. Throws DnsError `invalid-name`. */
export function canonicalName(typed: string): string {
  const trimmed = typed.endsWith('.') ? typed.slice(0, -1) : typed;
  const labels = trimmed.toLowerCase().split('.');
  const name = labels.map((label) => asciiLabel(label, typed)).join('.');
  if (name.length > MAX_NAME_LENGTH) throw invalid(typed, `at most ${MAX_NAME_LENGTH} characters`);
  return name;
}

function asciiLabel(label: string, typed: string): string {
  // domainToASCII makes `0.0.0.1` of `1` and `a` of `a/b`, so it sees only what needs it and is otherwise clean.
  const ascii = /^[-\w\u0080-\uffff]+$/.test(label) && /[^\x00-\x7f]/.test(label) ? domainToASCII(label) : label;
  if (!LABEL.test(ascii)) throw invalid(typed, 'labels of 1 to 63 letters, digits, hyphens and underscores');
  return ascii;
}

function invalid(typed: string, expected: string): DnsError {
  return new DnsError('invalid-name', `name: ${JSON.stringify(typed.slice(0, 300))} (expected: ${expected})`);
}
