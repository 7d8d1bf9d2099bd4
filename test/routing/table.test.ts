import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RouteMatch, TextMatch } from '../../src/core/route.ts';
import { normalPath, pathEnd } from '../../src/routing/path.ts';
import { RouteTable, type RoutableRequest } from '../../src/routing/table.ts';
import { absent, exact, match, prefix, present, regex, request, type ShortMatch } from './some-routes.ts';

/** Routes by name, in the order of the policy; each with its matches. */
function table(routes: Readonly<Record<string, readonly ShortMatch[]>>) {
  const compiled = new RouteTable(Object.entries(routes).map(([name, matches]) => ({ name, matches: matches.map(match) })));
  return (asked: RoutableRequest) => compiled.find(asked)?.route.name;
}

describe('a match on the path', () => {
  it('that is exact holds for that path alone', () => {
    const find = table({ one: [{ path: exact('/a/b') }] });
    expect(['/a/b', '/a/b?c=d', '/a/b#c', '/a/./b', '/%61/b'].map((path) => find(request(path)))).toEqual(Array(5).fill('one'));
    expect(['/a/b/', '/a', '/a/b/c', '/a/bc', '/', '', '*', '/A/b', '/a%2Fb'].map((path) => find(request(path)))).toEqual(Array(9).fill(undefined));
  });

  it('that is a prefix ends where a segment does', () => {
    const find = table({ one: [{ path: prefix('/a/b') }] });
    expect(['/a/b', '/a/b/', '/a/b/c', '/a/b?c', '/a//../b/x', '/a/c/../b'].map((path) => find(request(path)))).toEqual(Array(6).fill('one'));
    expect(['/a/bc', '/a', '/', '/a/b%2Fc', '/a/b/../c', '*', '/x/a/b'].map((path) => find(request(path)))).toEqual(Array(7).fill(undefined));
  });

  it('that is a prefix means the same with a slash at its end', () => {
    const find = table({ one: [{ path: prefix('/a/b/') }] });
    expect(['/a/b', '/a/b/', '/a/b/c', '/a/bc'].map((path) => find(request(path)))).toEqual(['one', 'one', 'one', undefined]);
  });

  it('is written in any spelling', () => {
    const find = table({ one: [{ path: exact('/café/%7eme') }], two: [{ path: prefix('/x%2fy') }] });
    expect(find(request('/caf%c3%a9/~me'))).toBe('one');
    expect(find(request('/x%2Fy/z'))).toBe('two');
    expect(find(request('/x/y/z'))).toBeUndefined();
  });

  it('that is a regular expression holds for the whole path, without its query', () => {
    const find = table({ one: [{ path: regex('/a/[0-9]+') }] });
    expect(['/a/12', '/a/12?x=y', '/a/./12'].map((path) => find(request(path)))).toEqual(['one', 'one', 'one']);
    expect(['/a/12/', '/b/a/12', '/a/x?/a/12'].map((path) => find(request(path)))).toEqual([undefined, undefined, undefined]);
  });

  it('left out, or /, holds for everything, even for what is no path', () => {
    for (const path of [undefined, prefix('/')]) {
      const find = table({ one: [path === undefined ? {} : { path }] });
      expect(['/', '', '*', '/a/b?c', 'example.com:443'].map((asked) => find(request(asked)))).toEqual(Array(5).fill('one'));
    }
  });
});

describe('a match on', () => {
  it('the method is of that method alone', () => {
    const find = table({ one: [{ method: 'POST' }] });
    expect(find(request('/', [], 'POST'))).toBe('one');
    expect(find(request('/', [], 'GET'))).toBeUndefined();
  });

  const values: [string, TextMatch, (string | undefined)[], (string | undefined)[]][] = [
    ['exact', exact('jason'), ['jason'], ['Jason', 'jasonx', '', undefined]],
    ['prefix', prefix('ja'), ['jason', 'ja'], ['j', '', undefined]],
    ['regex', regex('j.*n'), ['jason', 'jn'], ['xjason', 'jasonx', undefined]],
    ['present', present, ['jason', ''], [undefined]],
    ['absent', absent, [undefined], ['', 'x']],
  ];
  it.each(values)('a header, query parameter or cookie that is %s', (_, value, yes, no) => {
    const header = table({ one: [{ headers: { 'end-user': value } }] });
    const query = table({ one: [{ query: { user: value } }] });
    const cookie = table({ one: [{ cookies: { user: value } }] });
    for (const [texts, expected] of [[yes, 'one'], [no, undefined]] as const) {
      for (const text of texts) {
        expect(header(request('/', text === undefined ? [] : ['End-User', text])), `header ${text}`).toBe(expected);
        expect(query(request(text === undefined ? '/' : `/?a=b&user=${text}`)), `query ${text}`).toBe(expected);
        expect(cookie(request('/', text === undefined ? [] : ['cookie', `a=b; user=${text}`])), `cookie ${text}`).toBe(expected);
      }
    }
  });

  it('headers sees those that come more than once as one list', () => {
    const find = table({ one: [{ headers: { x: exact('a, b, c') } }] });
    expect(find(request('/', ['x', 'a', 'X', ['b', 'c']]))).toBe('one');
  });

  it('query parameters decodes them, and takes the first of a name', () => {
    const find = table({ one: [{ query: { 'a b': exact('c&d é') } }] });
    expect(find(request('/?a+b=c%26d+%C3%A9&a%20b=x'))).toBe('one');
    expect(find(request('/?a%20b=x&a+b=c%26d+%C3%A9'))).toBeUndefined();
    expect(find(request('/#?a+b=c%26d+%C3%A9'))).toBeUndefined();
  });

  it('cookies takes the first of a name, from any of the headers', () => {
    const find = table({ one: [{ cookies: { user: exact('a=b') } }] });
    expect(find(request('/', ['cookie', 'x=y', 'Cookie', ' other ; user = a=b ; user=c']))).toBe('one');
    expect(find(request('/', ['cookie', 'user=c; user=a=b']))).toBeUndefined();
    expect(find(request('/', ['cookie', 'nothing; at all']))).toBeUndefined();
  });

  it('several things wants all of them, and one of several matches is enough', () => {
    const find = table({ one: [{ method: 'GET', headers: { a: exact('1'), b: exact('2') } }, { path: prefix('/else') }] });
    expect(find(request('/', ['a', '1', 'b', '2']))).toBe('one');
    expect(find(request('/', ['a', '1']))).toBeUndefined();
    expect(find(request('/else', [], 'POST'))).toBe('one');
  });

  it('one request says nothing of the next', () => {
    const find = table({ one: [{ headers: { a: exact('1') } }], two: [{ query: { q: exact('1') } }] });
    expect(find(request('/', ['a', '1']))).toBe('one');
    expect(find(request('/'))).toBeUndefined();
    expect(find(request('/?q=1'))).toBe('two');
    expect(find(request('/'))).toBeUndefined();
  });
});

/** Each pair: the first goes before the second, whichever way round they are written. */
const precedence: [string, ShortMatch, ShortMatch, RoutableRequest][] = [
  ['exact before regular expression', { path: exact('/a') }, { path: regex('/a') }, request('/a')],
  ['exact before prefix', { path: exact('/a') }, { path: prefix('/a'), method: 'GET', headers: { x: exact('1') } }, request('/a', ['x', '1'])],
  ['regular expression before prefix', { path: regex('/a.*') }, { path: prefix('/a/b'), method: 'GET' }, request('/a/b/c')],
  ['longer prefix before shorter', { path: prefix('/a/b') }, { path: prefix('/a'), method: 'GET', headers: { x: exact('1') } }, request('/a/b/c', ['x', '1'])],
  ['a prefix before none', { path: prefix('/a') }, { method: 'GET', headers: { x: exact('1') }, query: { q: exact('1') } }, request('/a?q=1', ['x', '1'])],
  ['method before headers', { method: 'GET' }, { headers: { x: exact('1'), y: exact('2') } }, request('/', ['x', '1', 'y', '2'])],
  ['more headers before fewer', { headers: { x: exact('1'), y: exact('2') } }, { headers: { x: exact('1') }, query: { q: exact('1') } }, request('/?q=1', ['x', '1', 'y', '2'])],
  ['headers before query parameters', { headers: { x: exact('1') } }, { query: { q: exact('1'), r: exact('1') } }, request('/?q=1&r=1', ['x', '1'])],
  ['more query parameters before fewer', { query: { q: exact('1'), r: exact('1') } }, { query: { q: exact('1') }, cookies: { c: exact('1') } }, request('/?q=1&r=1', ['cookie', 'c=1'])],
  ['more cookies before fewer', { cookies: { c: exact('1'), d: exact('1') } }, { cookies: { c: exact('1') } }, request('/', ['cookie', 'c=1; d=1'])],
];

describe('precedence', () => {
  it.each(precedence)('%s', (_, first, second, asked) => {
    expect(table({ second: [second], first: [first] })(asked)).toBe('first');
    expect(table({ first: [first], second: [second] })(asked)).toBe('first');
    expect(table({ second: [second] })(asked)).toBe('second');
  });

  it('of equals is the order in the policy, whatever they ask for', () => {
    const equals: ShortMatch[] = [{ headers: { version: exact('two') } }, { headers: { color: exact('blue') } }];
    const asked = request('/', ['Version', 'two', 'Color', 'blue']);
    expect(table({ one: [equals[0]!], two: [equals[1]!] })(asked)).toBe('one');
    expect(table({ one: [equals[1]!], two: [equals[0]!] })(asked)).toBe('one');
  });

  it('is that of the match, not of the route', () => {
    const find = table({ one: [{ path: prefix('/') }, { path: exact('/x') }], two: [{ path: prefix('/a') }] });
    expect([find(request('/x')), find(request('/a')), find(request('/b'))]).toEqual(['one', 'two', 'one']);
  });

  it('goes on to the next where the more specific does not hold', () => {
    const find = table({ exact: [{ path: exact('/a/b'), method: 'POST' }], regex: [{ path: regex('/a/.'), headers: { x: present } }], long: [{ path: prefix('/a/b'), query: { q: present } }], short: [{ path: prefix('/a') }] });
    expect([find(request('/a/b', [], 'POST')), find(request('/a/b', ['x', '']), ), find(request('/a/b?q')), find(request('/a/b'))]).toEqual(['exact', 'regex', 'long', 'short']);
  });
});

describe('however many routes there are', () => {
  it('each tenant has its own, and those that ask for no tenant keep their place', () => {
    const find = table({
      admin: [{ headers: { 'x-tenant': prefix('t'), 'x-admin': present } }],
      ...Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`t${index}`, [{ headers: { 'x-tenant': exact(`t${index}`) } }]])),
      any: [{}],
    });
    expect(find(request('/', ['x-tenant', 't7']))).toBe('t7');
    expect(find(request('/', ['x-tenant', 't7', 'x-admin', '1']))).toBe('admin');
    expect(find(request('/', ['x-tenant', 't99', 'x-admin', '1']))).toBe('admin');
    expect(find(request('/', ['x-tenant', 't99']))).toBe('any');
    expect(find(request('/'))).toBe('any');
  });

  // The definition, without trees, slots and drawers: all that hold, sorted.
  function slowly(routes: readonly { name: string; matches: readonly RouteMatch[] }[], { method, path, headers }: RoutableRequest): string | undefined {
    const target = new URL(`http://x${path}`);
    const plain = normalPath(path.slice(0, pathEnd(path)));
    const header = (name: string) => headers.flatMap((each, index) => (index % 2 === 0 && each === name ? [headers[index + 1] as string] : []))[0];
    const cookie = (name: string) => header('cookie')?.split('; ').map((pair) => pair.split('=')).find(([key]) => key === name)?.[1];
    const holds = (value: TextMatch, text: string | null | undefined) =>
      value.kind === 'present' ? (text ?? undefined) !== undefined === value.present
      : text === null || text === undefined ? false
      : value.kind === 'exact' ? text === value.value : value.kind === 'prefix' ? text.startsWith(value.value) : value.test(text);
    const pathHolds = (match: RouteMatch['path']) =>
      match === undefined ? true : match.kind === 'prefix' ? `${plain}/`.startsWith(match.value.replace(/\/?$/, '/')) : holds(match, plain);
    const weight = (one: RouteMatch) => [
      one.path?.kind === 'exact' ? 1 : 0, one.path?.kind === 'regex' ? 1 : 0, one.path?.kind === 'prefix' ? one.path.value.replace(/\/$/, '').length : 0,
      one.method === undefined ? 0 : 1, one.headers.length, one.query.length, one.cookies.length,
    ];
    const all = routes.flatMap(({ name, matches }) => matches.map((one) => ({ name, one })));
    const holding = all.filter(({ one }) => pathHolds(one.path) && (one.method ?? method) === method && one.headers.every(({ name, value }) => holds(value, header(name)))
      && one.query.every(({ name, value }) => holds(value, target.searchParams.get(name))) && one.cookies.every(({ name, value }) => holds(value, cookie(name))));
    const compare = (a: number[], b: number[]) => a.map((each, index) => b[index]! - each).find((difference) => difference !== 0) ?? 0;
    return holding.map((each, index) => ({ ...each, index })).sort((a, b) => compare(weight(a.one), weight(b.one)) || a.index - b.index)[0]?.name;
  }

  it('the compiled table says what the definition says', () => {
    const letters = fc.constantFrom('', 'a', 'b', 'ab', 'a%2Fb');
    const path = fc.array(letters, { maxLength: 4 }).map((segments) => `/${segments.join('/')}`);
    const text = fc.constantFrom<TextMatch[]>(exact('a'), exact('b'), prefix('a'), regex('a|b+'), present, absent);
    const fields = (name: string) => fc.dictionary(fc.constantFrom(`${name}1`, `${name}2`), text, { maxKeys: 2 });
    const one = fc.record({
      path: fc.option(fc.oneof(path.map(exact), path.map(prefix), fc.constantFrom(regex('/a.*'), regex('.*b'))), { nil: undefined }),
      method: fc.option(fc.constantFrom('GET', 'POST'), { nil: undefined }),
      headers: fields('h'), query: fields('q'), cookies: fields('c'),
    }).map((short) => match(short as ShortMatch));
    const routes = fc.array(fc.array(one, { minLength: 1, maxLength: 2 }), { maxLength: 24 }).map((all) => all.map((matches, index) => ({ name: `r${index}`, matches })));
    const some = fc.constantFrom(undefined, 'a', 'b', 'ab');
    const asked = fc.record({ path, method: fc.constantFrom('GET', 'POST'), h1: some, h2: some, q1: some, q2: some, c1: some, c2: some }).map(({ path: plain, method, h1, h2, q1, q2, c1, c2 }) => {
      const query = Object.entries({ q1, q2 }).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`])).join('&');
      const cookies = Object.entries({ c1, c2 }).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`])).join('; ');
      const headers = Object.entries({ h1, h2, ...(cookies === '' ? {} : { cookie: cookies }) }).flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
      return request(query === '' ? plain : `${plain}?${query}`, headers, method);
    });
    let routed = 0;
    fc.assert(
      fc.property(routes, fc.array(asked, { minLength: 1, maxLength: 8 }), (all, requests) => {
        const compiled = new RouteTable(all);
        for (const each of requests) {
          const found = compiled.find(each)?.route.name;
          if (found !== undefined) routed += 1;
          expect(found).toBe(slowly(all, each));
          // What is explained is what happens.
          expect(compiled.trials(each).find(({ failed }) => failed === undefined)?.entry).toBe(compiled.find(each));
        }
      }),
      { numRuns: 1000, seed: 6 },
    );
    expect(routed).toBeGreaterThan(800);
  });

  it('no request makes it throw, or takes long', () => {
    const find = table({ one: [{ path: prefix('/a'), query: { q: exact('1') }, headers: { h: exact('1') }, cookies: { c: exact('1') } }], two: [{ path: exact('/%'), headers: { h: present } }] });
    const junk = fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), fc.constantFrom('%', '%e9', '?', '&&==', ';;==;', '#', '\uD800'));
    fc.assert(
      fc.property(junk, junk, fc.array(fc.oneof(junk, fc.array(junk, { maxLength: 2 }), fc.constantFrom(1, true, null, undefined, {}, Symbol('s'))), { maxLength: 9 }), (path, query, headers) => {
        find({ method: 'GET', path: `/a${path}?${query}`, headers: headers as string[] });
        find({ method: 'GET', path, headers: ['h', '1', 'cookie', query, ...(headers as string[])] });
      }),
      { numRuns: 2000 },
    );
    const began = performance.now();
    for (const long of ['/.'.repeat(500_000), '/..'.repeat(300_000), '%2e'.repeat(300_000), `/a?${'&'.repeat(1_000_000)}`, `/a?${'q='.repeat(500_000)}`]) find(request(long, ['h', '1']));
    find(request('/a?q=1', ['h', '1', 'cookie', '='.repeat(1_000_000), 'cookie', `${';'.repeat(1_000_000)}=`]));
    // Megabytes of them: seconds would mean that something is worse than linear.
    expect(performance.now() - began).toBeLessThan(5000);
  });
});
