import { describe, expect, it } from 'vitest';
import { Page } from '../../src/cli/page.ts';

describe('a page', () => {
  it('aligns the columns of a table, numbers to the right, and ends no line with blanks', () => {
    const page = new Page(false);
    page.line('title');
    page.table([['a', { text: '5 ms', right: true }, 'x'], ['longer', { text: '12 ms', right: true }, ''], ['b']], '  ');
    page.blank();
    expect(page.toString()).toBe('title\n  a        5 ms  x\n  longer  12 ms\n  b\n\n');
  });

  it('puts colours around text and not around padding, so that columns align all the same', () => {
    const page = new Page(true);
    page.table([[{ text: 'a', style: 'red' }, 'x'], ['long', { text: '', style: 'red' }]], '');
    expect(page.toString()).toBe('\x1b[31ma\x1b[39m     x\nlong\n');
  });

  it('sends no control character but its own, and reckons with what is shown instead', () => {
    const page = new Page(false);
    page.table([['\x1b[2J', 'x'], ['1234567', 'y']], '');
    page.line('a\nb', { text: '\u202e' });
    expect(page.toString()).toBe('\\x1b[2J  x\n1234567  y\na\\x0ab \\u{202e}\n');
  });
});
