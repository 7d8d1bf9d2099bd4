import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseSpiffeId, parseSpiffePattern, type SpiffeId } from '../../src/core/spiffe-id.ts';

interface Case {
  readonly id: string;
  readonly valid: boolean | string;
  readonly error?: string;
}

/** go-spiffe's cases; see test/cases/spiffe/README.md. */
const { ids } = JSON.parse(readFileSync(new URL('../cases/spiffe/spiffe-ids.json', import.meta.url), 'utf8')) as { ids: Case[] };

describe('a SPIFFE ID', () => {
  it('is judged as by go-spiffe, and by the limits of the standard', () => {
    expect(ids.length).toBe(543);
    // Where the case has no verdict but a sentence, the standard allows or demands a refusal, which go-spiffe leaves out.
    const wrong = ids.filter(({ id, valid }) => 'problem' in parseSpiffeId(id) === (valid === true));
    expect(wrong).toEqual([]);
  });

  it('is refused for the reason that go-spiffe gives', () => {
    const words: Record<string, RegExp> = {
      'cannot be empty': /empty/,
      'scheme is missing or invalid': /does not begin with spiffe/,
      'trust domain is missing': /no trust domain/,
      'trust domain characters are limited to lowercase letters, numbers, dots, dashes, and underscores': /a trust domain has/,
      'path segment characters are limited to letters, numbers, dots, dashes, and underscores': /a path has/,
      'path cannot contain empty segments': /empty segment/,
      'path cannot have a trailing slash': /ends in/,
      'path cannot contain dot segments': /dot segment/,
    };
    for (const { id, error } of ids) {
      if (error === undefined) continue;
      expect(words[error], error).toBeDefined();
      expect(parseSpiffeId(id), id).toEqual({ problem: expect.stringMatching(words[error]!) });
    }
  });

  it('keeps its parts as they are written', () => {
    expect(parseSpiffeId('spiffe://example.org/ns/Shop/sa/reviews')).toEqual({ id: 'spiffe://example.org/ns/Shop/sa/reviews', trustDomain: 'example.org', segments: ['ns', 'Shop', 'sa', 'reviews'] });
  });
});

describe('a pattern of SPIFFE IDs', () => {
  const matches = (pattern: string, id: string): boolean => {
    const parsed = parseSpiffePattern(pattern);
    if ('problem' in parsed) throw new Error(parsed.problem);
    return parsed.matches(parseSpiffeId(id) as SpiffeId);
  };

  it.each([
    ['spiffe://td/ns/shop/sa/reviews', 'spiffe://td/ns/shop/sa/reviews', true],
    ['spiffe://td/ns/shop/sa/reviews', 'spiffe://td/ns/shop/sa/Reviews', false],
    ['spiffe://td/ns/shop/sa/reviews', 'spiffe://td/ns/shop/sa/reviews2', false],
    ['spiffe://td/ns/shop/sa/reviews', 'spiffe://other/ns/shop/sa/reviews', false],
    ['spiffe://td/ns/*/sa/reviews', 'spiffe://td/ns/shop/sa/reviews', true],
    ['spiffe://td/ns/*/sa/reviews', 'spiffe://td/ns/shop/x/sa/reviews', false],
    ['spiffe://td/ns/*/sa/reviews', 'spiffe://td/ns/sa/reviews', false],
    ['spiffe://td/ns/*/sa/reviews', 'spiffe://td/ns/shop/sa/reviews/more', false],
    ['spiffe://td/**', 'spiffe://td/ns/shop/sa/reviews', true],
    ['spiffe://td/**', 'spiffe://td', false],
    ['spiffe://td/**', 'spiffe://td2/ns/shop', false],
    ['spiffe://td/ns/shop/**', 'spiffe://td/ns/shop/sa/reviews', true],
    ['spiffe://td/ns/shop/**', 'spiffe://td/ns/shop2/sa/reviews', false],
    ['spiffe://td/ns/shop/**', 'spiffe://td/ns/shop', false],
    ['spiffe://td', 'spiffe://td', true],
    ['spiffe://td', 'spiffe://td/a', false],
  ])('%s and %s: %s', (pattern, id, expected) => {
    expect(matches(pattern, id)).toBe(expected);
  });

  it.each(['spiffe://*/ns/a', 'spiffe://td/**/a', 'spiffe://td/a*', 'spiffe://td/ns/*/', 'https://td/*', ''])('cannot be %s', (pattern) => {
    expect(parseSpiffePattern(pattern)).toHaveProperty('problem');
  });

  it('takes no ID for a pattern: a workload cannot call itself *', () => {
    expect(parseSpiffeId('spiffe://td/ns/*/sa/a')).toHaveProperty('problem');
  });
});
