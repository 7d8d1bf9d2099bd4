import { describe, expect, it } from 'vitest';
import { EgressFilter } from '../../src/security/egress.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { accepted, refusals } from '../config/refusal.ts';

const filter = (text = '{}') => {
  const { egress } = accepted(`version: 1\negress: ${text}`);
  return new EgressFilter(() => egress);
};

describe('the egress filter', () => {
  const standard = new EgressFilter(() => defaultPolicy.egress);

  it.each([
    '169.254.169.254', '169.254.0.1', '::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '64:ff9b::a9fe:a9fe', 'fe80::1', 'febf::1', 'fd00:ec2::254', '100.100.100.200',
    '127.0.0.1', '127.255.255.254', '0.0.0.0', '0.1.2.3', '::1', '::', '::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:0:0', '64:ff9b::7f00:1', '64:ff9b::1',
  ])('lets nothing connect to %s', (address) => {
    expect(standard.addressProblem(address)).toMatch(/^.+ is (?:link-local|loopback), which egress\.deny names$/);
  });

  it.each(['8.8.8.8', '10.0.0.1', '192.168.0.1', '169.253.0.1', '169.255.0.1', '126.0.0.1', '128.0.0.1', '1.0.0.0', '2606:4700::1111', '::ffff:8.8.8.8', 'fec0::1', 'fd00:ec2::253', '64:ff9b::808:808', '::2'])('has nothing against %s', (address) => {
    expect(standard.addressProblem(address)).toBeUndefined();
  });

  it('takes kinds, addresses and ranges, and what is allowed of them', () => {
    const own = filter('{ deny: [private, 203.0.113.0/24, "2001:db8::/32"], allow: [10.1.0.0/16, 203.0.113.7] }');
    const denied = (address: string) => own.addressProblem(address) !== undefined;
    expect(['10.0.0.1', '172.31.0.1', '192.168.1.1', '100.64.0.1', 'fd12::1', '203.0.113.8', '2001:db8::1', '::ffff:10.0.0.1'].filter((address) => !denied(address))).toEqual([]);
    expect(['10.1.2.3', '203.0.113.7', '127.0.0.1', '172.32.0.1', '::ffff:10.1.2.3'].filter(denied)).toEqual([]);
    expect(own.addressProblem('203.0.113.8')).toBe('203.0.113.8 is in 203.0.113.0/24, which egress.deny names');
  });

  it('takes ports', () => {
    expect(filter('{ ports: [443] }').portProblem(443)).toBeUndefined();
    expect(filter('{ ports: [443] }').portProblem(6379)).toBe('port 6379 is not in egress.ports');
    expect(standard.portProblem(6379)).toBeUndefined();
  });

  it.each([
    ['{ ports: [0] }', 'egress.ports[0]: 0 (expected: integer 1–65535)'],
    ['{ ports: some }', 'egress.ports: "some" (expected: any, or list of integer 1–65535)'],
    ['{ allow: [10.0.0.0/33] }', 'egress.allow[0]: "10.0.0.0/33" (expected: address or range, such as 10.0.0.1 or 10.0.0.0/8)'],
    ['{ allow: [localhost] }', 'egress.allow[0]: "localhost" (expected: address or range, such as 10.0.0.1 or 10.0.0.0/8)'],
    ['{ deny: [metadata] }', 'egress.deny[0]: "metadata" (expected: link-local, loopback, private, or address or range, such as 10.0.0.1 or 10.0.0.0/8)'],
  ])('cannot be %s', (text, problem) => {
    expect(refusals(`version: 1\negress: ${text}\n`).map((each) => each.replace(/^policy\.yaml:2:\d+ /, ''))).toEqual([problem]);
  });
});
