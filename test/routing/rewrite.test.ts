import { describe, expect, it } from 'vitest';
import { changedHeaders } from '../../src/routing/header-changes.ts';
import { changedRequest, rewrittenPath } from '../../src/routing/rewrite.ts';
import { fakeCall } from '../support/fake-call.ts';

const nothing = { prefix: undefined, path: undefined, host: undefined };

describe('a rewritten path', () => {
  // The Gateway API's table for ReplacePrefixMatch, and what it leaves open.
  it.each([
    ['/foo/bar', '/foo', '/xyz', '/xyz/bar'],
    ['/foo/bar', '/foo', '/xyz/', '/xyz/bar'],
    ['/foo', '/foo', '/xyz', '/xyz'],
    ['/foo/', '/foo', '/xyz', '/xyz/'],
    ['/foo/bar', '/foo', '/', '/bar'],
    ['/foo/', '/foo', '/', '/'],
    ['/foo', '/foo', '/', '/'],
    ['/a', '', '/v1', '/v1/a'],
    ['/', '', '/v1', '/v1/'],
    ['/foo?a=/foo', '/foo', '/xyz', '/xyz?a=/foo'],
    ['/foo/./b%41?%41', '/foo', '/xyz', '/xyz/bA?%41'],
    ['/foo/a%2fb', '/foo', '/xyz', '/xyz/a%2Fb'],
    ['*', '', '/v1', '*'],
  ])('%s, with %j replaced by %s, is %s', (asked, prefix, by, sent) => expect(rewrittenPath(asked, { ...nothing, prefix: by }, prefix)).toBe(sent));

  it('may be another path altogether, with the query that was asked', () => {
    expect(rewrittenPath('/a/b?c', { ...nothing, path: '/x' }, '')).toBe('/x?c');
  });
});

describe('changed headers', () => {
  it('are set, then added, then removed, in any case of their names', () => {
    const changes = { set: [['a', 'new'], ['gone', '1']], add: [['b', 'two']], remove: ['gone', 'c'] } as const;
    expect(changedHeaders(['A', 'old', 'B', 'one', 'C', 'x', 'D', ['1', '2']], changes)).toEqual(['B', 'one', 'D', ['1', '2'], 'a', 'new', 'b', 'two']);
  });

  it('of nothing are the very same request', () => {
    const { request } = fakeCall();
    expect(changedRequest(request, { rewrite: undefined, requestHeaders: undefined }, '')).toBe(request);
  });

  it('carry another host, while the name for TLS stays', () => {
    const { request } = fakeCall();
    expect(changedRequest(request, { rewrite: { ...nothing, host: 'other' }, requestHeaders: undefined }, '')).toMatchObject({ authority: 'reviews', headers: ['host', 'other'] });
  });
});
