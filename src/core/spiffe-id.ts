/**
 * SPIFFE IDs: who a workload is, as a URI in its certificate.
 *
 *     spiffe://trust.domain/ns/shop/sa/reviews
 *
 * Judged as the SPIFFE-ID standard says, with go-spiffe's own cases as the measure. Nothing is decoded or made canonical: two IDs are the
 * same where their texts are, so there is no second way to write one, and percent signs, capitals in the trust domain, ports, queries and
 * dot segments are refused.
 *
 * A pattern is an ID in which `*` stands for one whole segment of the path, and `**`, at the end, for the rest of it, at least one segment.
 * The trust domain is always written out: who may speak for it is another root of trust.
 */

/** The standard: a trust domain is at most 255 bytes … */
const LONGEST_TRUST_DOMAIN = 255;
/** … and an ID at most 2048, which everybody has to understand and nobody has to exceed. */
const LONGEST_ID = 2048;

const SCHEME = 'spiffe://';

export interface SpiffeId {
  /** As written. */
  readonly id: string;
  readonly trustDomain: string;
  /** Of the path; none: the ID is that of the trust domain itself. */
  readonly segments: readonly string[];
}

/** What is wrong with a text that is no SPIFFE ID, in a few words. */
export interface NoSpiffeId {
  readonly problem: string;
}

export function parseSpiffeId(text: string): SpiffeId | NoSpiffeId {
  return parse(text, isSegment);
}

export interface SpiffePattern extends SpiffeId {
  matches(id: SpiffeId): boolean;
}

export function parseSpiffePattern(text: string): SpiffePattern | NoSpiffeId {
  const parsed = parse(text, (segment) => segment === '*' || segment === '**' || isSegment(segment));
  if ('problem' in parsed) return parsed;
  const { segments, trustDomain } = parsed;
  if (segments.slice(0, -1).includes('**')) return { problem: '** stands for the end of a path, and comes last' };
  return {
    ...parsed,
    matches: (id) => id.trustDomain === trustDomain && pathMatches(segments, id.segments),
  };
}

function pathMatches(pattern: readonly string[], segments: readonly string[]): boolean {
  const open = pattern.at(-1) === '**';
  if (open ? segments.length < pattern.length : segments.length !== pattern.length) return false;
  const fixed = open ? pattern.length - 1 : pattern.length;
  for (let index = 0; index < fixed; index += 1) {
    if (pattern[index] !== '*' && pattern[index] !== segments[index]) return false;
  }
  return true;
}

function parse(text: string, isGood: (segment: string) => boolean): SpiffeId | NoSpiffeId {
  if (text === '') return { problem: 'it is empty' };
  if (text.length > LONGEST_ID) return { problem: `it is longer than ${LONGEST_ID} bytes` };
  if (!text.startsWith(SCHEME)) return { problem: `it does not begin with ${SCHEME}` };
  const [trustDomain, ...segments] = text.slice(SCHEME.length).split('/') as [string, ...string[]];
  if (trustDomain === '') return { problem: 'it has no trust domain' };
  if (!/^[a-z0-9._-]+$/.test(trustDomain)) return { problem: 'a trust domain has lower-case letters, digits, ".", "-" and "_"' };
  if (trustDomain.length > LONGEST_TRUST_DOMAIN) return { problem: `its trust domain is longer than ${LONGEST_TRUST_DOMAIN} bytes` };
  for (const [index, segment] of segments.entries()) {
    if (segment === '') return { problem: index === segments.length - 1 ? 'its path ends in /' : 'its path has an empty segment' };
    if (segment === '.' || segment === '..') return { problem: 'its path has a dot segment' };
    if (!isGood(segment)) return { problem: 'a path has letters, digits, ".", "-" and "_"' };
  }
  return { id: text, trustDomain, segments };
}

function isSegment(segment: string): boolean {
  return /^[a-zA-Z0-9._-]+$/.test(segment);
}
