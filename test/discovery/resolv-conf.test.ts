import { describe, expect, it } from 'vitest';
import { candidateNames, clusterDomain, fallbackResolvConf, parseResolvConf } from '../../src/discovery/resolv-conf.ts';

const pod = `
# written by kubelet
nameserver 10.96.0.10
search shop.svc.cluster.local svc.cluster.local cluster.local
options ndots:5
`;

describe('resolv.conf', () => {
  it('of a pod', () => {
    const conf = parseResolvConf(pod)!;
    expect(conf.nameservers.map((server) => server.key)).toEqual(['10.96.0.10:53']);
    expect(conf).toMatchObject({ search: ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local'], ndots: 5 });
  });

  it.each([
    ['the first three nameservers count', 'nameserver 1.1.1.1\nnameserver ::1\nnameserver fe80::1%eth0\nnameserver 4.4.4.4', { nameservers: ['1.1.1.1:53', '[::1]:53', '[fe80::1%eth0]:53'] }],
    ['a nameserver that is no address does not', 'nameserver foo\nnameserver 1.1.1.1', { nameservers: ['1.1.1.1:53'] }],
    ['the last of search and domain wins', 'nameserver 1.1.1.1\nsearch a b\ndomain c.', { search: ['c'] }],
    ['comments may trail, lines may end in CR LF, tabs separate', 'nameserver\t1.1.1.1 # here\r\nsearch a ; there\r\n', { nameservers: ['1.1.1.1:53'], search: ['a'] }],
    ['ndots is capped at 15', 'nameserver 1.1.1.1\noptions rotate ndots:99 edns0', { ndots: 15 }],
    ['ndots that is no number is 1', 'nameserver 1.1.1.1\noptions ndots:x', { ndots: 1 }],
    ['unknown lines mean nothing', 'nameserver 1.1.1.1\nsortlist 1.2.3.4\n\u0000\nfoo', { nameservers: ['1.1.1.1:53'] }],
  ])('%s', (_what, text, expected: { nameservers?: string[]; search?: string[]; ndots?: number }) => {
    const { nameservers, ...rest } = parseResolvConf(text)!;
    expect({ ...rest, nameservers: nameservers.map((server) => server.key) }).toMatchObject(expected);
  });

  it.each(['', '# nothing', 'search a', 'nameserver', 'nameserver foo'])('%j makes no sense', (text) => expect(parseResolvConf(text)).toBeUndefined());
});

it.each([
  [['1.1.1.1', '[::1]:5353', '127.0.0.1:54'], ['1.1.1.1:53', '[::1]:5353', '127.0.0.1:54']],
  [[], ['127.0.0.1:53']],
  [['nonsense'], ['127.0.0.1:53']],
])('without a file the system\'s %j is used', (servers, keys) => expect(fallbackResolvConf(servers).nameservers.map((server) => server.key)).toEqual(keys));

describe('the environment', () => {
  it('has the last word on options and on the search list', () => {
    const conf = parseResolvConf(pod, { RES_OPTIONS: 'ndots:2 rotate use-vc', LOCALDOMAIN: 'a.test b.test' });
    expect(conf).toMatchObject({ ndots: 2, rotate: true, overTcp: true, search: ['a.test', 'b.test'] });
    expect(parseResolvConf(pod, { LOCALDOMAIN: '' })).toMatchObject({ search: [], rotate: false, overTcp: false });
  });
});

it.each([
  [['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local'], 'cluster.local'],
  [['svc.k8s.example.com'], 'k8s.example.com'],
  [['corp.example.com', 'ns.svc.prod.internal'], 'prod.internal'],
  [['corp.example.com'], 'cluster.local'],
  [[], 'cluster.local'],
])('the search list %j is of the cluster %s', (search, domain) => expect(clusterDomain(search)).toBe(domain));

describe('the names that a name stands for', () => {
  const conf = { search: ['shop.svc.cluster.local', 'svc.cluster.local'], ndots: 5 };
  it.each([
    ['reviews', ['reviews.shop.svc.cluster.local', 'reviews.svc.cluster.local', 'reviews']],
    ['reviews.shop', ['reviews.shop.shop.svc.cluster.local', 'reviews.shop.svc.cluster.local', 'reviews.shop']],
    ['a.b.c.d.e.f', ['a.b.c.d.e.f', 'a.b.c.d.e.f.shop.svc.cluster.local', 'a.b.c.d.e.f.svc.cluster.local']],
    ['reviews.', ['reviews.']],
  ])('%s', (typed, names) => expect(candidateNames(typed, conf)).toEqual(names));
});
