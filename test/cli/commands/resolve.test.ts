import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/cli/arguments.ts';
import { resolve, resolveArguments } from '../../../src/cli/commands/resolve.ts';

function complaint(...args: string[]): string {
  try {
    resolveArguments(args);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return 'none';
}

describe('the arguments of inmesh resolve', () => {
  it.each([
    [['_http._tcp.Reviews.default.svc.cluster.local'], { name: '_http._tcp.reviews.default.svc.cluster.local', mode: 'srv' }],
    [['reviews'], { name: 'reviews', mode: 'host' }],
    [['reviews.default.'], { name: 'reviews.default.', mode: 'host' }],
    [['bücher.example'], { name: 'xn--bcher-kva.example', mode: 'host' }],
    [['_dmarc.example.test'], { mode: 'host' }],
    [['reviews.default', '--type', 'SRV'], { mode: 'srv' }],
    [['_http._tcp.reviews', '-t', 'aaaa'], { mode: 'aaaa' }],
    [['10.0.0.1'], { name: '10.0.0.1', mode: 'host' }],
    [['[2001:db8::1]'], { name: '2001:db8::1', mode: 'host' }],
    [['a', '--server', '10.0.0.1', '-s', '[::1]:5353'], { servers: ['10.0.0.1', '[::1]:5353'] }],
    [['a'], { servers: [], json: false, all: false }],
    [['a', '--json', '--all'], { json: true, all: true }],
  ])('%j', (args, expected) => {
    expect(resolveArguments(args)).toMatchObject(expected);
  });

  it.each([
    [[], 'NAME is missing'],
    [['a', 'b'], 'one NAME at a time (found: a b)'],
    [['a..b'], 'name: "a..b" (expected: labels of 1 to 63 letters, digits, hyphens and underscores)'],
    [['reviews:9080'], /^name: "reviews:9080"/],
    [['a', '--server', 'dns.example'], '--server: dns.example (expected: IP, IP:PORT or [IPV6]:PORT)'],
    [['a', '--server', '10.0.0.1:70000'], /^--server/],
    [['a', '--type', 'svr'], '--type: svr (expected: srv, a, aaaa) (did you mean srv?)'],
    [['10.0.0.1', '--type', 'a'], '--type: 10.0.0.1 is an address, which is not looked up'],
    [['a', '--sevrer', '10.0.0.1'], 'unknown option --sevrer (did you mean --server?)'],
  ])('%j are refused', (args, expected) => {
    expect(complaint(...args)).toMatch(expected);
  });

  it('are all in the help', () => {
    for (const option of ['--server', '--type', '--all', '--json', '--help']) expect(resolve.help).toContain(option);
  });
});
