/** SECURITY.md promises nothing that no test holds us to: each line of its threat model names its tests, and they are there. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), 'utf8');
const page = read('SECURITY.md');

interface Named {
  readonly file: string;
  readonly title: string;
}

/** `test/a.test.ts`: *its title, or a part of it* */
function named(line: string): Named[] {
  return [...line.matchAll(/`(test\/[\w./-]+)`: \*((?:\\.|[^*\\])+)\*/g)].map(([, file, title]) => ({ file: file!, title: title!.replace(/\\(.)/g, '$1') }));
}

/** Titles of a file's tests and groups, as they stand in its source. */
function titles(source: string): string[] {
  return [...source.matchAll(/(?:\b(?:it|test|describe)(?:\.each)?(?:<[^(]*>)?\(|\]\)\(\s*|\)\(\s*)(['`])((?:\\.|(?!\1)[^\\])*)\1/g)].map(([, , title]) => title!.replace(/\\(['`\\])/g, '$1'));
}

const lines = page.split('\n').filter((line) => line.startsWith('- '));

describe('SECURITY.md', () => {
  it('says of each party that tells us something what it is trusted for, and what it is not', () => {
    const parties = page.slice(page.indexOf('## Threat model')).split(/^### /m).slice(1);
    expect(parties.map((party) => party.split('\n')[0])).toEqual(['DNS answers', 'The policy file', 'Endpoints', 'Callers']);
    for (const party of parties) {
      expect(party).toMatch(/^Trusted for: \S/m);
      expect(party).toMatch(/^- Not trusted /m);
    }
  });

  it('has lines', () => expect(lines.length).toBeGreaterThan(20));

  it.each(lines)('%s', (line) => {
    const tests = named(line);
    expect(tests.length, 'names no test').toBeGreaterThan(0);
    // Whatever looks like a test and could not be read would be left out without a word.
    expect(line.split('`test/').length - 1).toBe(tests.length);
    for (const { file, title } of tests) {
      expect(existsSync(fileURLToPath(new URL(`../${file}`, import.meta.url))), file).toBe(true);
      expect(titles(read(file)).filter((each) => each.includes(title)), `${file}: ${title}`).not.toEqual([]);
    }
  });
});

describe('its reader', () => {
  it('finds the ways in which titles are written, and nothing in comments', () => {
    const source = "it('a', f); test.each([1])('b %s', f); it.each<[string]>([['x']])('c’s', f); describe('d', () => { it(`e`, f) }) // it is 'no title'";
    expect(titles(source)).toEqual(expect.arrayContaining(['a', 'b %s', 'c’s', 'd', 'e']));
    expect(titles(source)).not.toContain('no title');
  });

  it('takes a line apart', () => {
    expect(named('- a `x` b. `test/a.test.ts`: *one \\* two*, `test/b.test.ts`: *three*')).toEqual([{ file: 'test/a.test.ts', title: 'one * two' }, { file: 'test/b.test.ts', title: 'three' }]);
  });
});
