import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isNormal, normalPath, pathEnd } from '../../src/routing/path.ts';

describe('a path', () => {
  it.each([
    ['/a/b', '/a/b'],
    ['/', '/'],
    ['', ''],
    ['*', '*'],
    ['/a/./b', '/a/b'],
    ['/a/../b', '/b'],
    ['/a/b/..', '/a/'],
    ['/a/b/.', '/a/b/'],
    ['/..', '/'],
    ['/../../..', '/'],
    ['/../a', '/a'],
    ['/a/../../b', '/b'],
    ['/a//b/', '/a//b/'],
    ['/a//../b', '/a/b'],
    ['/.hidden/..a/a..', '/.hidden/..a/a..'],
    ['/%7Euser', '/~user'],
    ['/%61%62c', '/abc'],
    ['/a/%2e%2E/b', '/b'],
    ['/a/%2e/b', '/a/b'],
    ['/a%2fb', '/a%2Fb'],
    ['/a%2Fb', '/a%2Fb'],
    ['/a/..%2fb', '/a/..%2Fb'],
    ['/caf%c3%a9', '/caf%C3%A9'],
    ['/100%', '/100%'],
    ['/%zz%4', '/%zz%4'],
    // Once: what an escape decodes to is no escape in its turn.
    ['/%2561', '/%2561'],
  ])('%s is %s', (path, normal) => expect(normalPath(path)).toBe(normal));

  it('ends before its query and its fragment', () => {
    expect(['/a?b#c', '/a#b?c', '/a', '?', ''].map(pathEnd)).toEqual([2, 2, 2, 0, 0]);
  });

  it('is looked at for itself, not for its query', () => {
    for (const target of ['/a?%41', '/a?/../b', '/a#%41']) expect(isNormal(target, pathEnd(target)), target).toBe(true);
    for (const target of ['/%41?b', '/a/./b?c', '/..']) expect(isNormal(target, pathEnd(target)), target).toBe(false);
  });

  const piece = fc.constantFrom('/', '.', '..', 'a', '%2e', '%2E', '%2f', '%2F', '%61', '%', '%%', '%25', '?', 'é', '\0', '\uD800');
  it('is normal once it was normalised, whatever it was, and has no more segments than before', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const path = `/${pieces.join('')}`.replaceAll('?', '');
        const normal = normalPath(path);
        expect(normal.startsWith('/')).toBe(true);
        expect(normal.split('/').length).toBeLessThanOrEqual(path.split('/').length);
        expect(normal).not.toMatch(/\/\.\.?(\/|$)/);
        // '%' may meet digits that were escaped: then once more would go on, and servers that decode once do not.
        if (!/%(?![0-9a-fA-F]{2})/.test(path)) expect(normalPath(normal)).toBe(normal);
      }),
      { numRuns: 2000 },
    );
  });
});
