import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printable, printableJson } from '../../src/cli/printable.ts';

const anyText = fc.string({ unit: 'binary' });

describe('printable text', () => {
  it('leaves what people write alone', () => {
    expect(printable('reviews.default – größer, 评论 \\ ~')).toBe('reviews.default – größer, 评论 \\ ~');
  });

  it.each([
    ['a terminal command', 'a\x1b[2Jb', 'a\\x1b[2Jb'],
    ['the one-byte form of it', 'a\x9b2Jb', 'a\\x9b2Jb'],
    ['a line of its own', 'a\r\nforged', 'a\\x0d\\x0aforged'],
    ['delete', '\x7f', '\\x7f'],
    ['a change of direction', 'a\u202eb', 'a\\u{202e}b'],
    ['what nobody sees', 'a\u200bb\ufeff', 'a\\u{200b}b\\u{feff}'],
    ['half a character', 'a\ud800b', 'a\\u{d800}b'],
    ['a separator of lines', 'a\u2028b', 'a\\u{2028}b'],
  ])('shows %s as what it is', (_what, text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  it('contains no control character, whatever it is made of', () => {
    fc.assert(fc.property(anyText, (text) => {
      expect(printable(text)).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
    }));
  });
});

describe('printable JSON', () => {
  it('is ASCII, one document, and says the same', () => {
    fc.assert(fc.property(anyText, (text) => {
      const json = printableJson({ text: [text] });
      expect(json).toMatch(/^[\n\x20-\x7e]*\n$/);
      expect(JSON.parse(json)).toEqual({ text: [text] });
    }));
  });
});
