/** Ejection: of those that are worse than the others, and of nobody where all are. */
import { describe, expect, it } from 'vitest';
import { defaultServicePolicy } from '../../src/core/policy.ts';
import { compare, lineOf, range, record, seeds, whole } from './compare.ts';
import { playLayered } from './layered.ts';
import { badFrom, fifthBad, fifthBadUntil, sharedOutage } from './scenarios.ts';
import { envoyRules, linkerdRules, withEjection } from './ways/ejection-rules.ts';
import { inmesh } from './ways/inmesh.ts';
import { roundRobin } from './ways/simple.ts';
import { play } from './world.ts';

describe('with ten bad endpoints of fifty (H7)', () => {
  it('hardly a call is lost, and with retries next to none; ten per cent of ejection at most, as elsewhere, loses one in nine', async () => {
    const all = compare(fifthBad(50), [
      roundRobin, withEjection(roundRobin, envoyRules), inmesh('inmesh'),
      ...(whole ? [withEjection(roundRobin, linkerdRules), inmesh('inmesh, without ejection', { outlier: 'off' })] : []),
    ], badFrom, fifthBadUntil);
    const retry = { ...defaultServicePolicy.retry, on: ['connect-failure', 'reset', 'gateway-error', '5xx'] as const };
    // 20 clients and servers: each step through all layers is a promise.
    const layered = [];
    for (const seed of whole ? seeds : seeds.slice(0, 1)) layered.push((await playLayered(fifthBad(20), { retry }, seed)).figures.summary(badFrom, fifthBadUntil));
    const withRetries = lineOf('inmesh, with retries, 4 of 20', layered);
    const lines = [...all.values()].map(({ line }) => line).concat(withRetries).map(({ way, success, p99 }) => ({ way, success, p99 }));
    record({ row: 'H7', title: 'Ten endpoints of fifty fail everything in half a millisecond', published: 'not published', tables: [{ caption: 'While they are bad', lines }], plot: { kind: 'bars', table: 0, figure: 'success', scale: 'linear' } });

    expect(all.get(`round robin, ${envoyRules.name}`)!.line.success.mean).toBeLessThan(0.9);
    expect(all.get('inmesh')!.line.success.least).toBeGreaterThan(0.99);
    expect(withRetries.success.least).toBeGreaterThan(0.999);
  });
});

describe('a shared outage (H8)', () => {
  it.each([0.4, 0.9])('in which %f of all requests fail ejects next to nobody; rules for each endpoint alone eject the fleet', (share) => {
    const count = (make: (ejected: () => void) => ReturnType<typeof inmesh>) => seeds.map((seed) => {
      let ejections = 0;
      play(sharedOutage(share), make(() => (ejections += 1)), seed);
      return ejections;
    });
    const counts = {
      inmesh: count((ejected) => inmesh('inmesh', {}, (name) => void (name === 'endpoint.ejected' && ejected()))),
      [envoyRules.name]: count((ejected) => withEjection(roundRobin, envoyRules, ejected)),
      [linkerdRules.name]: count((ejected) => withEjection(roundRobin, linkerdRules, ejected)),
    };
    record({
      row: `H8-${share * 100}`, title: `What all endpoints depend on fails ${share * 100} % of the requests`, published: 'not published',
      tables: [{ caption: 'Ejections of healthy endpoints, by 50 clients', lines: Object.entries(counts).map(([way, values]) => ({ way, ejections: range(values) })) }],
      plot: { kind: 'bars', table: 0, figure: 'ejections', scale: 'linear' },
    });
    const { inmesh: ours, [envoyRules.name]: envoy, [linkerdRules.name]: linkerd } = counts;
    expect(range(ours).mean).toBeLessThanOrEqual(50);
    expect(range(envoy!).least).toBeGreaterThan(200);
    expect(range(linkerd!).least).toBeGreaterThan(range(ours).most);
  });
});
