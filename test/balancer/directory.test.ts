import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../src/core/endpoint.ts';
import { Directory, type Entry } from '../../src/balancer/directory.ts';
import { endpointAt, endpoints } from './small-cluster.ts';

const keys = (entries: readonly Entry[]) => entries.map(({ key }) => key);

function learn(directory: Directory, found: readonly Endpoint[], complete = true) {
  const { added, removed } = directory.learn({ endpoints: found, complete, source: 'a test' });
  return { added: keys(added), removed: keys(removed) };
}

describe('the directory', () => {
  it('says what an answer added and removed', () => {
    const directory = new Directory('a');
    expect(learn(directory, endpoints(2))).toEqual({ added: ['10.0.0.0:80', '10.0.0.1:80'], removed: [] });
    expect(learn(directory, [endpointAt(1), endpointAt(2)])).toEqual({ added: ['10.0.0.2:80'], removed: ['10.0.0.0:80'] });
    expect(learn(directory, [endpointAt(2), endpointAt(1)])).toEqual({ added: [], removed: [] });
    expect(learn(directory, [])).toEqual({ added: [], removed: ['10.0.0.1:80', '10.0.0.2:80'] });
    expect([directory.size, directory.groups]).toEqual([0, []]);
  });

  it('keeps the entry of what stays, with what the newest answer says of it', () => {
    const directory = new Directory('a');
    learn(directory, endpoints(3));
    const [first] = directory.groups[0]!;
    learn(directory, [endpointAt(0, { weight: 7 }), endpointAt(5)]);
    expect(directory.groups[0]![0]).toBe(first);
    expect(first!.endpoint.weight).toBe(7);
  });

  it('groups by priority, the most important first, and follows an endpoint from one to another', () => {
    const directory = new Directory('a');
    learn(directory, [endpointAt(0, { priority: 3 }), endpointAt(1), endpointAt(2, { priority: 3 })]);
    expect(directory.groups.map(keys)).toEqual([['10.0.0.1:80'], ['10.0.0.0:80', '10.0.0.2:80']]);
    learn(directory, [endpointAt(0), endpointAt(1), endpointAt(2, { priority: 3 })]);
    expect(directory.groups.map(keys)).toEqual([['10.0.0.0:80', '10.0.0.1:80'], ['10.0.0.2:80']]);
  });

  it('of an address that is named twice, takes the more important mention', () => {
    for (const twice of [[endpointAt(0, { priority: 2 }), endpointAt(0)], [endpointAt(0), endpointAt(0, { priority: 2 })]]) {
      const directory = new Directory('a');
      expect(learn(directory, twice).added).toEqual(['10.0.0.0:80']);
      expect(directory.groups.map((group) => group[0]!.endpoint.priority)).toEqual([0]);
    }
  });

  it('follows an endpoint to a less important priority in the next answer', () => {
    const directory = new Directory('a');
    learn(directory, [endpointAt(0)]);
    learn(directory, [endpointAt(0, { priority: 2 })]);
    expect(directory.groups[0]![0]!.endpoint.priority).toBe(2);
  });

  it('an answer that was cut short removes nothing', () => {
    const directory = new Directory('a');
    learn(directory, endpoints(3));
    expect(learn(directory, [endpointAt(3)], false)).toEqual({ added: ['10.0.0.3:80'], removed: [] });
    expect(directory.size).toBe(4);
    expect(learn(directory, [endpointAt(3)]).removed).toEqual(['10.0.0.0:80', '10.0.0.1:80', '10.0.0.2:80']);
  });
});
